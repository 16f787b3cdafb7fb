#include "labctl/compile/scheduler.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::Json;

bool lists(const Json& values, const std::string& value) {
    return std::any_of(
        values.begin(), values.end(), [&](const Json& item) { return item == value; });
}

std::optional<std::int64_t> number(const std::string& text) {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
    return whole && !text.empty() ? std::optional(value) : std::nullopt;
}

/// NodeSelectorRequirement of core/v1, on a label or on the field metadata.name.
bool requirement_holds(const Json& requirement, const std::optional<std::string>& value) {
    const auto op = api::string_at(requirement, "operator");
    const auto& values = api::at(requirement, "values");
    if (op == "Exists" || op == "DoesNotExist") {
        return value.has_value() == (op == "Exists");
    }
    if (op == "NotIn") {
        return !value || !lists(values, *value);
    }
    if (op == "In") {
        return value && lists(values, *value);
    }
    if ((op == "Gt" || op == "Lt") && value && values.size() == 1 && values[0].is_string()) {
        const auto left = number(*value);
        const auto right = number(values[0].get<std::string>());
        return left && right && (op == "Gt" ? *left > *right : *left < *right);
    }
    return false;
}

bool term_holds(const Json& term, const NodeInfo& node) {
    const auto& expressions = api::at(term, "matchExpressions");
    const auto& fields = api::at(term, "matchFields");
    if (expressions.empty() && fields.empty()) {
        return false; // a term without requirements matches no node
    }
    const bool labels_hold =
        std::all_of(expressions.begin(), expressions.end(), [&](const Json& requirement) {
            const auto found = node.labels.find(api::string_at(requirement, "key"));
            return requirement_holds(
                requirement,
                found == node.labels.end() ? std::nullopt : std::optional(found->second));
        });
    return labels_hold && std::all_of(fields.begin(), fields.end(), [&](const Json& requirement) {
               return api::string_at(requirement, "key") == "metadata.name" &&
                      requirement_holds(requirement, node.name);
           });
}

constexpr const char* kAllAddresses = "0.0.0.0";

std::vector<HostPort> host_ports_of(const Json& spec) {
    std::vector<HostPort> result;
    for (const auto& container : api::at(spec, "containers")) {
        for (const auto& port : api::at(container, "ports")) {
            const auto number_of_port = api::int_at(port, "hostPort", 0);
            if (number_of_port > 0) {
                const auto ip = api::string_at(port, "hostIP");
                result.push_back(
                    {api::string_at(port, "protocol", "TCP"),
                     number_of_port,
                     ip.empty() ? kAllAddresses : ip});
            }
        }
    }
    return result;
}

/// HostPortInfo.CheckConflict of kubernetes pkg/scheduler/framework: 0.0.0.0 is in the way of every
/// address, one of IPv6 as well, and every other text only of itself, :: as well.
bool is_taken(const std::multiset<HostPort>& taken, const HostPort& wanted) {
    const auto first = taken.lower_bound({wanted.protocol, wanted.port, {}});
    return std::any_of(
        first,
        std::find_if(
            first,
            taken.end(),
            [&](const HostPort& each) {
                return each.protocol != wanted.protocol || each.port != wanted.port;
            }),
        [&](const HostPort& each) {
            return wanted.ip == kAllAddresses || each.ip == kAllAddresses || each.ip == wanted.ip;
        });
}

/// "0/3 nodes are available: 1 node(s) were unschedulable, 2 ...", as FitError says it.
std::string fit_error(std::size_t nodes, const std::map<std::string, std::size_t>& reasons) {
    std::vector<std::string> parts;
    parts.reserve(reasons.size());
    for (const auto& [reason, count] : reasons) {
        parts.push_back(std::to_string(count) + " " + reason);
    }
    std::sort(parts.begin(), parts.end());
    return "0/" + std::to_string(nodes) + " nodes are available: " + netemu::join(parts, ", ") +
           ".";
}

} // namespace

NodeDemand::NodeDemand(const Json& pod_spec)
    : node_name_(api::string_at(pod_spec, "nodeName")),
      selector_(api::labels_at(pod_spec, "nodeSelector")), host_ports_(host_ports_of(pod_spec)),
      host_network_(api::bool_at(pod_spec, "hostNetwork", false)) {
    const auto& terms = api::at(
        pod_spec,
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    terms_ = terms.is_array() ? &terms : nullptr;
    const auto& tolerations = api::at(pod_spec, "tolerations");
    tolerations_ = tolerations.is_array() ? &tolerations : nullptr;
}

bool NodeDemand::tolerates(const Json& taint) const {
    if (tolerations_ == nullptr) {
        return false;
    }
    return std::any_of(tolerations_->begin(), tolerations_->end(), [&](const Json& toleration) {
        const auto effect = api::string_at(toleration, "effect");
        const auto key = api::string_at(toleration, "key");
        if (!effect.empty() && effect != api::string_at(taint, "effect")) {
            return false;
        }
        if (!key.empty() && key != api::string_at(taint, "key")) {
            return false;
        }
        if (api::string_at(toleration, "operator", "Equal") == "Exists") {
            return true;
        }
        return !key.empty() &&
               api::string_at(toleration, "value") == api::string_at(taint, "value");
    });
}

const Json* NodeDemand::untolerated_taint(const NodeInfo& node, bool only_no_execute) const {
    for (const auto& taint : node.taints) {
        const auto effect = api::string_at(taint, "effect");
        const bool counts = effect == "NoExecute" || (effect == "NoSchedule" && !only_no_execute);
        if (counts && !tolerates(taint)) {
            return &taint;
        }
    }
    return nullptr;
}

bool NodeDemand::tolerates_unschedulable() const {
    static const Json kTaint{{"key", "node.kubernetes.io/unschedulable"}, {"effect", "NoSchedule"}};
    return tolerates(kTaint);
}

bool NodeDemand::matches_selector_and_affinity(const NodeInfo& node) const {
    for (const auto& [key, value] : selector_) {
        const auto found = node.labels.find(key);
        if (found == node.labels.end() || found->second != value) {
            return false;
        }
    }
    return terms_ == nullptr || std::any_of(terms_->begin(), terms_->end(), [&](const Json& term) {
               return term_holds(term, node);
           });
}

std::optional<std::string> NodeDemand::refusal(const NodeInfo& node) const {
    if (node.unschedulable && !tolerates_unschedulable()) {
        return "node(s) were unschedulable";
    }
    if (!node_name_.empty() && node_name_ != node.name) {
        return "node(s) didn't match the requested node name";
    }
    if (const auto* taint = untolerated_taint(node, false)) {
        return "node(s) had untolerated taint {" + api::string_at(*taint, "key") + ": " +
               api::string_at(*taint, "value") + "}";
    }
    if (!matches_selector_and_affinity(node)) {
        return "node(s) didn't match Pod's node affinity/selector";
    }
    for (const auto& port : host_ports_) {
        if (is_taken(node.host_ports, port)) {
            return "node(s) didn't have free ports for the requested pod ports";
        }
    }
    return std::nullopt;
}

Placement place(
    const NodeDemand& demand,
    const std::string& owner_uid,
    const std::vector<NodeInfo>& nodes,
    const std::function<bool(std::size_t)>& has_room,
    const std::function<std::string(std::size_t)>& exhaustion) {
    std::map<std::string, std::size_t> reasons;
    std::string hint;
    std::optional<std::tuple<std::size_t, std::size_t, std::size_t>> best;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (const auto refusal = demand.refusal(nodes[i])) {
            ++reasons[*refusal];
            continue;
        }
        if (!demand.host_network() && !has_room(i)) {
            ++reasons["node(s) had no free pod address"];
            hint = hint.empty() ? exhaustion(i) : hint;
            continue;
        }
        const auto same = nodes[i].owners.find(owner_uid);
        const auto siblings = same == nodes[i].owners.end() ? 0 : same->second;
        const auto candidate = std::make_tuple(siblings, nodes[i].pods, i);
        best = best ? std::min(*best, candidate) : candidate;
    }
    if (best) {
        return {std::get<2>(*best), {}};
    }
    return {
        std::nullopt,
        fit_error(nodes.size(), reasons) + (hint.empty() ? "" : " First full: " + hint + ".")};
}

} // namespace labctl::compile
