#include "labctl/report/bgp_table.h"

#include "labctl/report/duration.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::Json;
using api::string_at;

bool of_node(const Json& entry, const std::string& node) {
    return node.empty() || string_at(entry, "node") == node;
}

std::string age_text(const Json& session) {
    return human_duration(session.value("ageSeconds", std::int64_t{0}));
}

std::string via_text(const Json& route) {
    std::vector<std::string> gateways;
    for (const auto& gateway : api::at(route, "gateways")) {
        gateways.push_back(gateway.get<std::string>());
    }
    const bool behind_device = !string_at(route, "interface").empty();
    return !gateways.empty() ? netemu::join(gateways, ",")
           : behind_device   ? "-"
                             : string_at(route, "type");
}

Table session_table(const Json& bgp, const std::string& node) {
    auto table = Table::of(
        {"NODE", "PEER", "ADDRESS", "AS", "STATE", "SINCE", "RECEIVED", "SENT", "PROTOCOL"});
    for (const auto& session : api::at(bgp, "sessions")) {
        if (!of_node(session, node)) {
            continue;
        }
        const auto state = string_at(session, "state");
        const auto error = string_at(session, "lastError");
        const bool up = state == "Established";
        table.add(
            {string_at(session, "node"),
             string_at(session, "peer"),
             string_at(session, "peerAddress"),
             session.at("asNumber").dump(),
             Cell(
                 state + (up || error.empty() ? "" : " (" + error + ")"),
                 up ? Colour::None : Colour::Red),
             age_text(session),
             session.at("received").dump(),
             session.at("sent").dump(),
             string_at(session, "protocol")});
    }
    return table;
}

Table route_table(const Json& bgp, const std::string& node) {
    auto table = Table::of({"NODE", "DESTINATION", "VIA", "INTERFACE", "FROM", "AS-PATH", "BEST"});
    for (const auto& route : api::at(bgp, "routes")) {
        if (!of_node(route, node)) {
            continue;
        }
        const auto device = string_at(route, "interface");
        const auto path = string_at(route, "asPath");
        table.add(
            {string_at(route, "node"),
             string_at(route, "destination"),
             via_text(route),
             device.empty() ? "-" : device,
             string_at(route, "from", "itself"),
             path.empty() ? "-" : path,
             route.value("best", false) ? "*" : ""});
    }
    return table;
}

Table::Style indented() {
    Table::Style style;
    style.indent = 2;
    return style;
}

} // namespace

std::string bgp_table(const Json& bgp, const std::string& node) {
    std::string text = session_table(bgp, node).render() + "\n" + route_table(bgp, node).render();
    for (const auto& [name, error] : api::at(bgp, "errors").items()) {
        if (node.empty() || name == node) {
            text += "\n" + name + ": " + error.get<std::string>() + "\n";
        }
    }
    return text;
}

std::string describe_bgp(const Json& bgp, const std::string& node) {
    const auto sessions = session_table(bgp, node);
    if (sessions.empty()) {
        return {};
    }
    return "BGP sessions:\n" + sessions.render(indented()) + "BGP routes:\n" +
           route_table(bgp, node).render(indented());
}

} // namespace labctl::report
