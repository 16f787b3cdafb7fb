#include "labctl/compile/cni_sources.h"

#include <algorithm>

#include "labctl/compile/cni_profile.h"
#include "services/policy_names.h"
#include "services/policy_rules.h"

namespace labctl::compile {

namespace {

using netemu::Family;
using netemu::IpPrefix;
using netemu::NftField;

constexpr int kBridgeSourceCheck = -310; // before NF_BR_PRI_NAT_DST_BRIDGED
constexpr int kRoutedSourceCheck = -310; // before NF_IP_PRI_RAW and connection tracking
constexpr std::size_t kSourceCommentMax = 120;

std::string own_addresses(Family family) {
    return family == Family::V4 ? "own-addresses-4" : "own-addresses-6";
}

std::string cut_comment(std::string text) {
    text.resize(std::min(text.size(), kSourceCommentMax));
    return text;
}

netemu::NftStatement not_from(const char* range) {
    return netemu::NftMatchAddress{
        netemu::NftMatchAddress::Field::Source, *IpPrefix::parse(range), true};
}

} // namespace

SourceCheck::SourceCheck(const ClusterView& cluster, std::string ports)
    : cluster_(cluster), ports_(std::move(ports)) {
    table_.family = ports_.empty() ? netemu::NftFamily::Bridge : netemu::NftFamily::Inet;
    table_.name = "cni-sources";
    for (const auto& range : cluster.pod_cidrs) {
        const bool v4 = range.address.is_v4();
        table_.sets.push_back(
            {own_addresses(range.address.family()),
             {netemu::NftType::Interface, v4 ? netemu::NftType::Ipv4 : netemu::NftType::Ipv6}});
    }
}

void SourceCheck::add(const PodView& pod, const std::string& port) {
    for (const auto& address : pod.addresses) {
        for (auto& set : table_.sets) {
            if (set.name == own_addresses(address.family())) {
                set.elements.push_back(netemu::nft_member(
                    netemu::NftBytes().interface(port).address(address),
                    cut_comment(pod.ns + "/" + pod.name)));
            }
        }
    }
}

netemu::NftTable SourceCheck::finish() && {
    netemu::NftBase base;
    base.hook = netemu::NftHook::Prerouting;
    base.priority = ports_.empty() ? kBridgeSourceCheck : kRoutedSourceCheck;
    netemu::NftChain chain{"prerouting", base, {}};
    for (const auto& range : cluster_.pod_cidrs) {
        add_rules(chain, range.address.family());
    }
    table_.chains.push_back(std::move(chain));
    return std::move(table_);
}

void SourceCheck::add_rules(netemu::NftChain& chain, Family family) const {
    if (family == Family::V4) {
        chain.rules.push_back(drop_unless(NftField::Source, family, {}));
        if (ports_.empty()) {
            chain.rules.push_back(drop_unless(NftField::ArpSource, family, {}));
        }
        return;
    }
    // An address that is being tried out has no source yet (RFC 4862, 5.4.2).
    std::vector<netemu::NftStatement> exceptions{not_from("::/128")};
    if (!ports_.empty()) {
        exceptions.push_back(not_from("fe80::/10")); // of the link, and never leaves it
    }
    chain.rules.push_back(drop_unless(NftField::Source6, family, std::move(exceptions)));
}

netemu::NftRule SourceCheck::drop_unless(
    NftField field, Family family, std::vector<netemu::NftStatement> also) const {
    netemu::NftRule rule;
    if (!ports_.empty()) {
        rule.statements.emplace_back(
            netemu::NftMatchInterface{netemu::NftMatchInterface::Direction::Input, ports_, false});
    }
    for (auto& statement : also) {
        rule.statements.push_back(std::move(statement));
    }
    rule.statements.emplace_back(
        netemu::NftMatchSet{{NftField::InputInterface, field}, own_addresses(family), true});
    for (auto& statement : services::policy_drop(services::to_text(
             services::PolicyLogPrefix{services::PolicyLogPrefix::Kind::Spoofed, {}, {}, {}, 0}))) {
        rule.statements.push_back(std::move(statement));
    }
    rule.comment =
        std::string("cni ") + cluster_.profile->name + ": a pod sends from its own addresses only";
    return rule;
}

} // namespace labctl::compile
