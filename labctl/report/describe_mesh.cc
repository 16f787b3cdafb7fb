#include "labctl/report/describe_parts.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

/// Sidecars and policies of a mesh: kubectl describes these policies as it describes every custom
/// resource; here they are told in words, and whom they apply to now.
namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string decided_text(const Json& mtls) {
    const auto policy = string_at(mtls, "policy");
    return policy.empty() ? "<none>"
                          : "PeerAuthentication " + policy + " (" + string_at(mtls, "scope") + ")";
}

void describe_mesh_ports(Description& out, const Json& mesh) {
    out.line(1, "mTLS:");
    out.line(2, "Port\tProtocol\tMode\tDecided By");
    out.line(2, "----\t--------\t----\t----------");
    for (const auto& port : at(mesh, "ports")) {
        const auto protocol = string_at(port, "protocol");
        out.line(
            2,
            at(port, "port").dump() + "\t" + (protocol == "detect" ? "by its bytes" : protocol) +
                "\t" + visible(string_at(port, "mode")) + "\t" + visible(decided_text(port)));
    }
    const auto& others = at(mesh, "others");
    out.line(
        2,
        "others\tby its bytes\t" + visible(string_at(others, "mode")) + "\t" +
            visible(decided_text(others)));
}

struct FieldWords {
    const char* field;
    const char* not_field;
    const char* words;
};

constexpr FieldWords kSourceWords[] = {
    {"principals", "notPrincipals", "principal"},
    {"requestPrincipals", "notRequestPrincipals", "token's principal"},
    {"namespaces", "notNamespaces", "namespace"},
    {"serviceAccounts", "notServiceAccounts", "service account"},
    {"trustDomains", "notTrustDomains", "trust domain"},
    {"ipBlocks", "notIpBlocks", "address"},
    {"remoteIpBlocks", "notRemoteIpBlocks", "original address"}};
constexpr FieldWords kOperationWords[] = {
    {"hosts", "notHosts", "host"},
    {"methods", "notMethods", "method"},
    {"paths", "notPaths", "path"},
    {"ports", "notPorts", "workload port"}};

/// "principal is a or b and is not c"
void add_words(std::string& text, const Json& part, const FieldWords& words) {
    const auto add = [&](const char* field, const char* is) {
        if (const auto& list = at(part, field); !list.empty()) {
            text += (text.empty() ? "" : ", ") + std::string(words.words) + is +
                    join_strings(list, " or ");
        }
    };
    add(words.field, " is ");
    add(words.not_field, " is not ");
}

template <class Words>
void describe_parts(
    Description& out, const Json& list, const char* member, const char* title, const Words& all) {
    const char* before = title;
    for (const auto& entry : list) {
        std::string text;
        for (const auto& words : all) {
            add_words(text, at(entry, member), words);
        }
        out.line(2, std::string(before) + "\t" + visible(text));
        before = "or";
    }
}

void describe_mesh_rule(Description& out, const Json& rule, std::size_t number) {
    out.line(1, "Rule " + std::to_string(number) + ":");
    if (rule.is_object() && at(rule, "from").empty() && at(rule, "to").empty() &&
        at(rule, "when").empty()) {
        out.line(2, "everything");
    }
    describe_parts(out, at(rule, "from"), "source", "from whom", kSourceWords);
    describe_parts(out, at(rule, "to"), "operation", "for what", kOperationWords);
    for (const auto& condition : at(rule, "when")) {
        std::string text;
        const auto key = string_at(condition, "key");
        add_words(text, condition, {"values", "notValues", key.c_str()});
        out.line(2, "when\t" + visible(text));
    }
}

std::string pods_text(const Json& list) {
    std::vector<std::string> names;
    for (const auto& entry : list) {
        names.push_back(entry.is_string() ? entry.get<std::string>() : string_at(entry, "pod"));
    }
    return names.empty() ? "<none>" : netemu::join(names, ", ");
}

void describe_reach(Description& out, const DescribeInput& input) {
    const auto& mesh = input.options.mesh;
    if (!mesh.is_object()) {
        out.field(0, "Applies To", "nothing: the lab has no mesh (spec.mesh.profile: istio)");
        return;
    }
    if (const auto note = string_at(mesh, "note"); !note.empty()) {
        out.field(0, "Applies To", "nothing: " + note);
        return;
    }
    out.field(0, "Applies To", pods_text(at(mesh, "pods")));
    if (const auto& without = at(mesh, "without"); !without.empty()) {
        out.field(0, "Without Sidecar", pods_text(without) + " (so it has no effect there)");
    }
}

void describe_policy_head(Description& out, const DescribeInput& input) {
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    const auto selector = api::labels_at(input.object.body, "spec.selector.matchLabels");
    std::vector<std::string> pairs;
    for (const auto& [key, value] : selector) {
        pairs.push_back(key + "=" + value);
    }
    const bool of_root = input.object.ns() == "istio-system";
    out.field(
        0,
        "Selector",
        !pairs.empty() ? netemu::join(pairs, ",")
        : of_root      ? "<none> (all pods of the mesh)"
                       : "<none> (all pods of the namespace)");
}

/// What each action makes of a rule that matches.
std::string action_words(const std::string& action) {
    return action == "DENY"     ? "DENY (what a rule matches is refused)"
           : action == "AUDIT"  ? "AUDIT (what a rule matches is marked in the log)"
           : action == "CUSTOM" ? "CUSTOM (what a rule matches is asked of a provider)"
                                : "ALLOW (only what a rule of some ALLOW policy matches may pass)";
}

const char* mode_words(const std::string& mode) {
    return mode == "STRICT"       ? "STRICT (mutual TLS only)"
           : mode == "PERMISSIVE" ? "PERMISSIVE (mutual TLS and plaintext)"
           : mode == "DISABLE"    ? "DISABLE (plaintext only)"
                                  : "UNSET (as the namespace or the mesh has it)";
}

} // namespace

void describe_sidecar(Description& out, const Json& mesh) {
    if (!mesh.is_object()) {
        return;
    }
    out.line(0, "Mesh:");
    if (api::bool_at(mesh, "linkerd", false) && api::bool_at(mesh, "sidecar", false)) {
        return describe_linkerd_proxy(out, mesh);
    }
    if (!api::bool_at(mesh, "sidecar", false)) {
        out.field(
            1,
            "Sidecar",
            "none: " + string_at(mesh, "why") +
                (api::bool_at(mesh, "late", false)
                     ? " (sidecars come with new pods only: delete it)"
                     : ""));
        return;
    }
    out.field(1, "Sidecar", "yes");
    out.field(1, "SPIFFE ID", string_at(mesh, "id"));
    describe_mesh_ports(out, mesh);
    const auto& policies = at(mesh, "policies");
    out.line(1, policies.empty() ? "Authorization Policies:\t<none>" : "Authorization Policies:");
    for (const auto& policy : policies) {
        out.line(
            2,
            visible(string_at(policy, "action")) + "\t" + visible(string_at(policy, "policy")) +
                (api::bool_at(policy, "dryRun", false) ? " (dry run)" : ""));
    }
}

void describe_authorization_policy(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    describe_policy_head(out, input);
    describe_reach(out, input);
    const auto annotations = input.object.annotations();
    const auto dry = annotations.find("istio.io/dry-run");
    out.field(
        0,
        "Action",
        action_words(string_at(spec, "action", "ALLOW")) +
            (dry != annotations.end() && dry->second == "true" ? "; a dry run, only told of in logs"
                                                               : ""));
    const auto& rules = at(spec, "rules");
    if (rules.empty()) {
        out.field(0, "Rules", "<none> (nothing is allowed)");
        return;
    }
    out.line(0, "Rules:");
    for (std::size_t i = 0; i < rules.size(); ++i) {
        describe_mesh_rule(out, rules[i], i + 1);
    }
}

void describe_peer_authentication(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    describe_policy_head(out, input);
    describe_reach(out, input);
    out.field(0, "Mode", mode_words(string_at(spec, "mtls.mode")));
    const auto& ports = at(spec, "portLevelMtls");
    if (ports.is_object() && !ports.empty()) {
        out.line(0, "Ports:");
        for (const auto& [port, mode] : ports.items()) {
            out.field(1, port, mode_words(string_at(mode, "mode")));
        }
    }
    std::vector<std::string> overruled;
    for (const auto& pod : at(input.options.mesh, "pods")) {
        if (!api::bool_at(pod, "decides", true)) {
            const auto by = string_at(pod, "by");
            overruled.push_back(
                string_at(pod, "pod") + (by.empty() ? " (by none)" : " (by " + by + ")"));
        }
    }
    if (!overruled.empty()) {
        out.field(0, "Overruled For", netemu::join(overruled, ", "));
    }
}

} // namespace labctl::report
