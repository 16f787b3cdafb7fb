#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/text.h"

/// What the CustomResourceDefinitions of the Gateway API refuse beside wrong types: their rules of
/// CEL (kubernetes-sigs/gateway-api config/crd/standard, release 1.4), in their words; and what
/// nothing here acts on.
namespace labctl::manifest {

namespace {

using api::Json;

constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";

/// Of each type of filter the field that goes with it; "" for types that may be repeated.
struct FilterField {
    std::string_view type;
    std::string_view field;
    bool may_be_repeated = false;
};
constexpr std::array<FilterField, 7> kFilterFields{{
    {"RequestHeaderModifier", "requestHeaderModifier"},
    {"ResponseHeaderModifier", "responseHeaderModifier"},
    {"RequestMirror", "requestMirror", true},
    {"RequestRedirect", "requestRedirect"},
    {"URLRewrite", "urlRewrite"},
    {"ExtensionRef", "extensionRef", true},
    {"CORS", "cors"},
}};

bool is_gateway_parent(const Cursor& parent) {
    return parent["group"].is(kGatewayGroup) && parent["kind"].is("Gateway");
}

/// GEP-2257: up to four numbers of up to five digits, each with its unit; nullopt: it is none.
std::optional<std::uint64_t> duration_ms(std::string_view text) {
    constexpr std::size_t kPartsMax = 4;
    constexpr std::size_t kDigitsMax = 5;
    std::uint64_t sum_us = 0;
    std::size_t parts = 0;
    while (!text.empty()) {
        const auto digits = text.find_first_not_of("0123456789");
        if (digits == text.npos || digits == 0 || digits > kDigitsMax || ++parts > kPartsMax) {
            return std::nullopt;
        }
        const auto end = std::min(text.find_first_of("0123456789", digits), text.size());
        const auto unit = text.substr(digits, end - digits);
        const auto part = netemu::parse_duration_us(text.substr(0, end));
        if (!part || (unit != "h" && unit != "m" && unit != "s" && unit != "ms")) {
            return std::nullopt;
        }
        sum_us += *part;
        text.remove_prefix(end);
    }
    constexpr std::uint64_t kUsPerMs = 1000;
    return parts == 0 ? std::nullopt : std::optional(sum_us / kUsPerMs);
}

bool has_filter(const Cursor& list, std::string_view type) {
    bool found = false;
    list.each([&](const Cursor& filter) { found = found || filter["type"].is(type); });
    return found;
}

/// A prefix can be replaced only where there is one.
void check_prefix_replaced(const Cursor& rule, const Cursor& filter) {
    for (const auto field : {"requestRedirect", "urlRewrite"}) {
        const auto path = filter[field]["path"];
        const auto matches = rule["matches"];
        if (path["type"].is("ReplacePrefixMatch") &&
            (matches.size() != 1 || !matches[0]["path"]["type"].is("PathPrefix"))) {
            path.invalid(compose(
                {"When using ",
                 filter["type"].text(),
                 " filter with path.replacePrefixMatch, exactly one PathPrefix match must be "
                 "specified"}));
        }
    }
}

} // namespace

std::string gateway_duration(std::string_view text) {
    return duration_ms(text) ? "" : "must be a duration such as 500ms, 10s or 1m30s";
}

void check_gateway_class_spec(const Cursor& spec) {
    const auto name = spec["controllerName"];
    const auto slash = name.text().find('/');
    if (!name.text().empty() &&
        (slash == name.text().npos || slash == 0 || slash + 1 == name.text().size() ||
         name.text().substr(0, slash).find('.') == name.text().npos)) {
        name.invalid("must be a domain-prefixed path (such as \"example.com/controller\")");
    }
}

void check_route_namespaces(const Cursor& namespaces) {
    if (namespaces["from"].is("Selector") && !namespaces["selector"].present()) {
        namespaces["selector"].required("from: Selector takes no namespace without one");
    }
}

void check_gateway_listener(const Cursor& listener) {
    const auto protocol = listener["protocol"];
    const auto tls = listener["tls"];
    const bool is_secure = protocol.is("HTTPS") || protocol.is("TLS");
    if (!is_secure && tls.present()) {
        tls.forbidden("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']");
    } else if (
        protocol.is("HTTPS") && !tls["mode"].text().empty() && !tls["mode"].is("Terminate")) {
        tls["mode"].invalid("tls mode must be Terminate for protocol HTTPS");
    } else if (
        tls.present() && tls["mode"].is("Terminate") && tls["certificateRefs"].size() == 0 &&
        tls["options"].size() == 0) {
        tls["certificateRefs"].required(
            "certificateRefs or options must be specified when mode is Terminate");
    } else if (protocol.is("HTTPS") && !tls.present()) {
        tls.warn(
            "TLS clients get no certificate of this listener",
            "tls: {certificateRefs: [{name: SECRET}]}");
    }
    if ((protocol.is("TCP") || protocol.is("UDP")) && !listener["hostname"].text().empty()) {
        listener["hostname"].forbidden(
            "hostname must not be specified for protocols ['TCP', 'UDP']");
    }
}

void check_gateway_spec(const Cursor& spec) {
    std::set<std::string> seen;
    spec["listeners"].each([&seen](const Cursor& listener) {
        auto key = std::to_string(listener["port"].number()) + "/" +
                   std::string(listener["protocol"].text()) + "/" +
                   netemu::to_lower(listener["hostname"].text());
        if (!seen.insert(std::move(key)).second) {
            listener.invalid(
                "Combination of port, protocol and hostname must be unique for each listener");
        }
    });
}

void check_path_modifier(const Cursor& path) {
    for (const auto& [type, field] :
         {std::pair{"ReplaceFullPath", "replaceFullPath"},
          std::pair{"ReplacePrefixMatch", "replacePrefixMatch"}}) {
        if (path["type"].is(type) && !path[field].present()) {
            path[field].required(
                compose({field, " must be specified when type is set to '", type, "'"}));
        } else if (!path["type"].is(type) && path[field].present()) {
            path["type"].invalid(compose({"type must be '", type, "' when ", field, " is set"}));
        }
    }
}

void check_route_redirect(const Cursor& redirect) {
    const auto status = redirect["statusCode"];
    switch (status.number(302)) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return;
    default:
        status.invalid("must be 301, 302, 303, 307 or 308");
    }
}

void check_route_mirror(const Cursor& mirror) {
    if (mirror["percent"].present() && mirror["fraction"].present()) {
        mirror["fraction"].forbidden(
            "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter");
    }
}

void check_backend_reference(const Cursor& backend) {
    if (backend["group"].text().empty() && backend["kind"].is("Service") &&
        !backend["port"].present()) {
        backend["port"].required("Must have port for Service reference");
    }
}

void check_route_filter(const Cursor& filter) {
    const auto type = filter["type"].text();
    for (const auto& known : kFilterFields) {
        const bool present = filter[known.field].present();
        if (known.type == type && !present) {
            filter[known.field].required(
                compose({"must be specified for ", known.type, " filter.type"}));
        } else if (known.type != type && present) {
            filter[known.field].forbidden(
                compose({"must be nil if the filter.type is not ", known.type}));
        }
    }
}

void check_route_timeouts(const Cursor& timeouts) {
    const auto all = duration_ms(timeouts["request"].text());
    const auto each = duration_ms(timeouts["backendRequest"].text());
    if (all && each && *all != 0 && *each > *all) {
        timeouts["backendRequest"].invalid(
            "backendRequest timeout cannot be longer than request timeout");
    }
}

void default_route_rule(Json& rule) {
    const auto& matches = api::at(rule, "matches");
    if (rule.is_object() && (matches.is_null() || (matches.is_array() && matches.empty()))) {
        rule["matches"] = Json::array({{{"path", {{"type", "PathPrefix"}, {"value", "/"}}}}});
    }
}

void check_route_rule(const Cursor& rule) {
    const auto filters = rule["filters"];
    if (has_filter(filters, "RequestRedirect") && rule["backendRefs"].size() > 0) {
        rule["backendRefs"].forbidden(
            "RequestRedirect filter must not be used together with backendRefs");
    }
    if (has_filter(filters, "RequestRedirect") && has_filter(filters, "URLRewrite")) {
        filters.invalid("May specify either httpRouteFilterRequestRedirect or "
                        "httpRouteFilterRequestRewrite, but not both");
    }
    std::set<std::string_view> seen;
    filters.each([&](const Cursor& filter) {
        check_prefix_replaced(rule, filter);
        const auto type = filter["type"].text();
        const auto* known =
            std::find_if(kFilterFields.begin(), kFilterFields.end(), [type](const auto& one) {
                return one.type == type;
            });
        if (known != kFilterFields.end() && !known->may_be_repeated &&
            !seen.insert(known->type).second) {
            filter["type"].invalid(compose({type, " filter cannot be repeated"}));
        }
    });
    for (const auto field : {"retry", "sessionPersistence"}) {
        if (rule[field].present()) {
            rule[field].warn("nothing in a lab acts on it: it is of the experimental channel");
        }
    }
}

void check_gateway_route(const Cursor& route) {
    bool of_gateway = false;
    bool of_server = false;
    route["spec"]["parentRefs"].each([&](const Cursor& parent) {
        of_gateway = of_gateway || is_gateway_parent(parent);
        of_server = of_server || parent["kind"].is("Server");
    });
    if (of_server) {
        check_route(route);
    } else if (!of_gateway) {
        route["spec"]["parentRefs"].warn(
            "nothing in a lab acts on an HTTPRoute without a parent of kind Gateway or Server",
            "parentRefs: [{name: GATEWAY}]");
    }
}

} // namespace labctl::manifest
