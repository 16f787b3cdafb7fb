#include "labctl/report/describe_parts.h"
#include "labctl/report/text.h"

/// VirtualServices and DestinationRules: what they say, line by line, and whom it concerns.
namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

std::string joined_texts(const Json& list, const char* otherwise) {
    std::string text;
    for (const auto& item : list) {
        text += (text.empty() ? "" : ", ") + (item.is_string() ? item.get<std::string>() : "");
    }
    return text.empty() ? otherwise : text;
}

/// {"exact": "x"} as "exact x".
std::string match_words(const Json& match) {
    for (const auto* kind : {"exact", "prefix", "regex"}) {
        if (at(match, kind).is_string()) {
            return std::string(kind) + " " + string_at(match, kind);
        }
    }
    return "is there";
}

std::string block_words(const Json& block) {
    std::string text;
    for (auto entry = block.begin(); block.is_object() && entry != block.end(); ++entry) {
        const auto& value = entry.value();
        const bool named = entry.key() == "headers" || entry.key() == "withoutHeaders" ||
                           entry.key() == "queryParams";
        if (named && value.is_object()) {
            for (const auto& [name, match] : value.items()) {
                text += (text.empty() ? "" : ", ") + entry.key() + " " + name + " " +
                        match_words(match);
            }
            continue;
        }
        const bool is_match = value.is_object() && entry.key() != "sourceLabels";
        text += (text.empty() ? "" : ", ") + entry.key() + " " +
                (is_match            ? match_words(value)
                 : value.is_string() ? value.get<std::string>()
                                     : value.dump());
    }
    return text.empty() ? "everything" : text;
}

std::string destination_words(const Json& to) {
    const auto subset = string_at(to, "subset");
    const auto& port = at(to, "port.number");
    return string_at(to, "host") + (port.is_number() ? ":" + port.dump() : "") +
           (subset.empty() ? "" : ", subset " + subset);
}

void describe_http_route(Description& out, const Json& route, std::size_t number) {
    const auto name = string_at(route, "name");
    out.line(1, visible(std::to_string(number) + (name.empty() ? ":" : " " + name + ":")));
    const auto& blocks = at(route, "match");
    if (blocks.empty()) {
        out.field(2, "Match", "everything");
    }
    for (const auto& block : blocks) {
        out.field(2, "Match", block_words(block));
    }
    const auto& list = at(route, "route");
    for (const auto& to : list) {
        const auto& weight = at(to, "weight");
        out.field(
            2,
            "To",
            destination_words(at(to, "destination")) +
                (list.size() > 1 ? ", weight " + (weight.is_number() ? weight.dump() : "0") : ""));
    }
    for (const auto* field :
         {"redirect",
          "directResponse",
          "rewrite",
          "timeout",
          "retries",
          "fault",
          "mirror",
          "mirrors",
          "mirrorPercentage",
          "headers",
          "delegate",
          "corsPolicy"}) {
        const auto& value = at(route, field);
        if (!value.is_null()) {
            std::string label(field);
            label.front() = static_cast<char>(label.front() - 'a' + 'A');
            out.field(2, label, value.is_string() ? value.get<std::string>() : value.dump());
        }
    }
}

void describe_traffic_head(Description& out, const DescribeInput& input) {
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    if (!input.options.mesh.is_object()) {
        out.field(0, "Applies To", "nothing: the lab has no mesh (spec.mesh.profile: istio)");
    }
}

} // namespace

void describe_virtual_service(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    describe_traffic_head(out, input);
    out.field(0, "Hosts", joined_texts(at(spec, "hosts"), "<none>"));
    out.field(0, "Gateways", joined_texts(at(spec, "gateways"), "mesh"));
    out.field(0, "Exported To", joined_texts(at(spec, "exportTo"), "all namespaces"));
    if (input.options.mesh.is_object()) {
        out.field(
            0,
            "Routes For",
            joined_texts(at(input.options.mesh, "services"), "<none> (no Service has its hosts)"));
    }
    out.line(0, "Routes:");
    std::size_t number = 0;
    for (const auto& route : at(spec, "http")) {
        describe_http_route(out, route, ++number);
    }
}

void describe_destination_rule(Description& out, const DescribeInput& input) {
    const auto& spec = at(input.object.body, "spec");
    describe_traffic_head(out, input);
    out.field(0, "Host", string_at(spec, "host"));
    out.field(0, "Exported To", joined_texts(at(spec, "exportTo"), "all namespaces"));
    for (const auto& [name, policy] : at(spec, "trafficPolicy").items()) {
        out.field(0, name, policy.dump());
    }
    if (at(spec, "subsets").empty()) {
        return out.field(0, "Subsets", "<none>");
    }
    out.line(0, "Subsets:");
    for (const auto& subset : at(spec, "subsets")) {
        const auto name = string_at(subset, "name");
        out.line(1, visible(name) + ":");
        out.field(2, "Labels", at(subset, "labels").dump());
        if (at(subset, "trafficPolicy").is_object()) {
            out.field(2, "Policy", at(subset, "trafficPolicy").dump());
        }
        if (input.options.mesh.is_object()) {
            const auto& pods = at(input.options.mesh, "subsets");
            const auto found = pods.find(name);
            out.field(
                2,
                "Ready Pods",
                joined_texts(found == pods.end() ? Json::array() : *found, "<none>"));
        }
    }
}

} // namespace labctl::report
