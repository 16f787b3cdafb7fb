#include "labctl/supervisor/path_trace.h"

#include <algorithm>
#include <map>
#include <utility>

#include <netinet/in.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/nft_text.h"

namespace labctl::supervisor {

namespace {

using netemu::NftFamily;
using netemu::TracedStep;

bool is_same_rule(const TracedStep& left, const TracedStep& right) {
    return left.kind == right.kind && left.family == right.family && left.table == right.table &&
           left.chain == right.chain && left.handle == right.handle;
}

/// The steps of one packet, of all that were told in one namespace.
class OnePacket {
public:
    /// Which of them: nullopt takes the first.
    OnePacket(std::optional<netemu::IpAddress> from, std::optional<std::uint32_t> sequence)
        : from_(from), sequence_(sequence) {}

    void add(const TracedStep& step) {
        if (step.packet) {
            ours_ = is_ours(step);
        }
        if (!ours_) {
            return;
        }
        const bool again = std::any_of(steps_.begin(), steps_.end(), [&](const auto& each) {
            return is_same_rule(each, step);
        });
        ended_ = ended_ || (again && step.kind != TracedStep::Kind::Return);
        if (!ended_) { // what follows is the same packet, sent once more
            steps_.push_back(step);
        }
    }

    [[nodiscard]] const std::vector<TracedStep>& steps() const { return steps_; }
    [[nodiscard]] std::optional<std::uint32_t> sequence() const { return sequence_; }
    [[nodiscard]] bool seen() const { return !steps_.empty(); }

private:
    bool is_ours(const TracedStep& step) {
        if (!seen() && !sequence_) {
            const bool right = !from_ || step.packet->source.address == *from_;
            if (right) {
                sequence_ = step.tcp_sequence;
                id_ = step.id;
            }
            return right;
        }
        if (sequence_) {
            return step.tcp_sequence == sequence_;
        }
        return step.id == id_;
    }

    std::optional<netemu::IpAddress> from_;
    std::optional<std::uint32_t> sequence_;
    std::uint32_t id_ = 0;
    bool ours_ = false;
    bool ended_ = false;
    std::vector<TracedStep> steps_;
};

/// Texts of the rules of one namespace.
class RuleTexts {
public:
    RuleTexts(netemu::Kernel& kernel, const netemu::NamespaceSpec& ns, std::string name)
        : kernel_(kernel), ns_(ns), name_(std::move(name)) {}

    void describe(const TracedStep& step, api::Json& json) {
        const auto found = std::find_if(
            rules(step.family, step.table).begin(),
            rules(step.family, step.table).end(),
            [&](const auto& rule) { return rule.handle == step.handle; });
        if (found == rules(step.family, step.table).end()) {
            return; // it went meanwhile
        }
        if (!found->comment.empty()) {
            json["comment"] = found->comment;
        }
        // The kernel lists the rules of a chain in their order.
        const auto position =
            std::count_if(rules(step.family, step.table).begin(), found, [&](const auto& rule) {
                return rule.chain == step.chain;
            });
        if (const auto* rule = wanted(step, static_cast<std::size_t>(position))) {
            json["rule"] = netemu::to_text(*rule, step.family);
        }
    }

private:
    const std::vector<netemu::NftRuleInfo>& rules(NftFamily family, const std::string& table) {
        const auto [at, fresh] = rules_.try_emplace({family, table});
        if (fresh) {
            try {
                at->second = kernel_.read_rules(name_, family, table);
            } catch (const netemu::Error&) { // NOLINT(bugprone-empty-catch): it went meanwhile
            }
        }
        return at->second;
    }

    /// The rule as the lab made it; nullptr where the table is not the lab's.
    [[nodiscard]] const netemu::NftRule*
    wanted(const TracedStep& step, std::size_t position) const {
        for (const auto& table : ns_.tables) {
            if (table.family != step.family || table.name != step.table) {
                continue;
            }
            if (const auto* rule = rule_of(table.chains, step.chain, position)) {
                return rule;
            }
            for (const auto& part : table.parts) {
                if (const auto* rule = rule_of(part->contents().chains, step.chain, position)) {
                    return rule;
                }
            }
        }
        return nullptr;
    }

    static const netemu::NftRule* rule_of(
        const std::vector<netemu::NftChain>& chains,
        const std::string& name,
        std::size_t position) {
        const auto found = std::find_if(
            chains.begin(), chains.end(), [&](const auto& chain) { return chain.name == name; });
        return found != chains.end() && position < found->rules.size() ? &found->rules[position]
                                                                       : nullptr;
    }

    netemu::Kernel& kernel_;
    const netemu::NamespaceSpec& ns_;
    std::string name_;
    std::map<std::pair<NftFamily, std::string>, std::vector<netemu::NftRuleInfo>> rules_;
};

const char* kind_text(TracedStep::Kind kind) {
    switch (kind) {
    case TracedStep::Kind::Rule:
        return "rule";
    case TracedStep::Kind::Return:
        return "return";
    case TracedStep::Kind::Policy:
        return "policy";
    }
    return "";
}

api::Json steps_json(const std::vector<TracedStep>& steps, RuleTexts& texts) {
    auto list = api::Json::array();
    for (const auto& step : steps) {
        api::Json json{
            {"table", std::string(netemu::to_text(step.family)) + " " + step.table},
            {"chain", step.chain},
            {"kind", kind_text(step.kind)},
            {"verdict", step.verdict}};
        if (step.kind == TracedStep::Kind::Rule) {
            json["handle"] = step.handle;
            texts.describe(step, json);
        }
        list.push_back(std::move(json));
    }
    return list;
}

} // namespace

PathTrace::PathTrace(
    netemu::Kernel& kernel,
    const std::vector<std::string>& namespaces,
    const std::vector<netemu::TraceFilter>& filters)
    : kernel_(kernel) {
    for (const auto& ns : namespaces) {
        try {
            places_.push_back({ns, std::make_unique<netemu::PacketTrace>(kernel, ns, filters)});
        } catch (const netemu::Error& error) {
            problem_ = error.what();
        }
    }
}

api::Json
PathTrace::finish(const netemu::DesiredState& desired, std::optional<netemu::IpAddress> from) {
    std::optional<std::uint32_t> sequence;
    auto list = api::Json::array();
    for (auto& place : places_) {
        OnePacket packet(from, sequence);
        place.trace->read([&](const TracedStep& step) { packet.add(step); });
        place.trace.reset(); // its table is not one that `desired` knows
        if (packet.seen()) {
            sequence = packet.sequence();
            from.reset(); // it may be translated behind the first place
        }
        const auto spec = desired.namespaces.find(place.ns);
        if (spec == desired.namespaces.end()) {
            continue;
        }
        RuleTexts texts(kernel_, spec->second, place.ns);
        list.push_back({{"place", place.ns}, {"steps", steps_json(packet.steps(), texts)}});
    }
    return {{"places", std::move(list)}, {"problem", problem_}};
}

std::vector<netemu::TraceFilter> trace_filters(const api::Json& explanation) {
    const auto name = netemu::to_lower(api::string_at(explanation, "to.protocol"));
    std::vector<netemu::TraceFilter> filters;
    const auto add = [&](const std::string& text) {
        netemu::TraceFilter filter;
        filter.protocol = name == "tcp"    ? IPPROTO_TCP
                          : name == "udp"  ? IPPROTO_UDP
                          : name == "sctp" ? IPPROTO_SCTP
                                           : IPPROTO_ICMP;
        if (const auto endpoint = netemu::Endpoint::parse(text)) {
            filter.to = *endpoint;
        } else if (const auto address = netemu::IpAddress::parse(text)) {
            filter.to = {*address, 0};
        } else {
            return; // "DROP"
        }
        if (filter.protocol == IPPROTO_ICMP && filter.to.address.is_v6()) {
            filter.protocol = IPPROTO_ICMPV6;
        }
        if (std::find(filters.begin(), filters.end(), filter) == filters.end()) {
            filters.push_back(filter);
        }
    };
    add(api::string_at(explanation, "to.address"));
    for (const auto& branch : api::at(explanation, "branches")) {
        add(api::string_at(branch, "result"));
    }
    return filters;
}

} // namespace labctl::supervisor
