#include "labctl/report/dns_text.h"

#include <cstdio>

#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

std::string millis_text(std::int64_t micros) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(micros) / 1000.0);
    return text;
}

std::string words_of(const Json& list, const char* between) {
    std::string text;
    for (const auto& item : list) {
        text += (text.empty() ? "" : between) + (item.is_string() ? item.get<std::string>() : "");
    }
    return text;
}

Colour rcode_colour(const std::string& rcode, bool has_answers) {
    if (rcode == "NOERROR") {
        return has_answers ? Colour::Green : Colour::Yellow;
    }
    return rcode == "NXDOMAIN" ? Colour::Yellow : Colour::Red;
}

/// "NOERROR 10.96.0.100", "NOERROR, no data", "NXDOMAIN"; of many answers the first few.
std::string answer_text(const Json& query) {
    constexpr std::size_t kShownMax = 4;
    auto text = string_at(query, "rcode");
    const auto& answers = at(query, "answers");
    if (text == "NOERROR" && answers.empty()) {
        return text + ", no data";
    }
    for (std::size_t i = 0; i < answers.size() && i < kShownMax; ++i) {
        text += (i == 0 ? " " : ", ") + string_at(answers[i], "data");
    }
    return answers.size() > kShownMax
               ? text + " and " + std::to_string(answers.size() - kShownMax) + " more"
               : text;
}

/// Which plugin, and the upstream that it asked.
std::string plugin_text(const Json& entry) {
    auto text = string_at(entry, "plugin", "nobody");
    if (const auto upstream = string_at(entry, "upstream"); !upstream.empty()) {
        text += " " + upstream;
    }
    return text;
}

std::string server_text(const Json& query) {
    const auto name = string_at(query, "answeredBy", "-");
    return name.substr(name.find('/') == std::string::npos ? 0 : name.find('/') + 1);
}

} // namespace

std::string dns_explain_text(const api::Json& explanation, bool colour) {
    const auto field = [&](const char* path) { return visible(string_at(explanation, path)); };
    auto text = "from  " + field("from.name");
    if (const auto address = field("from.address"); !address.empty()) {
        text += "  " + address + " on " + field("from.node");
    }
    const auto& conf = at(explanation, "from.resolvConf");
    text += "\nasks  " + visible(words_of(at(conf, "nameservers"), ", ")) + " for " +
            words_of(at(explanation, "to.types"), " and ") + " of " + field("to.name");
    if (const auto searches = words_of(at(conf, "searches"), " "); !searches.empty()) {
        text += "\n      search " + visible(searches) + ", ndots " +
                std::to_string(api::int_at(conf, "ndots", 1));
    }
    text += "\n\n";
    auto table = Table(
        {{"", Align::Right},
         {"TYPE", Align::Left},
         {"NAME", Align::Left},
         {"ANSWER", Align::Left},
         {"TIME", Align::Right},
         {"SERVER", Align::Left},
         {"PLUGIN", Align::Left},
         {"WHY", Align::Left}});
    int number = 0;
    for (const auto& query : at(explanation, "queries")) {
        const auto transport = string_at(query, "transport") == "tcp" ? "/tcp" : "";
        table.add(
            {std::to_string(++number),
             string_at(query, "type") + transport,
             string_at(query, "name"),
             Cell(
                 answer_text(query),
                 rcode_colour(string_at(query, "rcode"), !at(query, "answers").empty())),
             millis_text(api::int_at(query, "rttMicros", 0)),
             server_text(query),
             plugin_text(query),
             string_at(query, "why", "-")});
    }
    Table::Style style;
    style.colour = colour;
    text += table.render(style);
    const bool found = string_at(explanation, "outcome") == "found";
    text += "\n" + paint(field("summary"), found ? Colour::Green : Colour::Red, colour) + "\n";
    const auto hint = field("hint");
    return hint.empty() ? text : text + "hint: " + hint + "\n";
}

std::string dns_event_line(const api::Json& event, bool colour) {
    std::string text;
    if (const auto missed = api::int_at(event, "missed", 0); missed > 0) {
        text = paint(
                   "... " + std::to_string(missed) + " queries were too many to show",
                   Colour::Dim,
                   colour) +
               "\n";
    }
    const auto time = string_at(event, "time");
    const auto rcode = string_at(event, "rcode");
    const auto name = string_at(event, "name");
    text += visible(time.size() > 12 ? time.substr(11, 12) : time) + "  " +
            visible(string_at(event, "source")) + "  " + visible(string_at(event, "type")) +
            (string_at(event, "transport") == "tcp" ? "/tcp" : "") + "  " +
            visible(name.empty() ? "-" : name) + "  " +
            paint(visible(rcode), rcode_colour(rcode, true), colour) + "  " +
            visible(plugin_text(event)) + "  " + visible(string_at(event, "server")) + "  " +
            millis_text(api::int_at(event, "micros", 0)) + "\n";
    return text;
}

} // namespace labctl::report
