#include "labctl/compile/faults.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

#include "netemu/model/cable.h"

namespace labctl::compile {

namespace {

using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::NftRule;

constexpr const char* kFaultCable = "eth0";
/// Before connection tracking (-200) and everybody's rules, and behind them.
constexpr int kFaultsFirst = -350;
constexpr int kFaultsLast = 350;

LinkSpec* find_link(NamespaceSpec& ns, const std::string& name) {
    const auto found = std::find_if(
        ns.links.begin(), ns.links.end(), [&](const LinkSpec& link) { return link.name == name; });
    return found == ns.links.end() ? nullptr : &*found;
}

/// A link and the namespace that it is in.
struct PlacedLink {
    NamespaceSpec* ns = nullptr;
    LinkSpec* link = nullptr;
};

/// The outer end of the cable whose inner end that is, or nothing.
PlacedLink
outer_end(netemu::DesiredState& desired, const std::string& ns, const std::string& inner) {
    for (auto& [name, spec] : desired.namespaces) {
        for (auto& link : spec.links) {
            const auto peer = netemu::cable_peer(link.kind);
            if (peer && peer->ns == ns && peer->link == inner) {
                return {&spec, &link};
            }
        }
    }
    return {};
}

/// The kernel takes along what a link carries when it goes down: routes, neighbours, and IPv6
/// addresses.
void take_down(NamespaceSpec& ns, LinkSpec& link) {
    link.up = false;
    const auto of_link = [&](const auto& entry) { return entry.link == link.name; };
    std::erase_if(ns.routes, of_link);
    std::erase_if(ns.neighbours, of_link);
    std::erase_if(
        link.addresses, [](const netemu::IpPrefix& address) { return address.address.is_v6(); });
}

void cut(netemu::DesiredState& desired, const std::string& ns, const std::string& name) {
    if (const auto cable = outer_end(desired, ns, name); cable.link != nullptr) {
        take_down(*cable.ns, *cable.link); // a port of a bridge carries nothing, a routed one does
        return;
    }
    auto& spec = desired.namespaces.at(ns);
    if (auto* link = find_link(spec, name)) {
        take_down(spec, *link);
    }
}

void stop_node(netemu::DesiredState& desired, const std::string& ns) {
    cut(desired, ns, kFaultCable);
    auto& spec = desired.namespaces.at(ns);
    for (auto& link : spec.links) {
        if (netemu::cable_peer(link.kind)) {
            take_down(spec, link);
        }
    }
}

// --- drop

std::vector<std::uint8_t> fault_protocols(const api::Fault& fault) {
    static const std::array<std::pair<const char*, std::vector<std::uint8_t>>, 4> kNumbers{{
        {"tcp", {IPPROTO_TCP}},
        {"udp", {IPPROTO_UDP}},
        {"icmp", {IPPROTO_ICMP, IPPROTO_ICMPV6}},
        {"sctp", {IPPROTO_SCTP}},
    }};
    for (const auto& [name, numbers] : kNumbers) {
        if (fault.protocol == name) {
            return numbers;
        }
    }
    return fault.port == 0 ? std::vector<std::uint8_t>{}
                           : std::vector<std::uint8_t>{IPPROTO_TCP, IPPROTO_UDP};
}

/// Where packets of the target pass: its cable, and for a fault of certain packets also the
/// tunnels, in which they are hidden from the cable's rules.
std::vector<std::string> fault_links(const api::Fault& fault, const NamespaceSpec& ns) {
    std::vector<std::string> names{kFaultCable};
    const bool also_hides = fault.protocol == "udp" && fault.port == 0; // a tunnel is UDP itself
    if ((fault.protocol.empty() && fault.port == 0) || also_hides) {
        return names;
    }
    for (const auto& link : ns.links) {
        if (std::holds_alternative<netemu::VxlanSpec>(link.kind) ||
            std::holds_alternative<netemu::ExternalTunnelSpec>(link.kind) ||
            std::holds_alternative<netemu::IpipSpec>(link.kind) ||
            std::holds_alternative<netemu::WireguardSpec>(link.kind) ||
            std::holds_alternative<netemu::TunSpec>(link.kind)) {
            names.push_back(link.name);
        }
    }
    return names;
}

class FaultTable {
public:
    FaultTable() {
        add_chain("in", netemu::NftHook::Prerouting, kFaultsFirst);
        add_chain("out", netemu::NftHook::Postrouting, kFaultsLast);
        table_.family = netemu::NftFamily::Inet;
        table_.name = kFaultTable;
    }

    void add(const NetworkFault& fault, const NamespaceSpec& ns) {
        add_drop_chain(fault);
        using Direction = api::Fault::Direction;
        for (const auto& link : fault_links(fault.fault, ns)) {
            if (fault.fault.direction != Direction::Out) {
                add_rules(fault, link, true);
            }
            if (fault.fault.direction != Direction::In) {
                add_rules(fault, link, false);
            }
        }
    }

    netemu::NftTable take() { return std::move(table_); }

private:
    void add_chain(const char* name, netemu::NftHook hook, int priority) {
        netemu::NftBase base;
        base.hook = hook;
        base.priority = priority;
        table_.chains.push_back({name, base, {}});
    }

    void add_drop_chain(const NetworkFault& fault) {
        NftRule rule;
        rule.statements = {
            netemu::NftCounter{}, netemu::NftSetVerdict{netemu::NftVerdict::Drop, {}}};
        rule.comment = fault.id + ": " + api::to_string(fault.fault);
        constexpr std::size_t kCommentBytesMax = 120;
        rule.comment.resize(std::min(rule.comment.size(), kCommentBytesMax));
        table_.chains.push_back({fault.id, std::nullopt, {std::move(rule)}});
        if (fault.fault.share_percent >= 100) {
            return;
        }
        netemu::NftSet share;
        share.name = "share-" + fault.id;
        share.key = {netemu::NftType::Number};
        share.verdicts = true;
        for (std::uint32_t i = 0; i < fault.fault.share_percent; ++i) {
            share.elements.push_back(netemu::nft_verdict(
                netemu::NftBytes().number(i), netemu::NftVerdict::Goto, fault.id));
        }
        table_.sets.push_back(std::move(share));
    }

    void add_rules(const NetworkFault& fault, const std::string& link, bool in) {
        auto protocols = fault_protocols(fault.fault);
        if (protocols.empty()) {
            add_rule(fault, link, in, {});
            return;
        }
        for (const auto protocol : protocols) {
            const netemu::NftMatchProtocol match{protocol};
            if (fault.fault.port == 0) {
                add_rule(fault, link, in, {match});
                continue;
            }
            using Side = netemu::NftMatchPort::Side;
            for (const auto side : {Side::Destination, Side::Source}) {
                const auto port = fault.fault.port;
                add_rule(fault, link, in, {match, netemu::NftMatchPort{side, port, port}});
            }
        }
    }

    void add_rule(
        const NetworkFault& fault,
        const std::string& link,
        bool in,
        const std::vector<netemu::NftStatement>& matches) {
        using Direction = netemu::NftMatchInterface::Direction;
        constexpr std::uint32_t kHundred = 100;
        NftRule rule;
        rule.statements.emplace_back(
            netemu::NftMatchInterface{in ? Direction::Input : Direction::Output, link});
        rule.statements.insert(rule.statements.end(), matches.begin(), matches.end());
        if (fault.fault.share_percent >= kHundred) {
            rule.statements.emplace_back(netemu::NftSetVerdict{netemu::NftVerdict::Goto, fault.id});
        } else {
            rule.statements.emplace_back(
                netemu::NftVerdictMap{{netemu::NftField::Random}, kHundred, "share-" + fault.id});
        }
        rule.comment = fault.id;
        table_.chains[in ? 0 : 1].rules.push_back(std::move(rule));
    }

    netemu::NftTable table_;
};

void add_drops(
    const std::vector<NetworkFault>& faults, const std::string& name, NamespaceSpec& spec) {
    FaultTable table;
    bool any = false;
    for (const auto& fault : faults) {
        if (fault.ns == name && fault.fault.verb == api::Fault::Verb::Drop) {
            table.add(fault, spec);
            any = true;
        }
    }
    if (any) {
        spec.tables.push_back(table.take());
    }
}

} // namespace

std::string fault_interface(const api::Fault& fault) {
    return fault.interface.empty() ? kFaultCable : fault.interface;
}

void add_faults(const std::vector<NetworkFault>& faults, netemu::DesiredState& desired) {
    for (const auto& fault : faults) {
        if (!desired.namespaces.contains(fault.ns)) {
            continue;
        }
        if (fault.fault.verb == api::Fault::Verb::Cut) {
            cut(desired, fault.ns, fault_interface(fault.fault));
        } else if (fault.fault.verb == api::Fault::Verb::Stop) {
            stop_node(desired, fault.ns);
        }
    }
    if (faults.empty()) {
        return;
    }
    for (auto& [name, spec] : desired.namespaces) {
        add_drops(faults, name, spec);
    }
}

} // namespace labctl::compile
