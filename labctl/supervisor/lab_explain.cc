#include <algorithm>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "labctl/compile/identities.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/sidecars.h"
#include "labctl/explain/connection.h"
#include "labctl/explain/edge_way.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/policy.h"
#include "labctl/explain/source.h"
#include "labctl/explain/way.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/path_trace.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

/// The namespaces that a packet on this path may pass, in its order.
std::vector<std::string>
path_namespaces(const netemu::DesiredState& network, const api::Json& explanation) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& kind, const std::string& name) {
        if (!name.empty() && std::find(names.begin(), names.end(), kind + name) == names.end()) {
            names.push_back(kind + name);
        }
    };
    const auto from = api::string_at(explanation, "from.name");
    const bool pod =
        from != "external" && !from.starts_with("node/") && !network.namespaces.contains(from);
    add(pod ? "pod/" : "", from);
    add("node/", api::string_at(explanation, "from.node"));
    for (const auto& hop : api::at(explanation, "hops")) {
        add("node/", api::string_at(hop, "node"));
    }
    for (const auto& branch : api::at(explanation, "branches")) {
        add("node/", api::string_at(branch, "node"));
    }
    add("node/", api::string_at(explanation, "to.node"));
    for (const auto& branch : api::at(explanation, "branches")) {
        add("pod/", api::string_at(branch, "pod"));
    }
    add("pod/", api::string_at(explanation, "to.pod"));
    for (const auto& branch : api::at(explanation, "branches")) {
        for (const auto& hop : api::at(branch, "way")) { // devices of a topology
            const auto place = api::string_at(hop, "place");
            const bool node = place.starts_with("node/") || place == "underlay";
            if (!node && network.namespaces.contains(place)) {
                add("", place);
            }
        }
    }
    return names;
}

/// Those of them where rules are: a pod has none of its own.
std::vector<std::string>
places_with_rules(const netemu::DesiredState& network, const api::Json& explanation) {
    auto names = path_namespaces(network, explanation);
    std::erase_if(names, [&](const std::string& name) {
        const auto found = network.namespaces.find(name);
        return found == network.namespaces.end() ||
               (found->second.tables.empty() && !name.starts_with("node/"));
    });
    return names;
}

/// The interfaces there, as `capture` names them, without those that lead to other pods.
api::Json path_places(const netemu::DesiredState& desired, const api::Json& explanation) {
    const auto names = path_namespaces(desired, explanation);
    const auto leads_elsewhere = [&](const netemu::LinkSpec& link) {
        const auto* veth = std::get_if<netemu::VethSpec>(&link.kind);
        return veth != nullptr && veth->peer_namespace.starts_with("pod/") &&
               std::find(names.begin(), names.end(), veth->peer_namespace) == names.end();
    };
    auto places = api::Json::array();
    for (const auto& name : names) {
        const auto found = desired.namespaces.find(name);
        if (found == desired.namespaces.end()) {
            continue;
        }
        for (const auto& link : found->second.links) {
            if (link.name != "lo" && !leads_elsewhere(link)) {
                const auto place = name.starts_with("pod/") ? name.substr(4) : name;
                places.push_back(place + ":" + link.name);
            }
        }
    }
    return places;
}

} // namespace

api::Json Lab::explain(const api::Json& question, std::vector<explain::ProxiedClient> proxied) {
    const auto asked = explain::ExplainQuestion::from_json(question);
    const auto network = explained_network();
    auto explanation = explain_connection(
        explain::connection_question(asked), network, affinity_readers(std::move(proxied)));
    explain::explain_mesh(explanation, {store_, cluster_->config(), sidecars_->table()}, asked);
    if (question.value("places", false)) {
        explanation["places"] = path_places(network.desired, explanation);
    }
    if (!policy_warning_.empty()) {
        explanation["warning"] = policy_warning_;
    }
    return explanation;
}

Lab::ExplainedNetwork Lab::explained_network() const {
    ExplainedNetwork network;
    network.desired = desired_state();
    network.notes = add_bgp_routes(network.desired);
    network.tunnels = tunnel_network();
    return network;
}

/// Where rules lead it, which way it takes, as whose it arrives, and whether policies let it.
api::Json Lab::explain_connection(
    const explain::ExplainQuestion& asked,
    const ExplainedNetwork& network,
    explain::AffinityReaders affinity) {
    auto explanation = explain::explain_path(
        store_,
        cluster_->config(),
        *proxies_,
        asked,
        {[this](const std::string& ns, netemu::NftFamily family, const std::string& table) {
             return kernel_->read_rules(ns, family, table);
         },
         [this](const std::string& node, netemu::Family family) {
             return iptables_->counted(node, family);
         },
         [this](const std::string& ns) { return kernel_->virtual_servers(ns); },
         std::move(affinity)});
    explain_identities(explanation);
    explain::BranchWays ways;
    if (!cni_ || api::bool_at(explanation, "underlay", false)) { // plugins' devices are not known
        ways = explain::explain_ways(explanation, network.desired, network.notes, &network.tunnels);
    }
    explain::explain_sources(explanation, ways, store_);
    if (policies_->enforced()) {
        explain::explain_policies(explanation, policies_->evaluator(), ways);
    }
    return explanation;
}

/// Whether the connections that a request for a URL takes are let through.
void Lab::explain_edge_way(api::Json& answer, const explain::ExplainQuestion& asked) {
    if (policies_->enforced()) {
        explain::explain_edge_way(
            answer,
            asked,
            [this, network = explained_network()](const explain::ExplainQuestion& question) {
                return explain_connection(question, network, affinity_readers({}));
            });
    }
}

void Lab::explain_by_packet(api::Json explanation, std::function<void(api::Json)> done) {
    const auto protocol = netemu::to_lower(api::string_at(explanation, "to.protocol"));
    probe::RequestList list;
    list.probes.emplace_back();
    list.probes[0].from = api::string_at(explanation, "from.name");
    list.probes[0].to =
        probe::Target::parse(protocol + "://" + api::string_at(explanation, "to.address"));
    const auto address = netemu::IpAddress::parse(api::string_at(explanation, "from.address"));
    const bool node = list.probes[0].from.starts_with("node/"); // which has several
    auto trace = std::make_shared<PathTrace>(
        *kernel_, places_with_rules(desired_state(), explanation), trace_filters(explanation));
    probe(
        list,
        [this,
         trace = std::move(trace),
         from = node ? std::nullopt : address,
         explanation = std::move(explanation),
         done = std::move(done)](const std::vector<probe::Result>& results) mutable {
            const auto& sample = results.at(0).first;
            explanation["wire"] = probe::to_json(results.at(0));
            explanation["trace"] = trace->finish(desired_state(), from);
            auto& summary = explanation["summary"];
            if (sample.drop) {
                summary = sample.drop->text;
                explanation["outcome"] = "denied";
            } else if (sample.outcome == probe::Outcome::Ok) {
                summary = summary.get<std::string>() + "; a packet was answered" +
                          (sample.backend.empty() ? "" : " by " + sample.backend);
            } else {
                summary = summary.get<std::string>() + "; a packet: " + sample.error;
            }
            done(std::move(explanation));
        });
}

} // namespace labctl::supervisor
