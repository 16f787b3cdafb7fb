#include "labctl/report/explain_text.h"

#include <cmath>

#include "labctl/report/mesh_text.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

using api::bool_at;
using api::Json;
using api::string_at;

namespace {

constexpr std::size_t kMicrosWidth = 10; // of "+12 us"

std::string percent_text(double probability) {
    const auto tenths = std::lround(probability * 1000);
    const auto whole = std::to_string(tenths / 10);
    return (tenths % 10 == 0 ? whole : whole + "." + std::to_string(tenths % 10)) + "%";
}

/// "  what  where: rule  # handle 7, 3 packets"; the element that was found is on its own line.
std::string step_lines(const Json& step, const std::string& indent, bool colour) {
    auto text = indent + paint(visible(string_at(step, "what")), Colour::Bold, colour) + "  " +
                visible(string_at(step, "where"));
    if (const auto handle = step.find("handle"); handle != step.end()) {
        auto note = "  # handle " + handle->dump();
        if (step.contains("packets")) {
            note += ", " + step["packets"].dump() + " packets";
        }
        text += paint(note, Colour::Dim, colour);
    } else if (step.contains("packets")) {
        text += paint("  # " + step["packets"].dump() + " packets", Colour::Dim, colour);
    }
    text += "\n";
    for (const auto* field : {"rule", "detail"}) {
        if (const auto value = string_at(step, field); !value.empty()) {
            text += indent + "    " + visible(value) + "\n";
        }
    }
    return text;
}

/// Whose address the other end sees.
std::string source_words(const Json& branch, const std::string& own) {
    const auto source = string_at(branch, "source");
    const auto as = source.empty() ? std::string() : " as " + visible(source);
    return bool_at(branch, "relayed", false)       ? ", from the node's proxy" + as
           : bool_at(branch, "masqueraded", false) ? ", masqueraded" + as
           : source.empty() || source == own       ? ", source kept"
                                                   : ", seen" + as;
}

std::string branch_lines(const Json& branch, const std::string& own, bool colour) {
    const auto result = string_at(branch, "result");
    const bool ends = result == "DROP" || result == "REJECT" || result == "CLOSE";
    auto text = "  " + percent_text(branch.value("probability", 1.0)) + "  ";
    text += paint(
        result.empty() ? "goes on to where it was sent" : visible(result),
        ends ? Colour::Red : Colour::Green,
        colour);
    if (const auto pod = string_at(branch, "pod"); !pod.empty()) {
        text += "  pod " + visible(pod);
    }
    if (const auto node = string_at(branch, "node"); !node.empty()) {
        text += " on " + visible(node);
    }
    text += bool_at(branch, "terminating", false) ? ", terminating" : "";
    text += ends ? "\n" : source_words(branch, own) + "\n";
    if (const auto& policy = api::at(branch, "policy"); policy.is_object()) {
        const bool allowed = bool_at(policy, "allowed", true);
        text +=
            "      policy: " +
            paint(allowed ? "allowed" : "denied", allowed ? Colour::Green : Colour::Red, colour) +
            ", " + visible(string_at(policy, "text")) + "\n";
    }
    for (const auto& step : api::at(branch, "steps")) {
        if (string_at(step, "what") != "endpoint") { // said above
            text += step_lines(step, "      ", colour);
        }
    }
    return text;
}

std::string endpoint_table(const Json& endpoints, bool colour) {
    auto table = Table::of({"ENDPOINT", "POD", "NODE", "READY", "CHOSEN", "WHY"});
    for (const auto& endpoint : endpoints) {
        const bool chosen = bool_at(endpoint, "chosen", false);
        table.add(
            {string_at(endpoint, "address"),
             string_at(endpoint, "pod", "-"),
             string_at(endpoint, "node", "-"),
             bool_at(endpoint, "ready", false) ? "yes" : "no",
             Cell(chosen ? "yes" : "no", chosen ? Colour::Green : Colour::Yellow),
             string_at(endpoint, "why")});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 2;
    return table.render(style);
}

/// "+12 us  node/node-1:cni0  in   10.244.1.2:40312 > ...", and what was done since the line
/// before.
std::string trail_lines(const Json& steps, std::size_t width, bool colour) {
    std::string text;
    for (const auto& step : steps) {
        for (const auto& note : api::at(step, "notes")) {
            text += std::string(kMicrosWidth + 4, ' ') +
                    paint("- " + visible(note.get<std::string>()), Colour::Blue, colour) + "\n";
        }
        auto micros = "+" + std::to_string(api::int_at(step, "micros", 0)) + " us";
        micros.insert(0, kMicrosWidth - std::min(micros.size(), kMicrosWidth), ' ');
        auto place = visible(string_at(step, "place"));
        place.resize(std::max(place.size(), width), ' ');
        text += paint(micros, Colour::Dim, colour) + "  " + place + "  " +
                (string_at(step, "direction") == "in" ? "in   " : "out  ") +
                visible(string_at(step, "summary")) + "\n";
    }
    return text;
}

std::string journey_lines(const Json& journey, bool colour) {
    const auto& there = api::at(journey, "there");
    const auto& back = api::at(journey, "back");
    if (there.empty()) {
        return "\nno packet was seen on this way\n";
    }
    std::size_t width = 0;
    for (const auto* steps : {&there, &back}) {
        for (const auto& step : *steps) {
            width = std::max(width, string_at(step, "place").size());
        }
    }
    auto text = "\n" + paint("the packet, interface by interface", Colour::Bold, colour) + "\n" +
                trail_lines(there, width, colour);
    if (back.empty()) {
        return text + "no answer; it was seen last at " +
               visible(string_at(there.back(), "place")) + "\n";
    }
    return text + "\n" + paint("its answer", Colour::Bold, colour) + "\n" +
           trail_lines(back, width, colour);
}

/// What the rules of each place did. Ends of chains where nothing more happened are left out.
std::string trace_lines(const Json& trace, bool colour) {
    std::string text;
    for (const auto& place : api::at(trace, "places")) {
        std::string lines;
        for (const auto& traced : api::at(place, "steps")) {
            const auto kind = string_at(traced, "kind");
            if (kind == "return") {
                continue;
            }
            Json step{
                {"what", string_at(traced, "verdict")},
                {"where", string_at(traced, "table") + " " + string_at(traced, "chain")}};
            if (kind == "policy") {
                step["where"] = step["where"].get<std::string>() + ", by its policy";
            } else {
                step["handle"] = api::at(traced, "handle");
                const auto rule = string_at(traced, "rule");
                step["rule"] = rule == string_at(traced, "verdict") ? "" : rule;
            }
            lines += step_lines(step, "  ", colour);
        }
        if (!lines.empty()) {
            const auto title = "the rules of " + visible(string_at(place, "place")) +
                               ", as the kernel traced the packet there";
            text += "\n" + paint(title, Colour::Bold, colour) + "\n" + lines;
        }
    }
    if (const auto problem = string_at(trace, "problem"); !problem.empty()) {
        text +=
            "\n" + paint("no trace of rules: " + visible(problem), Colour::Yellow, colour) + "\n";
    }
    return text;
}

/// Which devices a packet passes.
std::string way_table(const api::Json& way, bool colour) {
    auto table = Table::of({"PLACE", "IN", "OUT", "HOW"});
    for (const auto& hop : way) {
        table.add(
            {string_at(hop, "place"),
             string_at(hop, "in"),
             string_at(hop, "out"),
             string_at(hop, "how")});
    }
    Table::Style style;
    style.colour = colour;
    style.indent = 2;
    return table.render(style);
}

/// "identity 256 to 257": as Cilium calls both ends.
std::string identity_line(const Json& explanation) {
    const auto& identities = api::at(explanation, "identities");
    if (!identities.is_object()) {
        return {};
    }
    const auto& to = api::at(identities, "to");
    return "      identity " + api::at(identities, "from").dump() +
           (to.is_null() ? "" : " to " + to.dump()) + "\n";
}

/// What matches on each node, the choices and the endpoints.
std::string rules_text(const Json& explanation, bool colour) {
    std::string text;
    for (const auto& hop : api::at(explanation, "hops")) {
        text +=
            "\n" + paint("on node " + visible(string_at(hop, "node")), Colour::Bold, colour) + "\n";
        for (const auto& step : api::at(hop, "steps")) {
            text += step_lines(step, "  ", colour);
        }
    }
    for (const auto& branch : api::at(explanation, "branches")) {
        text += branch_lines(branch, string_at(explanation, "from.address"), colour);
    }
    if (const auto& endpoints = api::at(explanation, "endpoints"); !endpoints.empty()) {
        text += "\n" + endpoint_table(endpoints, colour);
    }
    return text;
}

} // namespace

std::string explain_text(const api::Json& explanation, const ExplainTextOptions& options) {
    const bool colour = options.colour;
    const auto field = [&](const char* path) { return visible(string_at(explanation, path)); };
    auto text = "from  " + field("from.name") + "  " + field("from.address") +
                (field("from.node").empty() ? "" : " on " + field("from.node")) + "\n";
    text += "to    " + field("to.name") + "  " + field("to.address") + " " + field("to.protocol") +
            ", " + field("to.what");
    const auto service = field("service");
    text += (service.empty() ? "" : " of Service " + service) + "\n";
    text += identity_line(explanation);
    // a sidecar that knows the Service connects to its endpoints itself: no rule of a node is met
    const bool rules_are_met = string_at(explanation, "mesh.outbound.kind") != "cluster";
    text += mesh_from_text(explanation, colour);
    if (rules_are_met) {
        text += rules_text(explanation, colour);
    }
    text += mesh_to_text(explanation, colour);
    const bool reached = string_at(explanation, "outcome") == "endpoint";
    for (const auto& branch : api::at(explanation, "branches")) {
        if (const auto& way = api::at(branch, "way"); !way.empty()) { // the others are alike
            text += "\n" + way_table(way, colour);
            break;
        }
    }
    if (const auto journey = explanation.find("journey"); journey != explanation.end()) {
        text += journey_lines(*journey, colour);
    }
    if (const auto trace = explanation.find("trace"); trace != explanation.end()) {
        text += trace_lines(*trace, colour);
    }
    if (const auto warning = field("warning"); !warning.empty()) {
        text += "\n" + paint("warning: " + warning, Colour::Yellow, colour) + "\n";
    }
    return text + "\n" + paint(field("summary"), reached ? Colour::Green : Colour::Red, colour) +
           "\n";
}

std::string affinity_table(const api::Json& list, bool show_namespace) {
    auto table = Table::of({"CLIENT", "SERVICE", "NODE", "ENDPOINT", "POD", "SECONDS LEFT"});
    for (const auto& item : api::at(list, "items")) {
        auto service = string_at(item, "service");
        if (!show_namespace) {
            service.erase(0, service.find('/') + 1);
        }
        table.add(
            {string_at(item, "client"),
             service,
             string_at(item, "node"),
             string_at(item, "endpoint"),
             string_at(item, "pod", "-"),
             std::to_string(api::int_at(item, "secondsLeft", 0))});
    }
    return table.render();
}

} // namespace labctl::report
