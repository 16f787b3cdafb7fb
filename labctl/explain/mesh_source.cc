#include "labctl/explain/mesh_source.h"

#include <optional>

#include "labctl/compile/network.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;

std::optional<IpAddress> address_of_device(
    const netemu::DesiredState& network,
    const std::string& ns,
    const std::string& device,
    netemu::Family family) {
    const auto found = network.namespaces.find(ns);
    if (found == network.namespaces.end()) {
        return std::nullopt;
    }
    for (const auto& link : found->second.links) {
        for (const auto& prefix : link.addresses) {
            if (link.name == device && prefix.address.family() == family) {
                return prefix.address;
            }
        }
    }
    return std::nullopt;
}

std::optional<IpAddress>
address_of_node(const store::Store& store, const std::string& name, netemu::Family family) {
    const auto node = store.get({"Node", {}, name});
    if (!node) {
        return std::nullopt;
    }
    for (const auto& entry : at(node->body, "status.addresses")) {
        const auto address = IpAddress::parse(string_at(entry, "address"));
        if (address && address->family() == family) {
            return address;
        }
    }
    return std::nullopt;
}

} // namespace

IpAddress explain_client(
    const Json& explanation,
    const Json& branch,
    netemu::Family family,
    const store::Store& store,
    const netemu::DesiredState& network) {
    const auto own = IpAddress::parse(string_at(explanation, "from.address")).value_or(IpAddress());
    const bool of_node = string_at(explanation, "from.name").starts_with("node/");
    if (!of_node && !api::bool_at(branch, "masqueraded", false)) {
        return own;
    }
    const auto node = string_at(explanation, "node");
    const auto ns = compile::node_namespace(node);
    for (const auto& hop : at(branch, "way")) {
        const auto out = string_at(hop, "out"); // the device, and behind it the bridge's port
        if (string_at(hop, "place") == ns) {
            if (auto address =
                    address_of_device(network, ns, out.substr(0, out.find(' ')), family)) {
                return *address;
            }
        }
    }
    return address_of_node(store, node, family).value_or(own);
}

} // namespace labctl::explain
