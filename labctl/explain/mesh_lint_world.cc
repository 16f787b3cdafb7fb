#include "labctl/explain/mesh_lint_world.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "labctl/compile/mesh_view.h"
#include "labctl/compile/service_index.h"
#include "labctl/compile/service_values.h"
#include "labctl/compile/sidecars.h"

namespace labctl::explain {

namespace {

using api::at;
using api::string_at;

constexpr std::array<std::string_view, 2> kOfTheLab{"kube-system", "ingress-system"};

MeshLintPod lint_pod(const api::Object& object) {
    MeshLintPod pod{object.ns(), object.name(), compile::mesh_labels(object), {}, {}, {}};
    for (const auto& container : at(object.body, "spec.containers")) {
        for (const auto& port : at(container, "ports")) {
            pod.declared.insert(static_cast<std::uint16_t>(api::int_at(port, "containerPort", 0)));
        }
    }
    return pod;
}

class LintWorldBuilder {
public:
    explicit LintWorldBuilder(const store::Store& store) : store_(store) {}

    MeshLintWorld build() && {
        for (const auto& account : store_.keys("ServiceAccount")) {
            world_.accounts.insert(account.ns + "/" + account.name);
        }
        for (const auto& object : store_.list("Pod")) {
            if (std::find(kOfTheLab.begin(), kOfTheLab.end(), object->ns()) == kOfTheLab.end()) {
                pods_[{object->ns(), object->name()}] = world_.pods.size();
                world_.pods.push_back(lint_pod(*object));
            }
        }
        for (const auto& slice : store_.list("EndpointSlice")) {
            add_slice(*slice);
        }
        return std::move(world_);
    }

private:
    void add_slice(const api::Object& object) {
        const auto labels = object.labels();
        const auto name = labels.find(compile::kServiceNameLabel);
        const auto slice = compile::slice_value(object.body);
        const auto service =
            name == labels.end() ? nullptr : store_.get({"Service", object.ns(), name->second});
        if (!slice || !service) {
            return;
        }
        for (const auto& port : compile::service_value(service->body).ports) {
            if (port.protocol != services::Protocol::Tcp) {
                continue;
            }
            const auto found =
                std::find_if(slice->ports.begin(), slice->ports.end(), [&](const auto& each) {
                    return each.name == port.name && each.protocol == port.protocol && each.port;
                });
            if (found == slice->ports.end()) {
                continue;
            }
            const auto protocol =
                compile::sidecar_protocol(port.app_protocol, port.name, port.port);
            for (const auto& endpoint : slice->endpoints) {
                const auto pod = pods_.find({endpoint.pod_namespace, endpoint.pod_name});
                if (pod != pods_.end()) {
                    auto& known = world_.pods[pod->second];
                    known.served.emplace(*found->port, protocol);
                    known.services.try_emplace(
                        port.port,
                        MeshLintPod::Service{service->ns() + "/" + service->name(), *found->port});
                }
            }
        }
    }

    const store::Store& store_;
    MeshLintWorld world_;
    std::map<std::pair<std::string, std::string>, std::size_t> pods_;
};

} // namespace

std::vector<const MeshLintPod*>
MeshLintWorld::selected(const std::string& ns, const mesh::istio::Labels& selector) const {
    std::vector<const MeshLintPod*> found;
    for (const auto& pod : pods) {
        if (mesh::istio::applies({ns, selector, false}, pod.ns, pod.labels)) {
            found.push_back(&pod);
        }
    }
    return found;
}

MeshLintWorld mesh_lint_world(const store::Store& store) {
    return LintWorldBuilder(store).build();
}

} // namespace labctl::explain
