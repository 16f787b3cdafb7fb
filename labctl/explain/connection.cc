#include "labctl/explain/connection.h"

#include <algorithm>
#include <array>
#include <map>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network.h"
#include "labctl/compile/proxies.h"
#include "labctl/explain/device.h"
#include "labctl/explain/endpoints.h"
#include "labctl/explain/ipvs.h"
#include "labctl/explain/local.h"
#include "labctl/explain/restored.h"
#include "labctl/explain/target.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/nft_text.h"
#include "services/decision.h"
#include "services/explain.h"

namespace labctl::explain {

using api::Json;

namespace {

/// Finds what the kernel has for a rule of the model: its handle and counter.
class RuleFinder {
public:
    RuleFinder(const netemu::NftTable& table, std::vector<netemu::NftRuleInfo> rules)
        : table_(table) {
        for (auto& rule : rules) {
            kernel_[rule.chain].push_back(std::move(rule));
        }
    }

    /// Adds "handle", "packets" and "bytes" to a step, as far as there are any.
    void add_to(Json& step, const services::ExplainStep& of) const {
        const auto name = of.where.substr(of.where.rfind(' ') + 1);
        const auto* chain = find_chain(name);
        const auto rules = kernel_.find(name);
        if (chain == nullptr || of.rule.empty() || rules == kernel_.end() ||
            rules->second.size() != chain->rules.size()) {
            return; // somebody changed the chain by hand: positions mean nothing then
        }
        for (std::size_t i = 0; i < chain->rules.size(); ++i) {
            auto plain = chain->rules[i];
            plain.comment.clear();
            if (chain->rules[i].comment == of.comment &&
                netemu::to_text(plain, table_.family) == of.rule) {
                const auto& info = rules->second[i];
                step["handle"] = info.handle;
                if (info.counts) {
                    step["packets"] = info.packets;
                    step["bytes"] = info.bytes;
                }
                return;
            }
        }
    }

private:
    [[nodiscard]] const netemu::NftChain* find_chain(const std::string& name) const {
        const auto in = [&](const std::vector<netemu::NftChain>& chains) {
            const auto found = std::find_if(
                chains.begin(), chains.end(), [&](const auto& each) { return each.name == name; });
            return found == chains.end() ? nullptr : &*found;
        };
        if (const auto* own = in(table_.chains)) {
            return own;
        }
        for (const auto& part : table_.parts) {
            if (const auto* found = in(part->contents().chains)) {
                return found;
            }
        }
        return nullptr;
    }

    const netemu::NftTable& table_;
    std::map<std::string, std::vector<netemu::NftRuleInfo>> kernel_;
};

/// Adds to a step what the kernel knows about its rule.
using StepNotes = std::function<void(Json& step, const services::ExplainStep& of)>;

Json steps_json(const std::vector<services::ExplainStep>& steps, const StepNotes& notes) {
    Json list = Json::array();
    for (const auto& step : steps) {
        Json entry{{"what", step.what}, {"where", step.where}};
        const auto add = [&entry](const char* name, const std::string& text) {
            if (!text.empty()) {
                entry[name] = text;
            }
        };
        add("rule", step.rule);
        add("detail", step.detail);
        add("comment", step.comment);
        notes(entry, step);
        list.push_back(std::move(entry));
    }
    return list;
}

/// Why a connection cannot reach this endpoint on this node; "" when it can.
std::string endpoint_reason(
    const services::ProxyEndpoint& candidate,
    const services::ServicePortInput& input,
    const services::ProxyNode& node,
    bool chosen) {
    const auto& endpoint = candidate.endpoint;
    if (chosen) {
        return endpoint.terminating ? "chosen though terminating: no endpoint is ready" : "";
    }
    if (endpoint.terminating) {
        return endpoint.serving ? "terminating: used only when no endpoint is ready"
                                : "terminating and no longer serving";
    }
    if (!endpoint.ready) {
        return "not ready";
    }
    const auto sets = services::categorize_endpoints(input, node.name, node.zone);
    const bool cluster =
        std::find(sets.cluster.begin(), sets.cluster.end(), &candidate) != sets.cluster.end();
    if (!cluster && sets.mode == services::TopologyMode::SameZone) {
        return "hints: meant for zone " +
               (endpoint.hints.zones.empty() ? std::string("-") : endpoint.hints.zones.front()) +
               ", this node is in zone " + node.zone;
    }
    if (!cluster && sets.mode == services::TopologyMode::SameNode) {
        return "hints: meant for another node";
    }
    if (endpoint.node != node.name) {
        return "traffic policy Local: it is on " +
               (endpoint.node.empty() ? std::string("an unknown node") : endpoint.node);
    }
    return "the rules for this address do not lead to it";
}

Json endpoints_json(
    const services::ServicePortInput& input,
    const services::ProxyNode& node,
    const services::Explanation& explanation) {
    Json list = Json::array();
    for (const auto& candidate : input.endpoints) {
        const auto text = candidate.to_string();
        const auto& branches = explanation.branches;
        const bool chosen = std::any_of(branches.begin(), branches.end(), [&](const auto& branch) {
            return branch.result == text;
        });
        const auto& endpoint = candidate.endpoint;
        Json entry{
            {"address", text},
            {"node", endpoint.node},
            {"ready", endpoint.ready},
            {"serving", endpoint.serving},
            {"terminating", endpoint.terminating},
            {"chosen", chosen}};
        if (!endpoint.pod_name.empty()) {
            entry["pod"] = endpoint.pod_namespace + "/" + endpoint.pod_name;
        }
        if (!endpoint.zone.empty()) {
            entry["zone"] = endpoint.zone;
        }
        if (auto why = endpoint_reason(candidate, input, node, chosen); !why.empty()) {
            entry["why"] = std::move(why);
        }
        list.push_back(std::move(entry));
    }
    return list;
}

Json branches_json(const services::Explanation& explanation, const StepNotes& notes) {
    Json list = Json::array();
    for (const auto& branch : explanation.branches) {
        Json entry{
            {"probability", branch.probability},
            {"result", branch.result},
            {"masqueraded", branch.masqueraded},
            {"steps", steps_json(branch.steps, notes)}};
        if (!branch.node.empty()) {
            entry["node"] = branch.node;
            entry["terminating"] = branch.terminating;
        }
        if (!branch.pod.empty()) {
            entry["pod"] = branch.pod;
        }
        if (branch.relayed) {
            entry["relayed"] = true;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

/// What makes up one answer.
class PathExplainer {
public:
    PathExplainer(
        const compile::Proxies& proxies,
        const ExplainReaders& readers,
        NodeAddresses locals,
        ExplainSource source,
        ExplainTarget target)
        : proxies_(proxies), readers_(readers), locals_(std::move(locals)),
          source_(std::move(source)), target_(std::move(target)) {
        packet_.source = source_.address(target_.address.family());
        packet_.destination = target_.address;
        packet_.destination_port = target_.port;
        packet_.protocol = services::protocol_number(target_.protocol);
        packet_.from_node = source_.from_node;
    }

    /// `first`: the node whose rules the packet meets first.
    Json explain(const std::string& first) {
        answer_ = Json{{"kind", "Explanation"}, {"apiVersion", "labctl.dev/v1"}};
        answer_["from"] = {
            {"name", source_.name},
            {"address", packet_.source.to_string()},
            {"node", source_.node}};
        answer_["to"] = {
            {"name", target_.name},
            {"address", netemu::Endpoint{target_.address, target_.port}.to_string()},
            {"protocol", std::string(services::to_text(target_.protocol))},
            {"what", target_.what}};
        if (!target_.pod.empty()) {
            answer_["to"]["pod"] = target_.pod;
        }
        if (!target_.node.empty()) {
            answer_["to"]["node"] = target_.node;
        }
        answer_["hops"] = Json::array();
        auto made = hop(first);
        const bool elsewhere =
            target_.pod.empty() && !target_.node.empty() && target_.node != first;
        if (made.branches.front().result.empty() && elsewhere) {
            leave_node(first);
            made = hop(target_.node);
        }
        if (made.branches.front().result.empty() && target_.service) {
            forget_service();
        }
        conclude(made);
        return std::move(answer_);
    }

private:
    services::Explanation hop(const std::string& name) {
        const auto* node = proxies_.node(name);
        if (node == nullptr) {
            throw netemu::UsageError("there is no proxy on '" + name + "' to explain");
        }
        return proxies_.restores_rules() ? restored_hop(*node) : nft_hop(*node);
    }

    [[nodiscard]] std::vector<netemu::IpAddress>
    local_addresses(const services::ProxyNode& node) const {
        auto addresses = locals_.at(node.name);
        const auto of_proxy = addresses_of_proxy(proxies_, node.name);
        addresses.insert(addresses.end(), of_proxy.begin(), of_proxy.end());
        return addresses;
    }

    services::Explanation nft_hop(const services::ProxyNode& node) {
        const auto* table = proxies_.table(node.name, target_.address.family());
        if (table == nullptr) {
            throw netemu::UsageError("there is no proxy on '" + node.name + "' to explain");
        }
        const std::array<const netemu::NftTable*, 1> tables{table};
        const services::NftTracer tracer(tables, local_addresses(node));
        const auto ns = compile::node_namespace(node.name);
        const auto servers = proxies_.mode() == "ipvs" && readers_.servers
                                 ? readers_.servers(ns)
                                 : std::vector<netemu::VirtualServerInfo>{};
        auto made = services::explain_outcomes(
            through_virtual_servers(tracer.trace(packet_), packet_, servers),
            target_.service.get(),
            node);
        lead_to_host_port(made, node.name);
        const RuleFinder finder(*table, readers_.rules(ns, table->family, table->name));
        add_hop(node, made, [&](Json& step, const services::ExplainStep& of) {
            finder.add_to(step, of);
            add_ipvs_counters(step, of, servers);
        });
        return made;
    }

    /// Rules that iptables-restore has loaded are followed as iptables-save prints them.
    services::Explanation restored_hop(const services::ProxyNode& node) {
        if (!readers_.saved) {
            throw netemu::UsageError("the rules on '" + node.name + "' cannot be read here");
        }
        const services::IptablesTracer tracer(
            readers_.saved(node.name, target_.address.family()), local_addresses(node));
        auto made = services::explain_outcomes(
            through_portals(tracer.trace(packet_), target_.service.get(), proxies_),
            target_.service.get(),
            node);
        lead_to_host_port(made, node.name);
        add_hop(node, made, [&](Json& step, const services::ExplainStep& of) {
            add_iptables_counters(step, of, tracer);
        });
        return made;
    }

    /// What no Service has there, a container may (reference 9.5).
    void lead_to_host_port(services::Explanation& made, const std::string& node) const {
        auto& branch = made.branches.front();
        if (!target_.host_port || target_.node != node || !branch.result.empty()) {
            return;
        }
        const auto& [pod, endpoint] = *target_.host_port;
        branch.result = endpoint.to_string();
        branch.pod = pod;
        branch.node = node;
        branch.steps.push_back(
            {"destination NAT",
             "cni_hostport prerouting",
             {},
             "hostPort " + std::to_string(target_.port) + " of pod " + pod,
             {}});
        made.summary = "hostPort of " + pod + ": " + branch.result;
    }

    void add_hop(
        const services::ProxyNode& node,
        const services::Explanation& made,
        const StepNotes& notes) {
        answer_["hops"].push_back({{"node", node.name}, {"steps", steps_json(made.common, notes)}});
        answer_["node"] = node.name;
        answer_["branches"] = branches_json(made, notes);
        answer_["endpoints"] =
            target_.service ? endpoints_json(*target_.service, node, made) : Json::array();
        if (target_.service) {
            answer_["service"] = target_.service->name.to_string();
        }
    }

    /// On to another node: what leaves the pods' network takes the node's address (the CNI's rule).
    void leave_node(const std::string& name) {
        const auto* node = proxies_.node(name);
        const auto* primary = node->primary(target_.address.family());
        Json step{
            {"what", "on to node " + target_.node},
            {"where", "the underlay"},
            {"detail", "no rule of " + name + " has this address"}};
        const auto* pods = proxies_.config().cluster_cidr(target_.address.family());
        if (pods != nullptr && pods->contains(packet_.source) && primary != nullptr) {
            step["detail"] = "cni-masquerade: the source " + packet_.source.to_string() +
                             " becomes " + primary->to_string();
            packet_.source = *primary;
        }
        packet_.from_node = false;
        answer_["hops"].back()["steps"].push_back(std::move(step));
    }

    /// A node port that the rules have not for this address (reference 2.4).
    void forget_service() {
        target_.service.reset();
        target_.what = node_target_text(target_.node);
        answer_["to"]["what"] = target_.what;
        answer_["endpoints"] = Json::array();
        answer_.erase("service");
    }

    void conclude(const services::Explanation& made) {
        const auto& first = made.branches.front();
        std::string outcome = "endpoint";
        std::string summary = made.summary;
        if (first.result == "DROP" || first.result == "REJECT" || first.result == "CLOSE") {
            outcome = netemu::to_lower(first.result);
        } else if (first.result.empty() && !target_.pod.empty()) {
            summary =
                "straight to pod " + target_.pod + " on " + target_.node + ": no Service rule";
        } else if (first.result.empty()) {
            outcome = "none";
            summary = target_.node.empty() && !target_.what.empty()
                          ? "leaves the cluster: " + target_.what
                      : target_.node.empty()
                          ? "no Service, node or pod has this address and port"
                          : "no Service has this port: node " + target_.node + " itself answers";
        }
        if (target_.service && target_.service->affinity_seconds != 0 && outcome == "endpoint") {
            summary += remembered();
        }
        answer_["outcome"] = outcome;
        answer_["summary"] = summary;
    }

    /// The tracer knows no earlier connection; the kernel does.
    std::string remembered() {
        for (const auto& client : remembered_clients(
                 *target_.service,
                 answer_["node"].get<std::string>(),
                 proxies_,
                 readers_.affinity,
                 netemu::Endpoint{target_.address, target_.port})) {
            if (client["client"] == packet_.source.to_string()) {
                answer_["remembered"] = client;
                return "; this client is remembered and stays with " +
                       client["endpoint"].get<std::string>() + " (" + client["secondsLeft"].dump() +
                       " s left)";
            }
        }
        return "; this client is not remembered yet";
    }

    const compile::Proxies& proxies_;
    const ExplainReaders& readers_;
    NodeAddresses locals_;
    ExplainSource source_;
    ExplainTarget target_;
    services::TracePacket packet_;
    Json answer_;
};

/// From outside, the packet meets the rules of the node that has the address or the pod, or that
/// announces the address.
std::string entry_node(
    const ExplainSource& source, const ExplainTarget& target, const compile::Proxies& proxies) {
    if (!source.outside) {
        return source.node;
    }
    for (const auto& announced : proxies.announcements()) {
        if (announced.address == target.address) {
            return announced.node;
        }
    }
    return target.node.empty() ? source.node : target.node;
}

} // namespace

ExplainQuestion ExplainQuestion::from_json(const api::Json& json) {
    ExplainQuestion question;
    question.from = json.value("from", "");
    question.to = json.value("to", "");
    question.ns = json.value("namespace", "default");
    question.method = json.value("method", question.method);
    const auto& headers = api::at(json, "headers");
    for (auto header = headers.begin(); headers.is_object() && header != headers.end(); ++header) {
        if (header.value().is_string()) {
            question.headers.emplace_back(header.key(), header.value().get<std::string>());
        }
    }
    if (question.from.empty() || question.to.empty()) {
        throw netemu::UsageError("'from' and 'to' say what to explain");
    }
    return question;
}

api::Json explain_path(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Proxies& proxies,
    const ExplainQuestion& question,
    const ExplainReaders& readers) {
    if (auto direct = explain_between_devices(config, question)) {
        return std::move(*direct);
    }
    if (config.nodes.empty()) {
        throw netemu::UsageError(
            "'" + question.from + "' to '" + question.to + "': this lab has hosts and routers only",
            "labctl explain host/NAME host/NAME");
    }
    auto locals = addresses_of_nodes(store, config, proxies);
    auto source = explain_source(store, config, question);
    auto target =
        explain_target({store, config, proxies, locals}, with_device_address(config, question));
    if (const auto name = device_of_address(config, target.address);
        !name.empty() && target.what.empty()) {
        target.what = "address of " + name;
    }
    target.name = question.to;
    const auto first = entry_node(source, target, proxies);
    const bool to_device = target.what.starts_with("address of ") && target.node.empty();
    const auto service = target.service;
    auto answer =
        PathExplainer(proxies, readers, std::move(locals), std::move(source), std::move(target))
            .explain(first);
    if (to_device) {
        answer["underlay"] = true;
    }
    if (const auto summary = answer["summary"].get<std::string>();
        service && summary.ends_with("there is no ready endpoint")) {
        if (const auto why = why_no_endpoint(store, service->name); !why.empty()) {
            answer["summary"] = summary + ": " + why;
        }
    }
    return answer;
}

} // namespace labctl::explain
