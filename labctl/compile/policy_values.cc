#include "labctl/compile/policy_values.h"

#include <algorithm>
#include <array>

#include "labctl/api/containers.h"
#include "labctl/compile/policy_rules.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using services::IpAddress;
using services::PolicyTier;

constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";
constexpr std::array<std::string_view, 4> kPolicyKinds{
    "NetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"};

services::PolicyLabels policy_labels(const api::Labels& labels) {
    services::PolicyLabels made;
    for (const auto& [key, value] : labels) { // a map: sorted
        made.push_back({key, value});
    }
    return made;
}

bool has_type(const Json& spec, std::string_view type) {
    const auto& types = at(spec, "policyTypes");
    if (types.is_array() && !types.empty()) {
        return std::find(types.begin(), types.end(), type) != types.end();
    }
    return type == "Ingress" || !at(spec, "egress").empty(); // 3.12
}

void read_network_policy(const Json& spec, services::Policy& policy) {
    policy.tier = PolicyTier::NetworkPolicy;
    policy.subject = {policy.ns, {}, policy_selector(at(spec, "podSelector"))};
    if (has_type(spec, "Ingress")) {
        policy.ingress = network_policy_rules(at(spec, "ingress"), "from", policy.ns);
    }
    if (has_type(spec, "Egress")) {
        policy.egress = network_policy_rules(at(spec, "egress"), "to", policy.ns);
    }
}

void read_admin_policy(const Json& spec, services::Policy& policy) {
    policy.tier =
        policy.kind == "BaselineAdminNetworkPolicy" || string_at(spec, "tier") == "Baseline"
            ? PolicyTier::Baseline
            : PolicyTier::Admin;
    policy.priority = static_cast<int>(api::int_at(spec, "priority", 0));
    if (const auto subject = namespaced_pods(at(spec, "subject"))) {
        policy.subject = *subject;
    } else { // no subject that we know: nobody
        policy.subject.pods.requirements = {
            {std::string(kNameLabel), services::LabelRequirement::Operator::In, {}}};
    }
    if (auto rules = admin_policy_rules(at(spec, "ingress"), "from"); !rules.empty()) {
        policy.ingress = std::move(rules); // 8.11
    }
    if (auto rules = admin_policy_rules(at(spec, "egress"), "to"); !rules.empty()) {
        policy.egress = std::move(rules);
    }
}

void add_ports(const Json& container, std::vector<services::NamedPort>& ports) {
    for (const auto& port : at(container, "ports")) {
        const auto protocol = services::parse_protocol(string_at(port, "protocol"));
        const auto number = api::int_at(port, "containerPort", 0);
        if (protocol && number > 0 && number <= UINT16_MAX) {
            ports.push_back(
                {string_at(port, "name"), *protocol, static_cast<std::uint16_t>(number)});
        }
    }
}

template <class Value, class Map>
void add_values(const store::Store& store, std::string_view kind, Value value, Map add) {
    for (const auto& object : store.list(std::string(kind))) {
        add(value(*object));
    }
}

} // namespace

bool is_policy_kind(std::string_view kind) {
    return std::find(kPolicyKinds.begin(), kPolicyKinds.end(), kind) != kPolicyKinds.end();
}

services::PolicyPtr policy_value(const api::Object& object) {
    services::Policy policy;
    policy.kind = object.kind();
    if (!is_policy_kind(policy.kind)) {
        return nullptr;
    }
    policy.ns = object.ns();
    policy.name = object.name();
    policy.source = object.source.file.empty() ? std::string{} : object.source.to_string();
    if (policy.kind == "NetworkPolicy") {
        read_network_policy(at(object.body, "spec"), policy);
    } else {
        read_admin_policy(at(object.body, "spec"), policy);
    }
    return std::make_shared<const services::Policy>(std::move(policy));
}

std::optional<services::PolicyPod> policy_pod(const api::Object& object) {
    const auto& body = object.body;
    const auto phase = string_at(body, "status.phase");
    services::PolicyPod pod;
    for (const auto& entry : at(body, "status.podIPs")) {
        if (const auto address = IpAddress::parse(string_at(entry, "ip"))) {
            pod.ips.push_back(*address);
        }
    }
    if (pod.ips.empty() || phase == "Succeeded" || phase == "Failed") {
        return std::nullopt;
    }
    pod.ns = object.ns();
    pod.name = object.name();
    pod.node = string_at(body, "spec.nodeName");
    pod.labels = policy_labels(object.labels());
    pod.host_network = api::bool_at(body, "spec.hostNetwork", false);
    pod.ports = declared_ports(object);
    std::erase_if(pod.ports, [](const services::NamedPort& port) { return port.name.empty(); });
    return pod;
}

std::vector<services::NamedPort> declared_ports(const api::Object& pod) {
    std::vector<services::NamedPort> ports;
    for (const Json& container : api::running_containers(pod.body)) {
        add_ports(container, ports);
    }
    std::sort(ports.begin(), ports.end());
    return ports;
}

services::PolicyNamespace policy_namespace(const api::Object& ns) {
    auto labels = ns.labels();
    labels[std::string(kNameLabel)] = ns.name();
    return {ns.name(), policy_labels(labels)};
}

services::PolicyNode policy_node(const api::Object& node) {
    services::PolicyNode value{node.name(), policy_labels(node.labels()), {}};
    for (const auto& entry : at(node.body, "status.addresses")) {
        if (const auto address = IpAddress::parse(string_at(entry, "address"))) {
            value.ips.push_back(*address); // host names are among them
        }
    }
    return value;
}

services::PolicyCluster policy_cluster(const store::Store& store) {
    services::PolicyCluster cluster;
    for (const auto kind : kPolicyKinds) {
        add_values(store, kind, policy_value, [&](services::PolicyPtr policy) {
            const auto key = services::policy_key(*policy);
            cluster.policies[key] = std::move(policy);
        });
    }
    add_values(store, "Pod", policy_pod, [&](std::optional<services::PolicyPod> pod) {
        if (pod) {
            services::PolicyCluster::Key key{pod->ns, pod->name};
            cluster.pods[std::move(key)] = std::move(*pod);
        }
    });
    add_values(store, "Namespace", policy_namespace, [&](services::PolicyNamespace ns) {
        cluster.namespaces[ns.name] = std::move(ns);
    });
    add_values(store, "Node", policy_node, [&](services::PolicyNode node) {
        cluster.nodes[node.name] = std::move(node);
    });
    return cluster;
}

} // namespace labctl::compile
