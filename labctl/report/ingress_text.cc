#include "labctl/report/ingress_text.h"

#include <cstdio>

#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

std::string percent_text(const Json& entry) {
    char text[32];
    const auto& value = at(entry, "probability");
    std::snprintf(
        text, sizeof text, "%.1f %%", value.is_number() ? value.get<double>() * 100 : 0.0);
    return text;
}

std::string rule_text(const Json& explanation) {
    const auto host = string_at(explanation, "host");
    if (at(explanation, "rule").is_null()) {
        return host + ": no rule has it";
    }
    const auto rule = string_at(explanation, "rule.host");
    const auto kind = string_at(explanation, "rule.kind");
    return host + ": " + (kind == "exact" ? "a rule of its own" : "by the rule of " + rule) +
           (kind == "wildcard" ? " (wildcards are for one label)" : "");
}

Table path_table(const Json& explanation) {
    auto table = Table::of({"", "PATH", "TYPE", "INGRESS", "BACKEND"});
    for (const auto& path : at(explanation, "paths")) {
        const bool chosen = api::bool_at(path, "chosen", false);
        const bool matches = api::bool_at(path, "matches", false);
        table.add(
            {Cell(
                 chosen    ? "takes it"
                 : matches ? "would"
                           : "no",
                 chosen    ? Colour::Green
                 : matches ? Colour::None
                           : Colour::Dim),
             string_at(path, "path"),
             string_at(path, "type"),
             string_at(path, "ingress"),
             string_at(path, "backend")});
    }
    return table;
}

Table endpoint_table(const Json& explanation) {
    auto table = Table(
        {{"ENDPOINT", Align::Left},
         {"POD", Align::Left},
         {"NODE", Align::Left},
         {"SHARE", Align::Right}});
    for (const auto& endpoint : at(explanation, "endpoints")) {
        table.add(
            {string_at(endpoint, "address"),
             string_at(endpoint, "pod", "-"),
             string_at(endpoint, "node", "-"),
             percent_text(endpoint)});
    }
    return table;
}

/// What becomes of it, in a sentence.
std::string verdict_text(const Json& explanation) {
    const auto outcome = string_at(explanation, "outcome");
    const auto path = string_at(explanation, "path");
    const auto backend = string_at(explanation, "backend.name");
    if (outcome == "bad-request") {
        return "400: " + path + " leads above the root";
    }
    if (outcome == "no-rule") {
        return at(explanation, "rule").is_null()
                   ? "404: no Ingress has a rule for the host " + string_at(explanation, "host")
                   : "404: no path of the host takes " + path;
    }
    if (outcome == "denied") {
        const auto status = api::int_at(explanation, "status", 0);
        return (status == 0 ? "the request does not reach the controller: "
                            : std::to_string(status) + ": nobody of " + backend + " is reached: ") +
               string_at(explanation, "denial");
    }
    if (outcome == "no-endpoints") {
        return "503: " + string_at(explanation, "backend.problem");
    }
    const auto denial = string_at(explanation, "denial");
    return path + " goes to " + backend + (denial.empty() ? "" : "; but " + denial);
}

} // namespace

std::string edge_controller_text(const Json& controller, std::size_t indent) {
    auto text = string_at(controller, "name");
    const std::string line = "\n" + std::string(indent, ' ');
    const char* before = " at ";
    for (const auto& address : at(controller, "addresses")) {
        text += before + (address.is_string() ? address.get<std::string>() : "");
        before = ", ";
    }
    for (const auto& pod : at(controller, "pods")) {
        text += line + string_at(pod, "pod") + "  " + string_at(pod, "address") + " on " +
                string_at(pod, "node");
    }
    if (at(controller, "pods").empty()) {
        text += line + "no pod is this controller: nobody answers";
    }
    return text;
}

std::string ingress_explain_text(const Json& explanation, bool colour) {
    Table::Style style;
    style.colour = colour;
    auto text = "from  " + visible(string_at(explanation, "from.name")) + "  " +
                visible(string_at(explanation, "from.address")) + "\nurl   " +
                visible(string_at(explanation, "url")) + "\nasks  " +
                visible_lines(edge_controller_text(at(explanation, "controller"), 6)) + "\nhost  " +
                visible(rule_text(explanation)) + "\n";
    if (string_at(explanation, "scheme") == "https") {
        const auto secret = string_at(explanation, "certificate");
        text += "TLS   ends at the controller, with " +
                (secret.empty() ? std::string("its own certificate: spec.tls has none for the host")
                                : "the certificate of Secret " + visible(secret)) +
                "\n";
    }
    if (const auto paths = path_table(explanation); !paths.empty()) {
        text += "\n" + paths.render(style);
    }
    if (const auto endpoints = endpoint_table(explanation); !endpoints.empty()) {
        text += "\n" + endpoints.render(style);
    }
    const bool reached = string_at(explanation, "outcome") == "endpoint";
    return text + "\n" +
           paint(
               visible(verdict_text(explanation)), reached ? Colour::Green : Colour::Red, colour) +
           "\n";
}

} // namespace labctl::report
