#include "labctl/report/describe_parts.h"
#include "labctl/report/duration.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/text.h"

/// NetworkPolicies as `kubectl describe` words them (k8s.io/kubectl pkg/describe).
namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr int kRuleLevel = 2;

std::string rule_port(const Json& port) {
    const auto& number = at(port, "port");
    const auto& end = at(port, "endPort");
    return (number.is_null() ? std::string("<any>") : visible(plain(number))) +
           (end.is_null() ? std::string() : "-" + plain(end)) + "/" +
           visible(string_at(port, "protocol", "TCP"));
}

void describe_peer(Description& out, const Json& peer) {
    for (const auto& [field, title] :
         {std::pair{"namespaceSelector", "NamespaceSelector: "},
          std::pair{"podSelector", "PodSelector: "}}) {
        if (const auto& selector = at(peer, field); selector.is_object()) {
            out.line(kRuleLevel + 1, title + visible(format_selector(selector)));
        }
    }
    if (const auto& block = at(peer, "ipBlock"); block.is_object()) {
        out.line(kRuleLevel + 1, "IPBlock:");
        out.line(kRuleLevel + 2, "CIDR: " + visible(string_at(block, "cidr")));
        out.line(kRuleLevel + 2, "Except: " + visible(join_strings(at(block, "except"), ", ")));
    }
}

void describe_rule(
    Description& out, const Json& rule, const char* peers, const std::string& title) {
    const auto& ports = at(rule, "ports");
    if (ports.empty()) {
        out.line(kRuleLevel, "To Port: <any> (traffic allowed to all ports)");
    }
    for (const auto& port : ports) {
        out.line(kRuleLevel, "To Port: " + rule_port(port));
    }
    const auto& list = at(rule, peers);
    if (list.empty()) {
        out.line(
            kRuleLevel,
            title + ": <any> (traffic not restricted by " +
                (title == "From" ? "source)" : "destination)"));
    }
    for (const auto& peer : list) {
        out.line(kRuleLevel, title + ":");
        describe_peer(out, peer);
    }
}

bool has_policy_type(const Json& spec, const char* type) {
    const auto& types = at(spec, "policyTypes");
    for (const auto& one : types) {
        if (one == type) {
            return true;
        }
    }
    return types.empty() && (std::string_view(type) == "Ingress" || !at(spec, "egress").empty());
}

struct DirectionWords {
    const char* type;  // "Ingress"
    const char* field; // "ingress"
    const char* peers; // "from"
    const char* title; // "From"
};

void describe_direction(Description& out, const Json& spec, const DirectionWords& words) {
    const std::string traffic = std::string(words.field) + " traffic";
    if (!has_policy_type(spec, words.type)) {
        out.line(1, "Not affecting " + traffic);
        return;
    }
    out.line(1, "Allowing " + traffic + ":");
    const auto& rules = at(spec, words.field);
    if (rules.empty()) {
        out.line(
            kRuleLevel,
            std::string("<none> (Selected pods are isolated for ") + words.field +
                " connectivity)");
    }
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (i != 0) {
            out.line(kRuleLevel, "----------");
        }
        describe_rule(out, rules[i], words.peers, words.title);
    }
}

/// "2026-01-02 03:03:20 +0000 UTC", as Go prints a time.
std::string go_time(const std::string& timestamp) {
    constexpr std::size_t kSeconds = 19; // of "2026-01-02T03:03:20Z"
    if (!parse_time(timestamp) || timestamp.size() < kSeconds) {
        return "<unknown>";
    }
    return timestamp.substr(0, 10) + " " + timestamp.substr(11, 8) + " +0000 UTC";
}

} // namespace

void describe_network_policy(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.field(0, "Created on", go_time(string_at(input.object.body, "metadata.creationTimestamp")));
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    out.line(0, "Spec:");
    const auto selector = format_selector(at(spec, "podSelector"));
    out.line(
        1,
        "PodSelector:     " +
            (selector == "<none>"
                 ? selector + " (Allowing the specific traffic to all pods in this namespace)"
                 : visible(selector)));
    describe_direction(out, spec, {"Ingress", "ingress", "from", "From"});
    describe_direction(out, spec, {"Egress", "egress", "to", "To"});
    const auto& types = at(spec, "policyTypes");
    out.line(1, "Policy Types: " + (types.empty() ? "<none>" : visible(join_strings(types, ", "))));
}

} // namespace labctl::report
