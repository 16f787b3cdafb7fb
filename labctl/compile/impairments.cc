#include "labctl/compile/impairments.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/topology_read.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/cable.h"

namespace labctl::compile {

namespace {

using netemu::Impairment;
using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::NftRule;

/// As those of faults: before connection tracking and everybody's rules, and behind them.
constexpr int kLossFirst = -349;
constexpr int kLossLast = 349;

LinkSpec* link_in(NamespaceSpec& ns, const std::string& name) {
    const auto found = std::find_if(
        ns.links.begin(), ns.links.end(), [&](const auto& link) { return link.name == name; });
    return found == ns.links.end() ? nullptr : &*found;
}

void change(Impairment& impairment, const api::LinkChange& by) {
    const auto take = [](auto& field, const auto& value) { field = value.value_or(field); };
    take(impairment.delay_us, by.delay_us);
    take(impairment.jitter_us, by.jitter_us);
    take(impairment.loss, by.loss);
    take(impairment.duplicate, by.duplicate);
    take(impairment.reorder, by.reorder);
    take(impairment.corrupt, by.corrupt);
    take(impairment.rate_bps, by.rate_bps);
    take(impairment.queue, by.queue);
}

void change_pair(const api::Fault& fault, const LinkPair& pair) {
    using Direction = api::Fault::Direction;
    if (fault.direction != Direction::In) {
        change(pair.near->impairment, fault.link);
    }
    if (fault.direction != Direction::Out) {
        change(pair.far->impairment, fault.link);
    }
    if (fault.link.mtu) {
        const bool tap = std::holds_alternative<netemu::TapSpec>(pair.near->kind);
        if (tap && *fault.link.mtu > kTapMtuMax) {
            throw netemu::UsageError(
                "a link in userspace has an MTU of at most " + std::to_string(kTapMtuMax));
        }
        pair.near->mtu = *fault.link.mtu;
        pair.far->mtu = *fault.link.mtu;
    }
}

/// How many of `modulus` random numbers lose a packet: the smallest modulus that is exact.
std::pair<std::uint32_t, std::uint32_t> loss_numbers(std::uint32_t loss) {
    for (const std::uint32_t modulus : {100U, 1000U}) {
        if (loss % (netemu::kWholeShare / modulus) == 0) {
            return {loss / (netemu::kWholeShare / modulus), modulus};
        }
    }
    constexpr std::uint32_t kFinest = 10'000;
    return {std::max(loss / (netemu::kWholeShare / kFinest), 1U), kFinest};
}

/// The rules of one namespace that lose what leaves or enters by some of its links.
class LossTable {
public:
    explicit LossTable(NamespaceSpec& ns) {
        const auto found = std::find_if(ns.tables.begin(), ns.tables.end(), [](const auto& table) {
            return table.name == kLinkLossTable;
        });
        if (found != ns.tables.end()) {
            table_ = &*found;
            return;
        }
        table_ = &ns.tables.emplace_back();
        table_->family = netemu::NftFamily::Inet;
        table_->name = kLinkLossTable;
        add_chain("prerouting", netemu::NftHook::Prerouting, kLossFirst);
        add_chain("postrouting", netemu::NftHook::Postrouting, kLossLast);
    }

    void add(const std::string& link, bool in, std::uint32_t loss) {
        const auto name = std::string(in ? "in-" : "out-") + link;
        NftRule drop;
        drop.statements = {
            netemu::NftCounter{}, netemu::NftSetVerdict{netemu::NftVerdict::Drop, {}}};
        drop.comment = "the link loses " + netemu::percent_text(loss);
        table_->chains.push_back({name, std::nullopt, {std::move(drop)}});
        const auto [numbers, modulus] = loss_numbers(loss);
        netemu::NftSet lost;
        lost.name = "lost-" + name;
        lost.key = {netemu::NftType::Number};
        lost.verdicts = true;
        for (std::uint32_t i = 0; i < numbers; ++i) {
            lost.elements.push_back(
                netemu::nft_verdict(netemu::NftBytes().number(i), netemu::NftVerdict::Goto, name));
        }
        NftRule rule;
        using Direction = netemu::NftMatchInterface::Direction;
        rule.statements = {
            netemu::NftMatchInterface{in ? Direction::Input : Direction::Output, link},
            netemu::NftVerdictMap{{netemu::NftField::Random}, modulus, lost.name}};
        rule.comment = "the link loses " + netemu::percent_text(loss);
        table_->sets.push_back(std::move(lost));
        table_->chains[in ? 0 : 1].rules.push_back(std::move(rule));
    }

private:
    void add_chain(const char* name, netemu::NftHook hook, int priority) {
        netemu::NftBase base;
        base.hook = hook;
        base.priority = priority;
        table_->chains.push_back({name, base, {}});
    }

    netemu::NftTable* table_ = nullptr;
};

/// A program that carries a link does to its packets what is to be done.
bool needs_kernel(const LinkSpec& link) {
    return link.impairment.any() && !std::holds_alternative<netemu::TapSpec>(link.kind);
}

/// Makes queueing disciplines and tables of what links are to do.
class Realizer {
public:
    Realizer(netemu::DesiredState& desired, bool netem) : desired_(desired), netem_(netem) {}

    void run() {
        for (auto& [name, ns] : desired_.namespaces) {
            for (auto& link : ns.links) {
                if (needs_kernel(link)) {
                    realize(name, ns, link);
                }
            }
        }
    }

private:
    void realize(const std::string& name, NamespaceSpec& ns, LinkSpec& link) {
        const auto& wanted = link.impairment;
        if (netem_) {
            link.shaper = netemu::Shaper::Netem;
            return;
        }
        if (wanted.needs_netem()) {
            refuse(name + ":" + link.name + ": " + netemu::to_text(wanted));
        }
        link.shaper = wanted.rate_bps != 0 ? netemu::Shaper::Tbf : netemu::Shaper::None;
        if (wanted.loss != 0 && link.master.empty()) {
            LossTable(ns).add(link.name, false, wanted.loss);
        } else if (wanted.loss != 0) {
            lose_at_far_end(name, link);
        }
    }

    /// A switch has no rules of its own here, but who is behind its port has.
    void lose_at_far_end(const std::string& name, const LinkSpec& link) {
        for (auto& [other, ns] : desired_.namespaces) {
            for (auto& pair : link_pairs(desired_, name, other)) {
                if (pair.near == &link && pair.far->master.empty()) {
                    LossTable(ns).add(pair.far->name, true, link.impairment.loss);
                    return;
                }
            }
        }
        refuse(name + ":" + link.name + ": loss between two switches");
    }

    [[noreturn]] static void refuse(const std::string& what) {
        throw netemu::UnsupportedError(
            "the link " + what + ": this kernel has no netem",
            "sudo modprobe sch_netem, or use a kernel with CONFIG_NET_SCH_NETEM, or carry the link "
            "in userspace: `emulation: userspace` in the lab file, beside its `endpoints` or, for "
            "all links, in `spec.underlay`; links of a kernel without netem have `rate`, `queue`, "
            "`mtu` and the `loss` of hosts, routers and nodes");
    }

    netemu::DesiredState& desired_;
    bool netem_;
};

/// What the lab file wants of the packets that leave by an end; nothing if the end is not there.
void impair_end(
    const Topology& topology,
    const TopologyLink& link,
    std::size_t end,
    netemu::DesiredState& desired) {
    const auto ns = desired.namespaces.find(topology.devices[link.ends[end].device].ns);
    if (ns == desired.namespaces.end()) {
        return;
    }
    if (auto* found = link_in(ns->second, topology.at(link.ends[end]).name)) {
        found->impairment = link.impairments[end];
    }
}

/// One network of a link cannot have larger packets than the link.
void cap_vlan_mtus(netemu::DesiredState& desired) {
    for (auto& [name, ns] : desired.namespaces) {
        for (auto& link : ns.links) {
            const auto* vlan = std::get_if<netemu::VlanSpec>(&link.kind);
            const auto* parent = vlan == nullptr ? nullptr : link_in(ns, vlan->parent);
            if (parent != nullptr) {
                link.mtu = std::min(link.mtu, parent->mtu);
            }
        }
    }
}

} // namespace

bool links_in_userspace(const ClusterConfig& config) {
    if (!config.topology) {
        return config.underlay_userspace;
    }
    const auto& links = config.topology->links;
    return std::any_of(
        links.begin(), links.end(), [](const TopologyLink& link) { return link.userspace; });
}

std::vector<LinkPair>
link_pairs(netemu::DesiredState& desired, const std::string& near, const std::string& far) {
    std::vector<LinkPair> pairs;
    const auto one = desired.namespaces.find(near);
    const auto other = desired.namespaces.find(far);
    if (one == desired.namespaces.end() || other == desired.namespaces.end()) {
        return pairs;
    }
    const auto add = [&](NamespaceSpec& from, NamespaceSpec& to, const std::string& to_name) {
        for (auto& link : from.links) {
            const auto end = netemu::cable_peer(link.kind);
            if (!end || end->ns != to_name) {
                continue;
            }
            if (auto* peer = link_in(to, end->link)) {
                const bool forward = &from == &one->second;
                pairs.push_back(forward ? LinkPair{&link, peer} : LinkPair{peer, &link});
            }
        }
    };
    add(one->second, other->second, far);
    add(other->second, one->second, near);
    return pairs;
}

void add_impairments(
    const ClusterConfig& config,
    const std::vector<NetworkFault>& faults,
    const std::function<bool()>& has_netem,
    netemu::DesiredState& desired) {
    if (config.topology) {
        for (const auto& link : config.topology->links) {
            for (std::size_t i = 0; i < 2; ++i) {
                impair_end(*config.topology, link, i, desired);
            }
        }
    }
    for (const auto& fault : faults) {
        if (fault.fault.verb == api::Fault::Verb::Link) {
            for (const auto& pair : link_pairs(desired, fault.ns, fault.peer_ns)) {
                change_pair(fault.fault, pair);
            }
        }
    }
    cap_vlan_mtus(desired);
    const bool any =
        std::any_of(desired.namespaces.begin(), desired.namespaces.end(), [](const auto& entry) {
            return std::any_of(entry.second.links.begin(), entry.second.links.end(), needs_kernel);
        });
    if (any) {
        Realizer(desired, has_netem()).run();
    }
}

} // namespace labctl::compile
