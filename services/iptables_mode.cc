#include "services/iptables_mode.h"

#include <algorithm>
#include <cstdio>

#include "services/decision.h"
#include "services/sha256.h"

namespace services {
namespace {

constexpr std::size_t kIptablesHashCharacters = 16;

std::string quoted(const std::string& text) {
    return '"' + text + '"';
}

std::string iptables_comment(const std::string& text) {
    // Without a blank, kube-proxy writes it without quotes.
    const bool plain = text.find(' ') == std::string::npos;
    return " -m comment --comment " + (plain ? text : quoted(text));
}

/// The words that several rules of one service port share.
class IptablesWriter {
public:
    IptablesWriter(
        const ServicePortInput& input,
        const ProxyNode& node,
        const ProxyConfig& config,
        const IptablesOptions& options)
        : input_(input), node_(node), config_(config), options_(options),
          decision_(decide(input, node)), name_(input.name.to_string()),
          protocol_(lower_text(input.name.protocol)), svc_(iptables_chain("KUBE-SVC-", input.name)),
          svl_(iptables_chain("KUBE-SVL-", input.name)),
          ext_(iptables_chain("KUBE-EXT-", input.name)),
          fw_(iptables_chain("KUBE-FW-", input.name)) {}

    IptablesFragment write() {
        write_cluster_ip();
        write_external_ips();
        write_vips();
        write_node_port();
        write_internal_masquerade();
        if (decision_.external_chain) {
            write_external_chain();
        }
        if (decision_.restricted && decision_.external_chain) {
            write_firewall_chain();
        }
        if (decision_.cluster_chain) {
            write_balancing(svc_, decision_.sets.cluster);
        }
        if (decision_.local_chain) {
            write_balancing(svl_, decision_.sets.local);
        }
        for (const auto* endpoint : decision_.sets.reachable()) {
            write_endpoint(*endpoint);
        }
        std::sort(fragment_.chains.begin(), fragment_.chains.end());
        return std::move(fragment_);
    }

private:
    [[nodiscard]] std::string proto() const { return " -m " + protocol_ + " -p " + protocol_; }
    [[nodiscard]] std::string to(const IpAddress& address) const {
        return proto() + " -d " + address.to_string() + " --dport " + std::to_string(input_.port);
    }
    [[nodiscard]] std::string no_endpoint_comment(NoEndpointAnswer answer) const {
        return iptables_comment(
            name_ +
            (answer == NoEndpointAnswer::Reject ? " has no endpoints" : " has no local endpoints"));
    }
    static std::string target(NoEndpointAnswer answer) {
        return answer == NoEndpointAnswer::Reject ? " -j REJECT\n" : " -j DROP\n";
    }
    [[nodiscard]] std::string local_policy_chain(TrafficPolicy policy) const {
        return policy == TrafficPolicy::Local ? svl_ : svc_;
    }
    void rule(const std::string& chain, const std::string& rest) {
        fragment_.chain_rules += "-A " + chain + rest + "\n";
    }

    void write_cluster_ip() {
        if (decision_.internal_works()) {
            fragment_.nat_services += "-A KUBE-SERVICES" + iptables_comment(name_ + " cluster IP") +
                                      to(input_.cluster_ip) + " -j " +
                                      local_policy_chain(input_.internal_policy) + "\n";
            return;
        }
        fragment_.filter_services += "-A KUBE-SERVICES" + no_endpoint_comment(decision_.internal) +
                                     to(input_.cluster_ip) + target(decision_.internal);
    }

    void refuse_external(const std::string& match) {
        if (!decision_.external_works()) {
            fragment_.filter_external_services += "-A KUBE-EXTERNAL-SERVICES" +
                                                  no_endpoint_comment(decision_.external) + match +
                                                  target(decision_.external);
        }
    }

    void write_external_ips() {
        for (const auto& address : input_.external_ips) {
            if (decision_.external_chain) {
                fragment_.nat_services += "-A KUBE-SERVICES" +
                                          iptables_comment(name_ + " external IP") + to(address) +
                                          " -j " + ext_ + "\n";
            }
            refuse_external(to(address));
        }
    }

    void write_vips() {
        const bool firewall = decision_.restricted && decision_.external_chain;
        for (const auto& vip : input_.vips) {
            if (decision_.external_chain) {
                fragment_.nat_services += "-A KUBE-SERVICES" +
                                          iptables_comment(name_ + " loadbalancer IP") + to(vip) +
                                          " -j " + (firewall ? fw_ : ext_) + "\n";
            }
            if (firewall) {
                fragment_.filter_firewall +=
                    "-A KUBE-PROXY-FIREWALL" +
                    iptables_comment(name_ + " traffic not accepted by " + fw_) + to(vip) +
                    " -j DROP\n";
            }
            refuse_external(to(vip));
        }
    }

    void write_node_port() {
        if (input_.node_port != 0) {
            const auto port = proto() + " --dport " + std::to_string(input_.node_port);
            if (decision_.external_chain) {
                fragment_.nat_node_ports +=
                    "-A KUBE-NODEPORTS" + iptables_comment(name_) + port + " -j " + ext_ + "\n";
            }
            refuse_external(" -m addrtype --dst-type LOCAL" + port);
        }
        if (input_.health_check_node_port != 0) {
            fragment_.filter_node_ports +=
                "-A KUBE-NODEPORTS" + iptables_comment(name_ + " health check node port") +
                " -m tcp -p tcp --dport " + std::to_string(input_.health_check_node_port) +
                " -j ACCEPT\n";
        }
    }

    void write_internal_masquerade() {
        const auto* pods = config_.cluster_cidr(input_.family);
        if (!decision_.internal_works() || (!config_.masquerade_all && pods == nullptr)) {
            return;
        }
        const auto except = config_.masquerade_all ? "" : " ! -s " + pods->to_string();
        rule(
            local_policy_chain(input_.internal_policy),
            iptables_comment(name_ + " cluster IP") + to(input_.cluster_ip) + except +
                " -j KUBE-MARK-MASQ");
    }

    void write_external_chain() {
        const auto destinations = " for " + name_ + " external destinations";
        fragment_.chains.push_back(ext_);
        if (input_.external_policy == TrafficPolicy::Cluster) {
            rule(
                ext_, iptables_comment("masquerade traffic" + destinations) + " -j KUBE-MARK-MASQ");
        } else {
            if (const auto* pods = config_.cluster_cidr(input_.family)) {
                rule(
                    ext_,
                    iptables_comment("pod traffic" + destinations) + " -s " + pods->to_string() +
                        " -j " + svc_);
            }
            const std::string local = " -m addrtype --src-type LOCAL -j ";
            rule(
                ext_,
                iptables_comment("masquerade LOCAL traffic" + destinations) + local +
                    "KUBE-MARK-MASQ");
            rule(ext_, iptables_comment("route LOCAL traffic" + destinations) + local + svc_);
        }
        if (decision_.external_works()) {
            rule(ext_, " -j " + local_policy_chain(input_.external_policy));
        }
    }

    void write_firewall_chain() {
        fragment_.chains.push_back(fw_);
        for (const auto& source : allowed_vip_sources(input_, node_)) {
            const bool host = source.length == source.address.bits();
            rule(
                fw_,
                iptables_comment(name_ + " loadbalancer IP") + " -s " +
                    (host ? source.address.to_string() : source.to_string()) + " -j " + ext_);
        }
        rule(
            fw_,
            iptables_comment(
                "other traffic to " + name_ + " will be dropped by KUBE-PROXY-FIREWALL"));
    }

    void
    write_balancing(const std::string& chain, const std::vector<const ProxyEndpoint*>& endpoints) {
        fragment_.chains.push_back(chain);
        const auto comment = [&](const ProxyEndpoint& endpoint) {
            return options_.large_cluster ? std::string{}
                                          : iptables_comment(name_ + " -> " + endpoint.to_string());
        };
        if (input_.affinity_seconds != 0) {
            for (const auto* endpoint : endpoints) {
                const auto sep = iptables_endpoint_chain(input_.name, *endpoint);
                rule(
                    chain,
                    comment(*endpoint) + " -m recent --name " + sep + " --rcheck --seconds " +
                        std::to_string(input_.affinity_seconds) + " --reap -j " + sep);
            }
        }
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
            auto rest = comment(*endpoints[i]);
            if (const auto left = endpoints.size() - i; left > 1) {
                std::array<char, 32> probability{};
                const auto one_of_them = 1.0 / static_cast<double>(left);
                std::snprintf(probability.data(), probability.size(), "%0.10f", one_of_them);
                rest += " -m statistic --mode random --probability ";
                rest += probability.data();
            }
            rule(chain, rest + " -j " + iptables_endpoint_chain(input_.name, *endpoints[i]));
        }
    }

    void write_endpoint(const ProxyEndpoint& endpoint) {
        const auto sep = iptables_endpoint_chain(input_.name, endpoint);
        const auto comment = options_.large_cluster ? std::string{} : iptables_comment(name_);
        fragment_.chains.push_back(sep);
        rule(sep, comment + " -s " + endpoint.endpoint.address.to_string() + " -j KUBE-MARK-MASQ");
        const auto remember =
            input_.affinity_seconds != 0 ? " -m recent --name " + sep + " --set" : std::string{};
        rule(
            sep,
            comment + remember + proto() + " -j DNAT --to-destination " + endpoint.to_string());
    }

    const ServicePortInput& input_;
    const ProxyNode& node_;
    const ProxyConfig& config_;
    const IptablesOptions& options_;
    PortDecision decision_;
    std::string name_;
    std::string protocol_;
    std::string svc_;
    std::string svl_;
    std::string ext_;
    std::string fw_;
    IptablesFragment fragment_;
};

bool guards_localnet(Family family, const IptablesOptions& options) {
    return family == Family::V4 && options.localhost_node_ports;
}

std::string declare_chains(std::span<const char* const> chains) {
    std::string text;
    for (const auto* chain : chains) {
        text += ":" + std::string{chain} + " - [0:0]\n";
    }
    return text;
}

constexpr std::array kFilterChains{
    "KUBE-NODEPORTS",
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FIREWALL",
    "KUBE-FORWARD",
    "KUBE-PROXY-FIREWALL"};
constexpr std::array kNatChains{
    "KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"};

constexpr std::string_view kForwardRules =
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
    "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark "
    "0x4000/0x4000 -j ACCEPT\n"
    "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack "
    "--ctstate RELATED,ESTABLISHED -j ACCEPT\n";
constexpr std::string_view kLocalnetGuard =
    "-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\" -d 127.0.0.0/8 "
    "! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP\n";

std::string node_ports_jump(Family family, const IptablesOptions& options) {
    std::string destinations = " -m addrtype --dst-type LOCAL";
    if (family == Family::V6) {
        destinations += " ! -d ::1/128";
    } else if (!options.localhost_node_ports) {
        destinations += " ! -d 127.0.0.0/8";
    }
    return "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must "
           "be the last rule in this chain\"" +
           destinations + " -j KUBE-NODEPORTS\n";
}

std::string filter_text(const IptablesSync& sync, Family family, const IptablesOptions& options) {
    std::string text = "*filter\n" + declare_chains(kFilterChains);
    const auto all = [&](std::string IptablesFragment::*rules) {
        for (const auto* fragment : sync.all) {
            text += fragment->*rules;
        }
    };
    all(&IptablesFragment::filter_node_ports);
    all(&IptablesFragment::filter_services);
    all(&IptablesFragment::filter_external_services);
    if (guards_localnet(family, options)) {
        text += kLocalnetGuard;
    }
    text += kForwardRules;
    all(&IptablesFragment::filter_firewall);
    return text + "COMMIT\n";
}

std::string nat_text(const IptablesSync& sync, Family family, const IptablesOptions& options) {
    std::string text = "*nat\n" + declare_chains(kNatChains);
    for (const auto* fragment : sync.changed) {
        for (const auto& chain : fragment->chains) {
            text += ":" + chain + " - [0:0]\n";
        }
    }
    for (const auto& chain : sync.stale) {
        text += ":" + chain + " - [0:0]\n";
    }
    text += "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
            "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000\n"
            "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring "
            "SNAT\" -j MASQUERADE";
    text += options.random_fully ? " --random-fully\n" : "\n";
    text += "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\n";
    for (const auto* fragment : sync.all) {
        text += fragment->nat_node_ports;
    }
    for (const auto* fragment : sync.all) {
        text += fragment->nat_services;
    }
    text += node_ports_jump(family, options);
    for (const auto* fragment : sync.changed) {
        text += fragment->chain_rules;
    }
    for (const auto& chain : sync.stale) {
        text += "-X " + chain + "\n";
    }
    return text + "COMMIT\n";
}

} // namespace

std::string iptables_chain(std::string_view prefix, const ServicePortName& name) {
    const auto hashed = name.to_string() + std::string{lower_text(name.protocol)};
    return std::string{prefix} + base32_prefix(sha256(hashed), kIptablesHashCharacters);
}

std::string iptables_endpoint_chain(const ServicePortName& name, const ProxyEndpoint& endpoint) {
    const auto hashed =
        name.to_string() + std::string{lower_text(name.protocol)} + endpoint.to_string();
    return "KUBE-SEP-" + base32_prefix(sha256(hashed), kIptablesHashCharacters);
}

IptablesFragment iptables_fragment(
    const ServicePortInput& input,
    const ProxyNode& node,
    const ProxyConfig& config,
    const IptablesOptions& options) {
    return IptablesWriter{input, node, config, options}.write();
}

std::string iptables_setup(Family family, const IptablesOptions& options) {
    const auto jump = [](const char* from, const char* to, const char* why, bool fresh) {
        return "-I " + std::string{from} + (fresh ? " -m conntrack --ctstate NEW" : "") +
               iptables_comment(why) + " -j " + to + "\n";
    };
    const auto* external = "kubernetes externally-visible service portals";
    const auto* firewall = "kubernetes load balancer firewall";
    const auto* portals = "kubernetes service portals";
    std::string text = "*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n";
    text += "*filter\n:KUBE-PROXY-CANARY - [0:0]\n" + declare_chains(kFilterChains);
    text += jump("INPUT", "KUBE-EXTERNAL-SERVICES", external, true);
    text += jump("FORWARD", "KUBE-EXTERNAL-SERVICES", external, true);
    text += jump("INPUT", "KUBE-NODEPORTS", "kubernetes health check service ports", false);
    text += jump("FORWARD", "KUBE-SERVICES", portals, true);
    text += jump("OUTPUT", "KUBE-SERVICES", portals, true);
    text += jump("FORWARD", "KUBE-FORWARD", "kubernetes forwarding rules", false);
    for (const auto* chain : {"INPUT", "OUTPUT", "FORWARD"}) {
        text += jump(chain, "KUBE-PROXY-FIREWALL", firewall, true);
    }
    if (guards_localnet(family, options)) {
        text += "-I OUTPUT -j KUBE-FIREWALL\n-I INPUT -j KUBE-FIREWALL\n";
    }
    text += "COMMIT\n*nat\n:KUBE-PROXY-CANARY - [0:0]\n" + declare_chains(kNatChains);
    text += jump("OUTPUT", "KUBE-SERVICES", portals, false);
    text += jump("PREROUTING", "KUBE-SERVICES", portals, false);
    text += jump("POSTROUTING", "KUBE-POSTROUTING", "kubernetes postrouting rules", false);
    return text + "COMMIT\n";
}

std::string iptables_sync(const IptablesSync& sync, Family family, const IptablesOptions& options) {
    return filter_text(sync, family, options) + nat_text(sync, family, options);
}

} // namespace services
