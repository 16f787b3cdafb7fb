#include "labctl/explain/source.h"

#include <algorithm>
#include <optional>
#include <string>

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;

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

std::string
source_without_way(const Json& explanation, const Json& branch, const store::Store& store) {
    auto own = string_at(explanation, "from.address");
    const bool of_node = string_at(explanation, "from.name").starts_with("node/");
    const auto address = IpAddress::parse(own);
    if (!address || (!of_node && !api::bool_at(branch, "masqueraded", false))) {
        return own;
    }
    const auto of = address_of_node(store, string_at(explanation, "node"), address->family());
    return of.value_or(*address).to_string();
}

/// ", source masqueraded as 172.18.0.2", of the branch that the summary is about.
std::string source_words(const Json& explanation, const Json& branch) {
    const auto source = string_at(branch, "source");
    if (source.empty()) {
        return {};
    }
    if (api::bool_at(branch, "relayed", false)) {
        return ", from the node's proxy as " + source;
    }
    if (api::bool_at(branch, "masqueraded", false)) {
        return ", source masqueraded as " + source;
    }
    if (source != string_at(explanation, "from.address")) {
        return ", seen as " + source;
    }
    return string_at(branch, "result").empty() ? "" : ", source kept";
}

} // namespace

void explain_sources(Json& explanation, const BranchWays& ways, const store::Store& store) {
    auto& branches = explanation["branches"];
    for (std::size_t i = 0; i < branches.size(); ++i) {
        auto& branch = branches[i];
        const auto result = string_at(branch, "result");
        if (!result.empty() && !netemu::Endpoint::parse(result)) {
            continue; // a rule drops or rejects it
        }
        if (i >= ways.size() || ways[i].empty()) {
            branch["source"] = source_without_way(explanation, branch, store);
            continue;
        }
        branch["source"] = ways[i].back().source.to_string();
        branch["masqueraded"] = api::bool_at(branch, "masqueraded", false) ||
                                std::any_of(ways[i].begin(), ways[i].end(), [](const PathHop& hop) {
                                    return hop.masqueraded;
                                });
    }
    if (branches.empty()) {
        return;
    }
    auto summary = string_at(explanation, "summary");
    // what session affinity says stands behind it
    const auto behind = std::min(summary.find("; "), summary.size());
    summary.insert(behind, source_words(explanation, branches.front()));
    explanation["summary"] = summary;
}

} // namespace labctl::explain
