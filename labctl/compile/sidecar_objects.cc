#include "labctl/compile/sidecar_objects.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "labctl/compile/cluster_state.h"
#include "labctl/compile/image_name.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr const char* kInjectKey = "sidecar.istio.io/inject";
constexpr const char* kProxyImage = "docker.io/istio/proxyv2:1.27.0";

std::string value_of(const Json& map, const std::string& key) {
    const auto found = map.is_object() ? map.find(key) : map.end();
    return found != map.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Of a pod whose namespace wants sidecars. Nothing said is a yes; what is no word for it, a no.
bool says_yes(const std::string& word) {
    constexpr std::array<std::string_view, 5> kYes{"", "y", "yes", "true", "on"};
    return std::find(kYes.begin(), kYes.end(), word) != kYes.end();
}

} // namespace

bool has_sidecar(const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false)) {
        return false; // it would take the connections of its node
    }
    const auto among = [](const Json& containers) {
        return std::any_of(containers.begin(), containers.end(), [](const Json& container) {
            return string_at(container, "name") == kSidecarContainer &&
                   is_image(string_at(container, "image"), "istio/proxyv2");
        });
    };
    return among(at(pod, "spec.containers")) || among(at(pod, "spec.initContainers"));
}

bool wants_sidecar(const store::Store& store, const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false) || has_sidecar(pod)) {
        return false;
    }
    const auto object = store.get({"Namespace", {}, string_at(pod, "metadata.namespace")});
    const auto of_namespace =
        object ? value_of(at(object->body, "metadata.labels"), "istio-injection") : std::string();
    const auto label = value_of(at(pod, "metadata.labels"), kInjectKey);
    if (of_namespace == "enabled") {
        const auto annotation = value_of(at(pod, "metadata.annotations"), kInjectKey);
        return says_yes(label.empty() ? annotation : label);
    }
    return of_namespace != "disabled" && label == "true";
}

void inject_sidecar(Json& pod) {
    pod["spec"]["containers"].push_back(
        {{"name", kSidecarContainer},
         {"image", kProxyImage},
         {"imagePullPolicy", "IfNotPresent"},
         {"args", {"proxy", "sidecar"}},
         {"resources", Json::object()},
         {"securityContext", {{"runAsUser", 1337}, {"runAsGroup", 1337}}},
         {"terminationMessagePath", "/dev/termination-log"},
         {"terminationMessagePolicy", "File"}});
    auto& metadata = pod["metadata"];
    metadata["labels"]["security.istio.io/tlsMode"] = "istio";
    metadata["annotations"]["sidecar.istio.io/status"] =
        R"({"initContainers":null,"containers":["istio-proxy"],"revision":"default"})";
}

mesh::SidecarPodLabels sidecar_pod_labels(const api::Object& pod, bool is_member) {
    const auto labels = pod.labels();
    const auto label = [&labels](std::initializer_list<const char*> names) {
        for (const auto* const name : names) {
            if (const auto found = labels.find(name); found != labels.end()) {
                return found->second;
            }
        }
        return std::string();
    };
    mesh::SidecarPodLabels told;
    const auto owner = controller_of(pod.body);
    told.workload = owner ? owner->name : pod.name();
    told.kind = netemu::to_lower(owner ? owner->kind : std::string("Pod"));
    const auto hash = "-" + label({"pod-template-hash"});
    if (told.kind == "replicaset" && hash.size() > 1 && told.workload.ends_with(hash)) {
        told.kind = "deployment";
        told.workload.resize(told.workload.size() - hash.size());
    }
    told.app = label({"app"});
    told.version = label({"version"});
    told.service = label({"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"});
    if (told.service.empty()) {
        told.service = told.workload;
    }
    told.revision =
        label({"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"});
    if (told.revision.empty()) {
        told.revision = "latest";
    }
    for (const auto& ip : api::at(pod.body, "status.podIPs")) {
        const auto address = netemu::IpAddress::parse(api::string_at(ip, "ip"));
        if (is_member && address) {
            told.addresses.push_back(*address);
        }
    }
    return told;
}

void add_endpoint_labels(const store::Store& store, mesh::SidecarTable& table) {
    for (const auto& service : table.services) {
        for (const auto& endpoint : service.endpoints) {
            const auto slash = endpoint.pod.find('/');
            if (slash == std::string::npos || table.pods.contains(endpoint.pod)) {
                continue;
            }
            const auto pod =
                store.get({"Pod", endpoint.pod.substr(0, slash), endpoint.pod.substr(slash + 1)});
            if (pod) {
                table.pods.emplace(endpoint.pod, sidecar_pod_labels(*pod, false));
            }
        }
    }
}

} // namespace labctl::compile
