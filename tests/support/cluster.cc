#include "tests/support/cluster.h"

#include "labctl/compile/address_plan.h"

namespace labctl::test {

namespace {

constexpr std::size_t kNodesPlanned = 20; // so that ranges do not depend on how many there are

} // namespace

Cluster::Cluster(std::size_t nodes, const std::vector<std::string>& pod_ranges) {
    for (const auto& text : pod_ranges) {
        const auto range = *netemu::IpPrefix::parse(text);
        const bool v4 = range.address.is_v4();
        config.pod_cidrs.push_back(range);
        config.service_cidrs.push_back(
            *netemu::IpPrefix::parse(v4 ? "10.96.0.0/12" : "fd00:96::/112"));
        config.underlay_cidrs.push_back(
            *netemu::IpPrefix::parse(v4 ? "172.18.0.0/16" : "fd00:172:18::/64"));
    }
    for (std::size_t i = 1; i <= kNodesPlanned; ++i) {
        compile::NodeConfig node;
        node.name = "node-" + std::to_string(i);
        config.nodes.push_back(std::move(node));
    }
    for (std::size_t i = 1; i <= nodes; ++i) {
        add_node(i);
    }
}

void Cluster::add_node(std::size_t node) {
    const auto plan = compile::plan_nodes(config).at(node - 1);
    auto ranges = api::Json::array();
    for (const auto& range : plan.pod_cidrs) {
        ranges.push_back(range.to_string());
    }
    auto addresses = api::Json::array();
    addresses.push_back({{"type", "Hostname"}, {"address", plan.name}});
    for (const auto& each : plan.underlay) {
        addresses.push_back({{"type", "InternalIP"}, {"address", each.address.to_string()}});
    }
    api::Object object;
    object.body = {
        {"apiVersion", "v1"},
        {"kind", "Node"},
        {"metadata", {{"name", plan.name}}},
        {"spec", {{"podCIDR", ranges.front()}, {"podCIDRs", ranges}}},
        {"status", {{"addresses", addresses}}}};
    store.put(std::move(object));
}

void Cluster::remove_node(std::size_t node) {
    store.remove({"Node", "", "node-" + std::to_string(node)});
}

void Cluster::add_pod(
    std::size_t node, const std::string& ns, const std::string& name, unsigned offset) {
    const auto plan = compile::plan_nodes(config).at(node - 1);
    auto addresses = api::Json::array();
    for (const auto& range : plan.pod_cidrs) {
        addresses.push_back({{"ip", range.address.plus(offset).to_string()}});
    }
    api::Object object;
    object.body = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", ns}}},
        {"spec", {{"nodeName", plan.name}}},
        {"status",
         {{"phase", "Running"}, {"podIP", addresses.front()["ip"]}, {"podIPs", addresses}}}};
    store.put(std::move(object));
}

void Cluster::remove_pod(const std::string& ns, const std::string& name) {
    store.remove({"Pod", ns, name});
}

void Cluster::set_pod(
    const std::string& ns, const std::string& name, const char* pointer, api::Json value) {
    auto object = *store.get({"Pod", ns, name});
    object.body[api::Json::json_pointer(pointer)] = std::move(value);
    store.put(std::move(object));
}

} // namespace labctl::test
