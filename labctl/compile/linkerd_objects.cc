#include "labctl/compile/linkerd_objects.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "labctl/compile/image_name.h"
#include "mesh/linkerd/identity.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr const char* kLinkerdInject = "linkerd.io/inject";
constexpr const char* kLinkerdProxyImage = "cr.l5d.io/linkerd/proxy:edge-25.7.1";
constexpr const char* kOpaquePorts = "config.linkerd.io/opaque-ports";
constexpr const char* kSkipInbound = "config.linkerd.io/skip-inbound-ports";
constexpr const char* kSkipOutbound = "config.linkerd.io/skip-outbound-ports";
constexpr const char* kInboundPolicy = "config.linkerd.io/default-inbound-policy";
constexpr const char* kIdentityPorts = "config.linkerd.io/proxy-require-identity-inbound-ports";
/// What a pod gets from its namespace when it is made.
constexpr std::array kInherited{
    kOpaquePorts, kSkipInbound, kSkipOutbound, kInboundPolicy, kIdentityPorts};
/// linkerd/linkerd2 charts/linkerd-control-plane/values.yaml: opaquePorts, ignoreInboundPorts,
/// ignoreOutboundPorts; and the proxy's own, which nothing serves here.
constexpr std::string_view kDefaultOpaque = "25,587,3306,4444,5432,6379,9300,11211";
constexpr std::string_view kIgnoredPorts = "4567,4568";
constexpr std::string_view kProxyPorts = "4190,4191";

std::optional<std::string> annotation_of(const Json& object, const char* name) {
    const auto& all = at(object, "metadata.annotations");
    const auto found = all.is_object() ? all.find(name) : all.end();
    return found != all.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                    : std::nullopt;
}

/// Of the namespace that the object is in.
std::optional<std::string>
annotation_of_namespace(const store::Store& store, const Json& object, const char* name) {
    const auto ns = store.get({"Namespace", {}, string_at(object, "metadata.namespace")});
    return ns ? annotation_of(ns->body, name) : std::nullopt;
}

bool says_inject(const std::string& word) {
    return word == "enabled" || word == "ingress";
}

std::optional<std::uint16_t> read_port(std::string_view text) {
    text = netemu::trim(text);
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = problem == std::errc{} && end == text.data() + text.size() && port > 0;
    return whole ? std::optional(port) : std::nullopt;
}

void add_ranges(std::vector<PortRange>& to, const std::vector<PortRange>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

std::set<std::uint16_t> ports_in(const std::vector<PortRange>& ranges) {
    std::set<std::uint16_t> ports;
    for (const auto& [from, to] : ranges) {
        for (std::uint32_t port = from; port <= to; ++port) {
            ports.insert(static_cast<std::uint16_t>(port));
        }
    }
    return ports;
}

template <class Visit>
void each_container(const Json& pod, Visit visit) {
    for (const auto* list : {"spec.containers", "spec.initContainers"}) {
        for (const auto& container : at(pod, list)) {
            visit(container);
        }
    }
}

void add_probes(const Json& container, std::set<std::pair<std::uint16_t, std::string>>& probes) {
    for (const auto* kind : {"livenessProbe", "readinessProbe", "startupProbe"}) {
        const auto& asked = at(at(container, kind), "httpGet");
        if (!asked.is_object()) {
            continue;
        }
        auto port = api::int_at(asked, "port", 0);
        for (const auto& declared : at(container, "ports")) {
            if (at(asked, "port").is_string() && at(declared, "name") == at(asked, "port")) {
                port = api::int_at(declared, "containerPort", 0);
            }
        }
        const auto path = string_at(asked, "path", "/");
        if (port > 0 && port <= UINT16_MAX) {
            probes.emplace(static_cast<std::uint16_t>(port), path.substr(0, path.find('?')));
        }
    }
}

} // namespace

std::vector<PortRange> read_port_ranges(std::string_view text) {
    std::vector<PortRange> ranges;
    for (const auto part : netemu::split(text, ',')) {
        const auto dash = part.find('-');
        const auto from = read_port(part.substr(0, dash));
        const auto to = dash == part.npos ? from : read_port(part.substr(dash + 1));
        if (from && to && *from <= *to) {
            ranges.emplace_back(*from, *to);
        }
    }
    return ranges;
}

bool contains_port(const std::vector<PortRange>& ranges, std::uint16_t port) {
    return std::any_of(ranges.begin(), ranges.end(), [port](const PortRange& range) {
        return range.first <= port && port <= range.second;
    });
}

bool has_linkerd_proxy(const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false)) {
        return false; // it would take the connections of its node
    }
    bool found = false;
    each_container(pod, [&](const Json& container) {
        found = found || (string_at(container, "name") == kLinkerdContainer &&
                          is_image(string_at(container, "image"), "linkerd/proxy"));
    });
    return found;
}

bool wants_linkerd_proxy(const store::Store& store, const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false) || has_linkerd_proxy(pod)) {
        return false;
    }
    const auto own = annotation_of(pod, kLinkerdInject);
    return says_inject(
        own ? *own : annotation_of_namespace(store, pod, kLinkerdInject).value_or(""));
}

void inject_linkerd_proxy(const store::Store& store, Json& pod) {
    auto& metadata = pod["metadata"];
    for (const auto* name : kInherited) {
        const auto inherited = annotation_of_namespace(store, pod, name);
        if (inherited && !annotation_of(pod, name)) {
            metadata["annotations"][name] = *inherited;
        }
    }
    pod["spec"]["containers"].push_back(
        {{"name", kLinkerdContainer},
         {"image", kLinkerdProxyImage},
         {"imagePullPolicy", "IfNotPresent"},
         {"resources", Json::object()},
         {"securityContext", {{"runAsUser", 2102}, {"runAsGroup", 2102}}},
         {"terminationMessagePath", "/dev/termination-log"},
         {"terminationMessagePolicy", "FallbackToLogsOnError"}});
    metadata["labels"]["linkerd.io/control-plane-ns"] = kLinkerdNamespace;
    metadata["annotations"]["linkerd.io/proxy-version"] = "edge-25.7.1";
}

std::string linkerd_obstacle(const store::Store& store, const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false)) {
        return "it uses the network of its node (hostNetwork)";
    }
    if (wants_linkerd_proxy(store, pod)) {
        return {};
    }
    if (const auto own = annotation_of(pod, kLinkerdInject)) {
        return std::string("its annotation ") + kLinkerdInject + " is " + *own;
    }
    const auto ns = string_at(pod, "metadata.namespace");
    const auto of_namespace = annotation_of_namespace(store, pod, kLinkerdInject);
    return "its namespace " + ns + " has " +
           (of_namespace ? std::string("the annotation linkerd.io/inject: ") + *of_namespace
                         : std::string("no annotation linkerd.io/inject: enabled"));
}

std::string linkerd_absence(const store::Store& store, const Json& pod) {
    const auto obstacle = linkerd_obstacle(store, pod);
    return obstacle.empty() ? "it was made before its namespace or its annotations asked for one"
                            : obstacle;
}

std::string linkerd_identity(const std::string& trust_domain, const Json& pod) {
    return mesh::linkerd::service_account_identity(
        string_at(pod, "metadata.namespace"),
        string_at(pod, "spec.serviceAccountName", "default"),
        trust_domain);
}

std::vector<PortRange> skipped_inbound_ports(const Json& pod) {
    auto ranges = read_port_ranges(kProxyPorts);
    add_ranges(
        ranges,
        read_port_ranges(annotation_of(pod, kSkipInbound).value_or(std::string(kIgnoredPorts))));
    return ranges;
}

std::vector<PortRange> skipped_outbound_ports(const Json& pod) {
    return read_port_ranges(annotation_of(pod, kSkipOutbound).value_or(std::string(kIgnoredPorts)));
}

std::vector<PortRange> opaque_ports(const store::Store& store, const api::Object& object) {
    auto said = annotation_of(object.body, kOpaquePorts);
    if (!said && object.kind() != "Pod") { // a pod has its namespace's since it was made
        said = annotation_of_namespace(store, object.body, kOpaquePorts);
    }
    return read_port_ranges(said.value_or(std::string(kDefaultOpaque)));
}

mesh::linkerd::Workload linkerd_workload(
    const store::Store& store, const std::string& default_policy, const api::Object& pod) {
    mesh::linkerd::Workload workload;
    workload.ns = pod.ns();
    for (const auto& [key, value] : pod.labels()) {
        workload.labels[key] = value;
    }
    each_container(pod.body, [&](const Json& container) {
        for (const auto& port : at(container, "ports")) {
            const auto number = api::int_at(port, "containerPort", 0);
            const auto name = string_at(port, "name");
            if (string_at(port, "protocol", "TCP") == "TCP" && !name.empty() && number > 0 &&
                number <= UINT16_MAX) {
                workload.named_ports.push_back({name, static_cast<std::uint16_t>(number)});
            }
        }
        add_probes(container, workload.probes);
    });
    const auto policy =
        mesh::linkerd::parse_default_policy(annotation_of(pod.body, kInboundPolicy).value_or(""));
    workload.default_policy = policy
                                  ? *policy
                                  : mesh::linkerd::parse_default_policy(default_policy)
                                        .value_or(mesh::linkerd::DefaultPolicy::AllUnauthenticated);
    workload.opaque_ports = ports_in(opaque_ports(store, pod));
    workload.identity_ports =
        ports_in(read_port_ranges(annotation_of(pod.body, kIdentityPorts).value_or("")));
    return workload;
}

} // namespace labctl::compile
