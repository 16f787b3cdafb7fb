#include <initializer_list>
#include <set>
#include <string>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/rules.h"

/// What the schemas of the admin policies check beside their fields: the CustomResourceDefinitions'
/// limits and CEL rules (network-policy-api; reference netpol.md 8.2, 8.15 to 8.20).
namespace labctl::manifest {

namespace {

constexpr std::size_t kAdminItemsMax = 100; // v1alpha1: rules, peers and ports
constexpr std::size_t kClusterItemsMax = 25;
constexpr std::size_t kNetworksMax = 25;
constexpr std::size_t kRuleNameMax = 100;

void at_most(const Cursor& list, std::size_t limit) {
    if (list.size() > limit) {
        list.error(compose(
            {"Too many: ",
             std::to_string(list.size()),
             ": must have at most ",
             std::to_string(limit),
             " items"}));
    }
}

/// Empty lists are not absent ones for a CustomResourceDefinition with minItems.
void not_empty(const Cursor& list) {
    if (list.json().is_array() && list.json().empty()) {
        list.invalid("should have at least 1 items", "leave the field out");
    }
}

bool exactly_one(const Cursor& of, std::initializer_list<std::string_view> fields) {
    std::string all;
    std::size_t present = 0;
    for (const auto field : fields) {
        all += (all.empty() ? "" : ", ") + std::string(field);
        present += of[field].present() ? 1U : 0U;
    }
    if (present != 1) {
        of.error(compose(
            {present == 0 ? "Required value" : "Forbidden", ": must set exactly one of ", all}));
    }
    return present == 1;
}

void check_rule(const Cursor& rule, std::string_view ports, std::size_t limit) {
    if (rule["name"].text().size() > kRuleNameMax) {
        rule["name"].error("Too long: may not be more than 100 bytes");
    }
    for (const auto peers : {"from", "to"}) {
        at_most(rule[peers], limit);
    }
    at_most(rule[ports], limit);
    not_empty(rule[ports]);
}

/// There are no named ports on what is no pod (8.17).
void check_names(const Cursor& rule, std::string_view ports, std::string_view name) {
    bool addresses = false;
    rule["to"].each([&](const Cursor& peer) {
        addresses = addresses || peer["networks"].present() || peer["nodes"].present();
    });
    rule[ports].each([&](const Cursor& port) {
        if (addresses && port[name].present()) {
            port[name].forbidden(
                "networks and nodes have no named ports",
                "write the number, or put these peers into a rule of their own");
        }
    });
}

} // namespace

void check_admin_ingress_peer(const Cursor& peer) {
    (void)exactly_one(peer, {"namespaces", "pods"});
}

void check_admin_egress_peer(const Cursor& peer) {
    const auto domains = peer["domainNames"];
    if (domains.present()) {
        domains.forbidden(
            "labctl cannot match domain names: that takes a DNS proxy in each node",
            "write the addresses under `networks`");
        return;
    }
    if (!exactly_one(peer, {"namespaces", "pods", "nodes", "networks"})) {
        return;
    }
    const auto networks = peer["networks"];
    at_most(networks, kNetworksMax);
    not_empty(networks);
    std::set<std::string_view> seen;
    networks.each([&](const Cursor& network) {
        if (!network.text().empty() && !seen.insert(network.text()).second) {
            network.duplicate();
        }
    });
}

void check_port_range(const Cursor& range) {
    const auto start = range["start"];
    const auto end = range["end"];
    if (start.is_number() && end.is_number() && start.number() >= end.number()) {
        range.error("Invalid value: Start port must be less than End port");
    }
}

void check_admin_port(const Cursor& port) {
    (void)exactly_one(port, {"portNumber", "namedPort", "portRange"});
}

void check_admin_rule(const Cursor& rule) {
    check_rule(rule, "ports", kAdminItemsMax);
    check_names(rule, "ports", "namedPort");
}

void check_admin_spec(const Cursor& spec) {
    at_most(spec["ingress"], kAdminItemsMax);
    at_most(spec["egress"], kAdminItemsMax);
}

void check_baseline_policy(const Cursor& policy) {
    const auto name = policy["metadata"]["name"];
    if (name.is_text() && !name.text().empty() && name.text() != "default") {
        name.invalid(
            "the only BaselineAdminNetworkPolicy of a cluster is named \"default\"",
            "name it default, or write a ClusterNetworkPolicy with tier: Baseline");
    }
}

void check_destination_port(const Cursor& port) {
    (void)exactly_one(port, {"number", "range"});
}

void check_cluster_protocol(const Cursor& protocol) {
    (void)exactly_one(protocol, {"tcp", "udp", "sctp", "destinationNamedPort"});
}

void check_cluster_rule(const Cursor& rule) {
    check_rule(rule, "protocols", kClusterItemsMax);
    check_names(rule, "protocols", "destinationNamedPort");
}

void check_cluster_spec(const Cursor& spec) {
    at_most(spec["ingress"], kClusterItemsMax);
    at_most(spec["egress"], kClusterItemsMax);
}

} // namespace labctl::manifest
