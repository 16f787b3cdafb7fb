#include "labctl/explain/way.h"

#include <algorithm>

#include "labctl/compile/network.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;

constexpr std::size_t kWaysMax = 16;

/// Where the client's packets begin: a pod in its node's network has none of its own.
std::string first_namespace(const Json& explanation, const netemu::DesiredState& network) {
    const auto name = string_at(explanation, "from.name");
    for (const auto& ns : {name, "pod/" + name}) {
        if (network.namespaces.contains(ns)) {
            return ns;
        }
    }
    return compile::node_namespace(string_at(explanation, "from.node"));
}

std::string place_text(const std::string& ns) {
    return ns.starts_with("pod/") ? ns.substr(4) : ns;
}

/// That of a pod with a network of its own; all others may have several to choose from.
std::optional<netemu::IpAddress> fixed_source(const Json& explanation, const std::string& from) {
    return from.starts_with("pod/")
               ? netemu::IpAddress::parse(string_at(explanation, "from.address"))
               : std::nullopt;
}

Json way_json(const std::vector<PathHop>& way) {
    auto list = Json::array();
    for (const auto& hop : way) {
        list.push_back(
            {{"place", place_text(hop.ns)}, {"in", hop.in}, {"out", hop.out}, {"how", hop.how}});
    }
    return list;
}

PathQuestion untranslated(PathQuestion question, const netemu::Endpoint& target) {
    question.translated_in.clear();
    question.translated = target.address;
    question.masquerades = question.relays = false;
    return question;
}

std::vector<PathHop> way_to_node(std::vector<PathHop> way) {
    const auto node = std::find_if(
        way.begin(), way.end(), [](const PathHop& hop) { return hop.ns.starts_with("node/"); });
    way.erase(node == way.end() ? node : node + 1, way.end());
    return way;
}

/// No rule decides where a device is the target, but the devices on the way do.
void conclude_on_underlay(Json& explanation) {
    const auto& way = api::at(explanation["branches"].at(0), "way");
    const auto last = way.empty() ? std::string("no way") : string_at(way.back(), "how");
    const bool arrives = last == "arrives";
    explanation["outcome"] = arrives ? "endpoint" : "none";
    if (!arrives) {
        explanation["summary"] =
            string_at(explanation, "to.what") + " is not reached: " +
            (way.empty() ? last : string_at(way.back(), "place") + ": " + last);
    }
}

} // namespace

BranchWays explain_ways(
    Json& explanation,
    const netemu::DesiredState& network,
    const RouteNotes& notes,
    const services::IdentityNetwork* tunnels) {
    BranchWays ways;
    auto target = netemu::Endpoint::parse(string_at(explanation, "to.address"));
    if (const auto plain = netemu::IpAddress::parse(string_at(explanation, "to.address"))) {
        target = netemu::Endpoint{*plain, 0}; // no port: ICMP
    }
    auto& branches = explanation["branches"];
    if (!target || !branches.is_array()) {
        return ways;
    }
    PathQuestion question{first_namespace(explanation, network), target->address, {}, {}};
    question.source = fixed_source(explanation, question.from);
    question.tunnels = tunnels;
    question.identity =
        static_cast<std::uint32_t>(api::int_at(explanation, "identities.onTheWire", 0));
    std::size_t told = 0;
    for (auto& branch : branches) {
        auto& way = ways.emplace_back();
        const auto result = string_at(branch, "result");
        const auto end = netemu::Endpoint::parse(result);
        if (!end && !result.empty()) { // a rule drops or rejects it
            if (!api::bool_at(branch, "relayed", false)) {
                way = way_to_node(packet_path(network, untranslated(question, *target), notes));
            }
            continue;
        }
        question.translated_in = end ? compile::node_namespace(string_at(explanation, "node")) : "";
        question.translated = end ? end->address : target->address;
        question.masquerades = api::bool_at(branch, "masqueraded", false);
        question.relays = api::bool_at(branch, "relayed", false);
        way = packet_path(network, question, notes);
        if (told++ < kWaysMax) {
            branch["way"] = way_json(way);
        }
    }
    if (api::bool_at(explanation, "underlay", false)) {
        conclude_on_underlay(explanation);
    }
    return ways;
}

} // namespace labctl::explain
