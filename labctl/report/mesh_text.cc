#include "labctl/report/mesh_text.h"

#include <cstdio>

#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr std::size_t kNameWidth = 13;

/// "    name         what", the text made visible.
std::string story_line(const std::string& name, const std::string& text) {
    auto line = "  " + name;
    line.append(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ');
    return line + visible(text) + "\n";
}

std::string story_list(const Json& list) {
    std::string text;
    for (const auto& entry : list) {
        text += (text.empty() ? "" : ", ") + (entry.is_string() ? entry.get<std::string>() : "");
    }
    return text;
}

/// Istio's chain, unless the story names another.
std::string redirect_text(const Json& part, const char* whose, const char* chain) {
    return std::string(whose) + " to its sidecar (port " + at(part, "redirect").dump() +
           ", chain " + string_at(part, "chain", chain) + ")";
}

/// How the words of the protocol go together: "HTTP, by the port's name, http".
std::string protocol_text(const Json& outbound) {
    const auto protocol = string_at(outbound, "protocol");
    const auto spoken = string_at(outbound, "spoken");
    const auto why = string_at(outbound, "protocolWhy");
    return (protocol == "detect" ? spoken + " here" : protocol) + (why.empty() ? "" : ": " + why);
}

/// "asks  GET /api of backend"; "" where it is no HTTP.
std::string request_line(const Json& explanation) {
    const auto& request = at(explanation, "mesh.request");
    if (!request.is_object()) {
        return {};
    }
    const bool assumed = api::bool_at(request, "assumed", false);
    return "asks  " +
           visible(
               string_at(request, "method") + " " + string_at(request, "path") +
               (api::bool_at(request, "tls", false) ? " over TLS" : "") + " of " +
               string_at(request, "host")) +
           (assumed ? ", say; name a URL to ask for something else" : "") + "\n";
}

std::string outbound_lines(const Json& mesh, bool colour) {
    const auto& outbound = at(mesh, "outbound");
    const auto kind = string_at(outbound, "kind");
    auto text =
        "\n" + paint("at " + visible(string_at(mesh, "from.name")), Colour::Bold, colour) + "\n";
    if (kind == "application") {
        return text + story_line("sidecar", "none: " + string_at(mesh, "from.why")) +
               story_line("sends", "plaintext, from the application itself");
    }
    text += story_line("sidecar", redirect_text(outbound, "its connections go", "istio-output"));
    text += story_line("identity", string_at(mesh, "from.id"));
    text += story_line("cluster", string_at(outbound, "cluster"));
    if (kind == "passthrough") {
        return text +
               story_line("sends", "plaintext, passed through: " + string_at(outbound, "why"));
    }
    text += story_line("protocol", protocol_text(outbound));
    for (const auto& line : at(outbound, "route.lines")) {
        text += story_line(line[0].get<std::string>(), line[1].get<std::string>());
    }
    bool mtls = false;
    for (const auto& endpoint : at(mesh, "endpoints")) {
        mtls = mtls || string_at(endpoint, "tls") == "mTLS";
    }
    if (mtls && outbound.contains("sni")) { // Linkerd's is another one for each endpoint
        text += story_line("SNI", string_at(outbound, "sni"));
        text += story_line(
            "server", "must show " + story_list(at(outbound, "serverIds")) + " (secure naming)");
    }
    return text;
}

std::string mesh_share(const Json& endpoint) {
    char text[32];
    const auto& value = at(endpoint, "share");
    std::snprintf(
        text, sizeof text, "%.1f %%", value.is_number() ? value.get<double>() * 100 : 0.0);
    return text;
}

std::string endpoint_lines(const Json& mesh, bool colour) {
    Table table(
        {{"ENDPOINT", Align::Left},
         {"POD", Align::Left},
         {"NODE", Align::Left},
         {"SHARE", Align::Right},
         {"SENT AS", Align::Left},
         {"WHY", Align::Left}});
    for (const auto& endpoint : at(mesh, "endpoints")) {
        const auto tls = string_at(endpoint, "tls");
        const auto pod = string_at(endpoint, "pod");
        const auto node = string_at(endpoint, "node");
        table.add(
            {string_at(endpoint, "address"),
             pod.empty() ? "-" : pod,
             node.empty() ? "-" : node,
             mesh_share(endpoint),
             Cell(tls, tls == "mTLS" ? Colour::Green : Colour::Yellow),
             string_at(endpoint, "why")});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 2;
    return table.empty() ? std::string() : "\n" + table.render(style);
}

/// "STRICT, by PeerAuthentication shop/default (namespace): mutual TLS is taken".
std::string mode_text(const Json& mtls) {
    const auto policy = string_at(mtls, "policy");
    return string_at(mtls, "mode") +
           (policy.empty()
                ? ", as no PeerAuthentication says otherwise"
                : ", by PeerAuthentication " + policy + " (" + string_at(mtls, "scope") + ")") +
           ": " + string_at(mtls, "effect");
}

std::string policy_lines(const Json& policies, bool colour) {
    auto table = Table::of({"ACTION", "POLICY", "MATCHES", "WHY"});
    for (const auto& policy : policies) {
        const bool matches = api::bool_at(policy, "matches", false);
        const bool dry = api::bool_at(policy, "dryRun", false);
        const auto action = string_at(policy, "action");
        const auto paint_as = !matches || dry     ? Colour::Dim
                              : action == "ALLOW" ? Colour::Green
                              : action == "AUDIT" ? Colour::None
                                                  : Colour::Red;
        table.add(
            {action + (dry ? " (dry run)" : ""),
             string_at(policy, "policy"),
             Cell(matches ? "rule " + at(policy, "rule").dump() : "no", paint_as),
             string_at(policy, "text")});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 4;
    return table.render(style);
}

std::string verdict_lines(const Json& story, bool colour) {
    const bool allowed = api::bool_at(story, "verdict.allowed", false);
    const auto answer = string_at(story, "verdict.answer");
    return "  verdict      " +
           paint(
               visible(
                   string_at(story, "verdict.text") +
                   (answer.empty() ? "" : "; the client sees: " + answer)),
               allowed ? Colour::Green : Colour::Red,
               colour) +
           "\n";
}

/// "Server shop/web, accessPolicy deny".
std::string governing_text(const Json& story) {
    const auto server = string_at(story, "governs");
    const auto policy = string_at(story, "default");
    if (server.empty()) {
        return "no Server selects it: default policy " + policy;
    }
    auto text = server + ", accessPolicy " + policy;
    if (const auto& others = at(story, "others"); !others.empty()) {
        text += "; it selects the port before Server " + story_list(others);
    }
    return text;
}

std::string route_lines(const Json& routes, bool colour) {
    auto table = Table::of({"HTTPROUTE", "TAKES IT", "RULES"});
    for (const auto& route : routes) {
        const bool takes = api::bool_at(route, "takes", false);
        table.add(
            {string_at(route, "route"),
             Cell(takes ? "yes" : "no", takes ? Colour::Green : Colour::Dim),
             story_list(at(route, "rules"))});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 4;
    return table.render(style);
}

std::string authorization_lines(const Json& policies, bool colour) {
    auto table = Table::of({"AUTHORIZATION", "MATCHES", "WHY"});
    for (const auto& policy : policies) {
        const bool matches = api::bool_at(policy, "matches", false);
        table.add(
            {string_at(policy, "policy"),
             Cell(matches ? "yes" : "no", matches ? Colour::Green : Colour::Dim),
             string_at(policy, "text")});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 4;
    return table.render(style);
}

/// What a proxy of Linkerd does with it.
std::string linkerd_lines(const Json& story, bool colour) {
    auto text =
        story_line("sidecar", redirect_text(story, "what comes to it goes", "PROXY_INIT_REDIRECT"));
    text += story_line(
        "port",
        at(story, "port").dump() + ", read as " + string_at(story, "spoken") + " (proxyProtocol " +
            string_at(story, "protocol") + ")");
    text += story_line("governed by", governing_text(story));
    text += story_line("client is", string_at(story, "identity", "nobody known: no mutual TLS"));
    if (const auto& routes = at(story, "routes"); !routes.empty()) {
        text += story_line("routes", "the request needs one of these");
        text += route_lines(routes, colour);
    }
    const auto& policies = at(story, "policies");
    text += story_line("policies", policies.empty() ? "nothing is asked" : "one is enough");
    text += policies.empty() ? "" : authorization_lines(policies, colour);
    for (const auto& ignored : at(story, "ignored")) {
        text += story_line("ignored", ignored.is_string() ? ignored.get<std::string>() : "");
    }
    text += verdict_lines(story, colour);
    if (const auto client = string_at(story, "application.client"); !client.empty()) {
        text += story_line("application", "sees the client " + client + ", its own pod");
        if (const auto id = string_at(story, "identity"); !id.empty()) {
            text += story_line("", "l5d-client-id: " + id);
        }
    }
    return text;
}

std::string inbound_lines(const Json& story, bool colour) {
    auto text =
        "\n" + paint("at " + visible(story_list(at(story, "pods"))), Colour::Bold, colour) + "\n";
    if (story.contains("governs")) {
        return text + linkerd_lines(story, colour);
    }
    const auto client = string_at(story, "application.client");
    if (!api::bool_at(story, "sidecar", false)) {
        return text + story_line("sidecar", "none: " + string_at(story, "why")) +
               story_line("application", "sees the client " + client);
    }
    text += story_line("sidecar", redirect_text(story, "what comes to it goes", "istio-inbound"));
    const auto protocol = string_at(story, "protocol");
    text += story_line(
        "port",
        at(story, "port").dump() + ", read as " + string_at(story, "spoken") +
            (protocol == "detect" ? " by its first bytes" : ""));
    text += story_line("mTLS", mode_text(at(story, "mtls")));
    if (api::bool_at(story, "mtls.accepted", false)) {
        text +=
            story_line("client is", string_at(story, "identity", "nobody known: no mutual TLS"));
        if (story.contains("tokens")) {
            text += story_line("token", string_at(story, "tokens.text"));
        }
        if (string_at(story, "tokens.outcome") == "refused") {
            return text + verdict_lines(story, colour); // nobody else is asked
        }
        const auto& policies = at(story, "policies");
        text += story_line(
            "policies", policies.empty() ? "no AuthorizationPolicy applies" : "as they are asked");
        text += policies.empty() ? "" : policy_lines(policies, colour);
    }
    text += verdict_lines(story, colour);
    if (!client.empty()) {
        text += story_line("application", "sees the client " + client + ", its sidecar");
        if (const auto xfcc = string_at(story, "application.xfcc"); !xfcc.empty()) {
            text += story_line("", "x-forwarded-client-cert: " + xfcc);
        }
    }
    return text;
}

} // namespace

std::string mesh_from_text(const Json& explanation, bool colour) {
    const auto& mesh = at(explanation, "mesh");
    const bool assumed = api::bool_at(mesh, "request.assumed", false);
    return !mesh.is_object()
               ? std::string()
               : (assumed ? request_line(explanation) : "") + outbound_lines(mesh, colour);
}

std::string mesh_to_text(const Json& explanation, bool colour) {
    const auto& mesh = at(explanation, "mesh");
    if (!mesh.is_object()) {
        return {};
    }
    auto text = endpoint_lines(mesh, colour);
    for (const auto& story : at(mesh, "inbound")) {
        text += inbound_lines(story, colour);
    }
    const char* before = "\n";
    for (const auto& hint : at(mesh, "hints")) {
        text += before +
                paint("hint: " + visible(string_at(hint, "text")), Colour::Yellow, colour) +
                "\n      " + visible(string_at(hint, "remedy")) + "\n";
        before = "";
    }
    return text;
}

std::string mesh_explain_text(const Json& explanation, bool colour) {
    const auto& mesh = at(explanation, "mesh");
    const auto field = [&](const char* path) { return visible(string_at(explanation, path)); };
    auto text = "from  " + field("from.name") + "  " + field("from.address") + "\n";
    text += request_line(explanation);
    const auto service = field("service");
    text += "to    " + field("to.address") + ", " + field("to.what") +
            (service.empty() ? "" : " of Service " + service) + "\n";
    text += mesh_from_text(explanation, colour) + mesh_to_text(explanation, colour);
    // a policy of the network, or a rule of a node, ends it before the mesh is asked
    const bool reached = string_at(explanation, "outcome") == "endpoint";
    const bool by_mesh = string_at(mesh, "outcome") != "endpoint" || reached;
    return text + "\n" +
           paint(
               by_mesh ? visible(string_at(mesh, "text")) : field("summary"),
               reached ? Colour::Green : Colour::Red,
               colour) +
           "\n";
}

} // namespace labctl::report
