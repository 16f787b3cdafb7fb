#include "labctl/report/gateway_text.h"

#include <cstdio>

#include "labctl/report/ingress_text.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

std::string star_if_empty(const std::string& hostname) {
    return hostname.empty() ? "*" : hostname;
}

std::string chosen_listener(const Json& explanation) {
    for (const auto& listener : at(explanation, "listeners")) {
        if (api::bool_at(listener, "chosen", false)) {
            return string_at(listener, "name") + ", for " +
                   star_if_empty(string_at(listener, "hostname")) + " on port " +
                   std::to_string(api::int_at(listener, "port", 0));
        }
    }
    return "none of port " + std::to_string(api::int_at(explanation, "port", 0)) + " is for " +
           string_at(explanation, "host");
}

Table rule_table(const Json& explanation) {
    auto table = Table::of({"", "HOST", "MATCH", "ROUTE", "RULE"});
    for (const auto& rule : at(explanation, "rules")) {
        const bool chosen = api::bool_at(rule, "chosen", false);
        const bool matches = api::bool_at(rule, "matches", false);
        table.add(
            {Cell(
                 chosen    ? "takes it"
                 : matches ? "would"
                           : "-",
                 chosen ? Colour::Green : Colour::None),
             star_if_empty(string_at(rule, "hostname")),
             string_at(rule, "match"),
             string_at(rule, "route"),
             std::to_string(api::int_at(rule, "rule", 0))});
    }
    return table;
}

std::string share_text(const Json& json, const char* field) {
    constexpr double kPercent = 100;
    char text[32];
    const auto& value = at(json, field);
    std::snprintf(
        text, sizeof text, "%.1f %%", value.is_number() ? value.get<double>() * kPercent : 0.0);
    return text;
}

Table backend_table(const Json& explanation) {
    auto table = Table(
        {{"BACKEND", Align::Left},
         {"SHARE", Align::Right},
         {"ENDPOINT", Align::Left},
         {"POD", Align::Left},
         {"NODE", Align::Left}});
    for (const auto& backend : at(explanation, "backends")) {
        const auto& endpoints = at(backend, "endpoints");
        const auto name = string_at(backend, "name");
        const auto share = share_text(backend, "share");
        if (endpoints.empty()) {
            table.add(
                {name,
                 share,
                 Cell(std::to_string(api::int_at(backend, "status", 0)), Colour::Red),
                 Cell(string_at(backend, "problem"), Colour::Red),
                 "-"});
        }
        for (const auto& endpoint : endpoints) {
            table.add(
                {name,
                 share,
                 string_at(endpoint, "address"),
                 string_at(endpoint, "pod", "-"),
                 string_at(endpoint, "node", "-")});
        }
    }
    return table;
}

/// What becomes of it, in a sentence.
std::string gateway_verdict(const Json& explanation) {
    const auto outcome = string_at(explanation, "outcome");
    const auto status = std::to_string(api::int_at(explanation, "status", 0));
    const auto path = string_at(explanation, "path");
    if (outcome == "bad-request") {
        return status + ": " + path + " leads above the root";
    }
    const auto denial = string_at(explanation, "denial");
    if (outcome == "denied" && status == "0") {
        return "the request does not reach the Gateway: " + denial;
    }
    if (outcome == "no-certificate") {
        return "the handshake of TLS fails: no listener has a certificate for the name";
    }
    if (outcome == "no-listener") {
        return status + ": no listener is for the host";
    }
    if (outcome == "no-rule") {
        return status + ": no rule of the listener takes it";
    }
    if (outcome == "redirect") {
        return status + ": the client is told to go to " + string_at(explanation, "location");
    }
    if (outcome == "no-backend") {
        return status + ": the rule sends nobody any requests";
    }
    if (outcome == "unsupported") {
        return status + ": " + string_at(explanation, "problem");
    }
    std::string text = path + " goes to ";
    const char* between = "";
    for (const auto& backend : at(explanation, "backends")) {
        const auto answer = api::int_at(backend, "status", 0);
        text += between + string_at(backend, "name") + " (" + share_text(backend, "share") +
                (answer == 0 ? "" : ", " + std::to_string(answer)) + ")";
        between = ", ";
    }
    return text + (denial.empty() ? "" : "; " + denial);
}

bool is_answered(const Json& explanation) {
    const auto outcome = string_at(explanation, "outcome");
    if (outcome == "redirect") {
        return true;
    }
    if (outcome != "endpoint") {
        return false;
    }
    for (const auto& backend : at(explanation, "backends")) {
        if (api::int_at(backend, "status", 0) != 0 && at(backend, "share") != 0.0) {
            return false;
        }
    }
    return true;
}

} // namespace

std::string gateway_explain_text(const Json& explanation, bool colour) {
    Table::Style style;
    style.colour = colour;
    auto text = "from      " + visible(string_at(explanation, "from.name")) + "  " +
                visible(string_at(explanation, "from.address")) + "\nurl       " +
                visible(string_at(explanation, "url")) + "\nGateway   " +
                visible_lines(edge_controller_text(at(explanation, "gateway"), 10)) +
                "\nlistener  " + visible(chosen_listener(explanation)) + "\n";
    if (string_at(explanation, "scheme") == "https") {
        const auto secret = string_at(explanation, "certificate");
        text += "TLS       " +
                (secret.empty() ? std::string("no listener of the port has a certificate for it")
                                : "ends there, with the certificate of Secret " + visible(secret)) +
                "\n";
    }
    for (const auto& table : {rule_table(explanation), backend_table(explanation)}) {
        if (!table.empty()) {
            text += "\n" + table.render(style);
        }
    }
    const char* before = "\n";
    for (const auto& filter : at(explanation, "filters")) {
        text += before + visible(filter.is_string() ? filter.get<std::string>() : "") + "\n";
        before = "";
    }
    text += "\n" +
            paint(
                visible(gateway_verdict(explanation)),
                is_answered(explanation) ? Colour::Green : Colour::Red,
                colour) +
            "\n";
    for (const auto& note : at(explanation, "notes")) {
        text += "note: " + visible(string_at(note, "object")) + " " +
                visible(string_at(note, "path")) + ": " + visible(string_at(note, "text")) + "\n";
    }
    return text;
}

} // namespace labctl::report
