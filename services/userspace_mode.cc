#include "services/userspace_mode.h"

namespace services {
namespace {

constexpr std::string_view kUserspaceNatChains =
    ":KUBE-PORTALS-CONTAINER - [0:0]\n:KUBE-PORTALS-HOST - [0:0]\n"
    ":KUBE-NODEPORT-CONTAINER - [0:0]\n:KUBE-NODEPORT-HOST - [0:0]\n";
constexpr std::string_view kUserspaceFilterChains = ":KUBE-NODEPORT-NON-LOCAL - [0:0]\n";

std::string portal_match(const ServicePortInput& input, std::uint16_t port) {
    const std::string protocol{lower_text(input.name.protocol)};
    return " -m comment --comment " + input.name.to_string() + " -p " + protocol + " -m " +
           protocol + " --dport " + std::to_string(port);
}

/// The rules of one service port, by table.
struct PortalRules {
    std::string nat;
    std::string filter;
};

void add_portal_rules(
    PortalRules& rules,
    const UserspacePort& port,
    const IpAddress& node_address,
    UserspaceBind bind) {
    const auto& input = *port.input;
    const auto to_proxy = " -j DNAT --to-destination " +
                          netemu::Endpoint{node_address, port.proxy_port}.to_string() + "\n";
    const auto redirect = bind == UserspaceBind::Node
                              ? to_proxy
                              : " -j REDIRECT --to-ports " + std::to_string(port.proxy_port) + "\n";
    std::vector<IpAddress> addresses{input.cluster_ip};
    addresses.insert(addresses.end(), input.external_ips.begin(), input.external_ips.end());
    addresses.insert(addresses.end(), input.vips.begin(), input.vips.end());
    for (const auto& address : addresses) {
        const auto match = portal_match(input, input.port) + " -d " + address.to_string();
        rules.nat += "-A KUBE-PORTALS-CONTAINER" + match + redirect;
        rules.nat += "-A KUBE-PORTALS-HOST" + match + to_proxy;
    }
    if (input.node_port != 0) {
        const auto match = portal_match(input, input.node_port);
        rules.nat += "-A KUBE-NODEPORT-CONTAINER" + match + redirect;
        rules.nat += "-A KUBE-NODEPORT-HOST" + match + to_proxy;
        // After the redirection the packet comes in at the proxy's own port.
        rules.filter += "-A KUBE-NODEPORT-NON-LOCAL" + portal_match(input, port.proxy_port) +
                        " -m state --state NEW -j ACCEPT\n";
    }
}

} // namespace

std::string userspace_setup() {
    const std::string portals =
        " -m comment --comment \"handle ClusterIPs; NOTE: this must be before the NodePort rules\" "
        "-j KUBE-PORTALS-";
    const std::string node_ports =
        " -m addrtype --dst-type LOCAL -m comment --comment \"handle service NodePorts; NOTE: this "
        "must be the last rule in the chain\" -j KUBE-NODEPORT-";
    std::string text = "*filter\n" + std::string{kUserspaceFilterChains};
    text += "-I INPUT -m comment --comment \"Ensure that non-local NodePort traffic can flow\" -j "
            "KUBE-NODEPORT-NON-LOCAL\nCOMMIT\n";
    text += "*nat\n" + std::string{kUserspaceNatChains};
    text += "-I PREROUTING" + portals + "CONTAINER\n";
    text += "-I OUTPUT" + portals + "HOST\n";
    text += "-A PREROUTING" + node_ports + "CONTAINER\n";
    text += "-A OUTPUT" + node_ports + "HOST\n";
    return text + "COMMIT\n";
}

std::string userspace_sync(
    std::span<const UserspacePort> ports, const IpAddress& node_address, UserspaceBind bind) {
    PortalRules rules;
    for (const auto& port : ports) {
        add_portal_rules(rules, port, node_address, bind);
    }
    return "*filter\n" + std::string{kUserspaceFilterChains} + rules.filter + "COMMIT\n*nat\n" +
           std::string{kUserspaceNatChains} + rules.nat + "COMMIT\n";
}

} // namespace services
