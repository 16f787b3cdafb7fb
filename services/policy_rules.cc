#include "services/policy_rules.h"

#include <algorithm>
#include <array>

#include "services/address_ranges.h"
#include "services/policy_names.h"

namespace services {
namespace {

using namespace netemu;

std::string requirement_text(const LabelRequirement& requirement) {
    static constexpr std::array<std::string_view, 4> kOperators{
        " in ", " notin ", " exists", " missing"};
    auto text = requirement.key;
    text.append(kOperators.at(static_cast<std::size_t>(requirement.op)));
    for (const auto& value : requirement.values) {
        text.append(&value == &requirement.values.front() ? "(" : ",").append(value);
    }
    return requirement.values.empty() ? text : text + ")";
}

/// Different selectors have different texts: neither keys nor values hold blanks or commas.
std::string selector_text(const LabelSelector& selector) {
    std::string text;
    for (const auto& requirement : selector.requirements) {
        text.append(text.empty() ? "" : " ").append(requirement_text(requirement));
    }
    return text.empty() ? "all" : text;
}

struct SourceText {
    std::string operator()(const PodSelection& pods) const {
        const auto where = pods.ns.empty() ? "namespaces " + selector_text(pods.namespaces)
                                           : "namespace " + pods.ns;
        return where + " pods " + selector_text(pods.pods);
    }
    std::string operator()(const NodeSelection& nodes) const { return selector_text(nodes.nodes); }
    std::string operator()(const AddressBlocks& blocks) const {
        std::string text;
        for (const auto& block : blocks) {
            text.append(text.empty() ? "" : " ").append(block.cidr.to_string());
            for (const auto& except : block.except) {
                text.append("-").append(except.to_string());
            }
        }
        return text;
    }
    std::string operator()(const NamedPorts& ports) const {
        return ports.name + (ports.protocol ? "/" + std::string(lower_text(*ports.protocol)) : "");
    }
    std::string operator()(const PortList& list) const {
        std::string text;
        for (const auto& port : list.ports) {
            text.append(text.empty() ? "" : " ").append(lower_text(*port.protocol));
            text.append("/").append(std::to_string(port.first));
        }
        return text;
    }
};

std::string base_name(const PolicySetSource& source) {
    static constexpr std::array<std::string_view, 5> kWords{
        "pods", "nodes", "block", "named", "ports"};
    return policy_object_name(kWords.at(source.index()), std::visit(SourceText{}, source));
}

/// Statements that one of several alternatives of a rule adds; a family if it is of one only.
struct Alternative {
    std::optional<Family> family;
    std::vector<NftStatement> statements;
};

class RuleCompiler {
public:
    RuleCompiler(const Policy& policy, PolicyDirection way, const std::vector<Family>& families)
        : policy_(policy), way_(way), families_(families) {}

    PolicyRules run() && {
        const auto& rules = policy_.rules(way_);
        for (std::size_t i = 0; rules && i < rules->size(); ++i) {
            add((*rules)[i], i);
        }
        return std::move(made_);
    }

private:
    [[nodiscard]] bool peer_is_source() const { return way_ == PolicyDirection::Ingress; }

    const std::string& need(PolicySetSource source) {
        auto name = base_name(source);
        return made_.sets.emplace(std::move(name), std::move(source)).first->first;
    }

    void add_lookups(const std::string& base, std::vector<Alternative>& out) const {
        for (const auto family : families_) {
            const NftKey key{policy_field(peer_is_source(), family)};
            out.push_back({family, {NftMatchSet{key, policy_set_name(base, family), false}}});
        }
    }

    /// All blocks of a rule are one set: the union is taken here, once.
    void add_blocks(AddressBlocks blocks, std::vector<Alternative>& out) {
        std::sort(blocks.begin(), blocks.end());
        const auto& base = need(blocks);
        for (const auto family : families_) {
            if (!merge_blocks(blocks, family).empty()) {
                const NftKey key{policy_field(peer_is_source(), family)};
                out.push_back({family, {NftMatchSet{key, policy_set_name(base, family), false}}});
            }
        }
    }

    std::vector<Alternative> peers_of(const PolicyRule& rule) {
        if (!rule.peers) {
            return {{}};
        }
        std::vector<Alternative> found;
        AddressBlocks blocks;
        for (const auto& peer : *rule.peers) {
            if (const auto* block = std::get_if<AddressBlock>(&peer)) {
                blocks.push_back(*block);
            } else if (const auto* pods = std::get_if<PodSelection>(&peer)) {
                add_lookups(need(*pods), found);
            } else {
                add_lookups(need(std::get<NodeSelection>(peer)), found);
            }
        }
        if (!blocks.empty()) {
            add_blocks(std::move(blocks), found);
        }
        return found;
    }

    /// The name is looked up on the destination, which is this pod or the peer (4.5).
    void add_named(const PolicyPort& port, std::vector<Alternative>& out) {
        const auto& base = need(NamedPorts{port.name, port.protocol});
        for (const auto family : families_) {
            const NftKey key{
                policy_field(false, family), NftField::Protocol, NftField::DestinationPort};
            out.push_back({family, {NftMatchSet{key, policy_set_name(base, family), false}}});
        }
    }

    static void add_numbers(const PolicyPort& port, std::vector<Alternative>& out) {
        Alternative found{{}, {NftMatchProtocol{protocol_number(*port.protocol), false}}};
        if (port.first != 0 || port.last != UINT16_MAX) {
            found.statements.emplace_back(
                NftMatchPort{NftMatchPort::Side::Destination, port.first, port.last, false});
        }
        out.push_back(std::move(found));
    }

    std::vector<Alternative> ports_of(const PolicyRule& rule) {
        if (!rule.ports) {
            return {{}};
        }
        std::vector<Alternative> found;
        PortList single;
        for (const auto& port : *rule.ports) {
            if (!port.name.empty()) {
                add_named(port, found);
            } else if (port.first == port.last) {
                single.ports.push_back(port);
            } else {
                add_numbers(port, found);
            }
        }
        if (single.ports.size() == 1) {
            add_numbers(single.ports.front(), found);
        } else if (!single.ports.empty()) {
            std::sort(single.ports.begin(), single.ports.end());
            const auto& name = need(single);
            found.push_back(
                {{}, {NftMatchSet{{NftField::Protocol, NftField::DestinationPort}, name, false}}});
        }
        return found;
    }

    [[nodiscard]] std::vector<NftStatement>
    end_of(const PolicyRule& rule, std::size_t number) const {
        if (rule.action == PolicyAction::Deny) {
            PolicyLogPrefix prefix{PolicyLogPrefix::Kind::Rule, way_, policy_.tier, {}, number};
            prefix.hash = policy_hash(policy_.label());
            return policy_drop(to_text(prefix));
        }
        const bool next_tier =
            rule.action == PolicyAction::Pass && policy_.tier == PolicyTier::Admin;
        return {
            NftCounter{}, NftSetVerdict{next_tier ? NftVerdict::Return : NftVerdict::Accept, {}}};
    }

    void add(const PolicyRule& rule, std::size_t number) {
        const auto end = end_of(rule, number);
        const auto ports = ports_of(rule);
        auto comment = policy_.label() + " " + std::string(to_text(way_)) + "[" +
                       std::to_string(number) + "]" + (rule.name.empty() ? "" : " " + rule.name);
        comment = policy_comment(std::move(comment));
        for (const auto& peer : peers_of(rule)) {
            for (const auto& port : ports) {
                if (peer.family && port.family && peer.family != port.family) {
                    continue;
                }
                NftRule made{peer.statements, comment};
                auto& all = made.statements;
                all.insert(all.end(), port.statements.begin(), port.statements.end());
                all.insert(all.end(), end.begin(), end.end());
                made_.rules.push_back(std::move(made));
            }
        }
    }

    const Policy& policy_;
    PolicyDirection way_;
    const std::vector<Family>& families_;
    PolicyRules made_;
};

} // namespace

bool has_say(const Policy& policy, PolicyDirection way) {
    const auto& rules = policy.rules(way);
    return rules && (policy.tier == PolicyTier::NetworkPolicy || !rules->empty());
}

std::string policy_set_name(const std::string& base, Family family) {
    return base + (family == Family::V4 ? "-4" : "-6");
}

PolicyRules
policy_rules(const Policy& policy, PolicyDirection way, const std::vector<Family>& families) {
    return RuleCompiler(policy, way, families).run();
}

std::vector<NftStatement> policy_drop(const std::string& prefix) {
    return {
        NftCounter{},
        NftLog{prefix, kPolicyLogGroup, kPolicyLogBytes},
        NftSetVerdict{NftVerdict::Drop, {}}};
}

NftField policy_field(bool source, Family family) {
    if (family == Family::V4) {
        return source ? NftField::Source : NftField::Destination;
    }
    return source ? NftField::Source6 : NftField::Destination6;
}

NftType policy_type(Family family) {
    return family == Family::V4 ? NftType::Ipv4 : NftType::Ipv6;
}

} // namespace services
