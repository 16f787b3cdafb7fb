/// GatewayRulesBuilder: HTTPRoutes whose parents are Gateways.
#include <algorithm>

#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/gateway_rules.h"
#include "mesh/istio/traffic.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string item_at(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

std::vector<std::string> route_hostnames(const Json& route) {
    std::vector<std::string> hostnames;
    for (const auto& hostname : at(route, "spec.hostnames")) {
        hostnames.push_back(
            gateway_hostname(hostname.is_string() ? hostname.get<std::string>() : ""));
    }
    return hostnames;
}

services::GatewayHeaderEdits header_edits(const Json& modifier) {
    services::GatewayHeaderEdits edits;
    for (const auto& [key, list] : {std::pair{"set", &edits.set}, std::pair{"add", &edits.add}}) {
        for (const auto& field : at(modifier, key)) {
            list->push_back({string_at(field, "name"), string_at(field, "value")});
        }
    }
    for (const auto& name : at(modifier, "remove")) {
        edits.remove.push_back(name.is_string() ? name.get<std::string>() : "");
    }
    return edits;
}

/// Of two filters of a type, which the API forbids, both count.
void append(services::GatewayHeaderEdits& to, services::GatewayHeaderEdits more) {
    std::move(more.set.begin(), more.set.end(), std::back_inserter(to.set));
    std::move(more.add.begin(), more.add.end(), std::back_inserter(to.add));
    std::move(more.remove.begin(), more.remove.end(), std::back_inserter(to.remove));
}

services::GatewayPathEdit path_edit(const Json& path) {
    using Kind = services::GatewayPathEdit::Kind;
    const auto type = string_at(path, "type");
    if (type == "ReplaceFullPath") {
        return {Kind::Full, string_at(path, "replaceFullPath")};
    }
    if (type == "ReplacePrefixMatch") {
        return {Kind::Prefix, string_at(path, "replacePrefixMatch")};
    }
    return {};
}

services::GatewayRedirect redirect_of(const Json& json) {
    constexpr int kFound = 302;
    services::GatewayRedirect redirect;
    redirect.scheme = string_at(json, "scheme");
    redirect.host = string_at(json, "hostname");
    redirect.port = static_cast<std::uint16_t>(api::int_at(json, "port", 0));
    redirect.path = path_edit(at(json, "path"));
    redirect.status = static_cast<int>(api::int_at(json, "statusCode", kFound));
    return redirect;
}

/// GEP-2257; 0: there is none.
std::chrono::milliseconds duration_of(const Json& json, std::string_view path) {
    constexpr std::uint64_t kUsPerMs = 1000;
    const auto text = string_at(json, path);
    std::uint64_t sum_us = 0;
    for (std::size_t begin = 0; begin < text.size();) { // of several units: "1m30s"
        const auto unit = text.find_first_not_of("0123456789", begin);
        const auto end = std::min(text.find_first_of("0123456789", unit), text.size());
        sum_us += netemu::parse_duration_us(text.substr(begin, end - begin)).value_or(0);
        begin = end;
    }
    return std::chrono::milliseconds(sum_us / kUsPerMs);
}

/// Which of so many requests a mirror gets; of none that is said, all.
void read_mirror_share(const Json& json, services::GatewayMirror& mirror) {
    constexpr std::uint32_t kPercent = 100;
    if (at(json, "percent").is_number_integer()) {
        mirror.numerator = static_cast<std::uint32_t>(api::int_at(json, "percent", kPercent));
        mirror.denominator = kPercent;
    } else if (at(json, "fraction").is_object()) {
        mirror.numerator = static_cast<std::uint32_t>(api::int_at(json, "fraction.numerator", 0));
        mirror.denominator =
            static_cast<std::uint32_t>(api::int_at(json, "fraction.denominator", kPercent));
    }
}

} // namespace

void GatewayRulesBuilder::add_route(const api::ObjectPtr& route) {
    object_ = route;
    RouteReport report{route, {}};
    const auto& parents = at(route->body, "spec.parentRefs");
    for (std::size_t i = 0; i < parents.size(); ++i) {
        const auto gateway = gateway_of_parent(parents[i], route->ns());
        if (!gateway) {
            continue; // a Server, or a Service of a mesh
        }
        if (known_.contains(*gateway)) {
            report.parents.push_back(attach(parents[i], *gateway, i));
        } else if (const auto slash = gateway->find('/'); !store_.get(
                       {"Gateway", gateway->substr(0, slash), gateway->substr(slash + 1)})) {
            warn(
                "NoMatchingParent",
                "it is attached to nothing: there is no Gateway " + *gateway,
                item_at("spec.parentRefs", i) + ".name");
        }
    }
    if (!report.parents.empty()) {
        routes.push_back(std::move(report));
    }
}

ParentReport
GatewayRulesBuilder::attach(const Json& parent, const std::string& gateway, std::size_t index) {
    auto& of = gateways[known_.at(gateway)];
    table_ = &tables.at(gateway);
    std::vector<services::GatewayOffer> offers;
    for (std::size_t i = 0; i < of.listeners.size(); ++i) {
        offers.push_back(offer_of(of, i));
    }
    const auto attachment = services::attach_route(
        string_at(parent, "sectionName"),
        static_cast<std::uint16_t>(api::int_at(parent, "port", 0)),
        route_hostnames(object_->body),
        offers);
    unresolved_.clear();
    unsupported_.clear();
    const auto route = static_cast<std::uint32_t>(table_->routes.size());
    table_->routes.push_back(read_route(*table_));
    for (const auto& at_listener : attachment.listeners) {
        table_->attach(at_listener.listener, route, at_listener.hostnames);
        ++of.listeners[at_listener.listener].attached;
    }
    const bool accepted = !attachment.listeners.empty();
    if (!accepted) {
        explain_not_attached(parent, gateway, attachment, item_at("spec.parentRefs", index));
    }
    ParentReport report{index, {{"Accepted", accepted, attachment.reason, ""}}};
    report.conditions.push_back(
        unresolved_.empty()
            ? Condition{"ResolvedRefs", true, "ResolvedRefs", ""}
            : Condition{
                  "ResolvedRefs", false, unresolved_.front().reason, unresolved_.front().text});
    if (!unsupported_.empty()) {
        report.conditions.push_back({"PartiallyInvalid", true, "UnsupportedValue", unsupported_});
    }
    return report;
}

services::GatewayOffer
GatewayRulesBuilder::offer_of(const GatewayReport& gateway, std::size_t listener) const {
    const auto& report = gateway.listeners[listener];
    const auto& json = at(gateway.gateway->body, "spec.listeners")[listener];
    services::GatewayOffer offer;
    offer.name = report.name;
    offer.port = static_cast<std::uint16_t>(api::int_at(json, "port", 0));
    offer.hostname = gateway_hostname(string_at(json, "hostname"));
    offer.allows_kind = !report.kinds.empty();
    offer.is_usable = report.is("Accepted");
    const auto from = string_at(json, "allowedRoutes.namespaces.from", "Same");
    if (from == "Same") {
        offer.allows_namespace = object_->ns() == gateway.gateway->ns();
    } else if (from == "Selector") {
        const auto ns = store_.get({"Namespace", "", object_->ns()});
        const auto& selector = at(json, "allowedRoutes.namespaces.selector");
        offer.allows_namespace =
            ns && selector.is_object() && api::Selector::from_json(selector).matches(ns->labels());
    } else {
        offer.allows_namespace = from == "All";
    }
    return offer;
}

void GatewayRulesBuilder::explain_not_attached(
    const Json& parent,
    const std::string& gateway,
    const services::GatewayAttachment& attachment,
    const std::string& where) {
    const std::string_view reason(attachment.reason);
    std::string why;
    if (reason == "NoMatchingParent") {
        const auto section = string_at(parent, "sectionName");
        const auto port = api::int_at(parent, "port", 0);
        why = "has no listener" + (section.empty() ? "" : " " + section) +
              (port == 0 ? "" : " of port " + std::to_string(port));
    } else if (reason == "NotAllowedByListeners") {
        why = "lets no route of namespace " + object_->ns() +
              " attach (allowedRoutes of its listeners)";
    } else {
        why = "has no listener with one of its hostnames";
    }
    warn(attachment.reason, "it is not attached: Gateway " + gateway + " " + why, where);
}

services::GatewayRoute GatewayRulesBuilder::read_route(services::GatewayTable& table) {
    table_ = &table;
    services::GatewayRoute route;
    route.name = object_->ns() + "/" + object_->name();
    route.created = string_at(object_->body, "metadata.creationTimestamp");
    const auto& rules = at(object_->body, "spec.rules");
    for (std::size_t i = 0; i < rules.size(); ++i) {
        route.rules.push_back(read_rule(rules[i], item_at("spec.rules", i)));
    }
    if (!rules.is_array()) { // as the API server completes it: every request, to nobody
        route.rules.emplace_back().matches.emplace_back();
    }
    return route;
}

services::GatewayRule GatewayRulesBuilder::read_rule(const Json& rule, const std::string& where) {
    services::GatewayRule result;
    read_matches(rule, where, result);
    const auto& filters = at(rule, "filters");
    for (std::size_t i = 0; i < filters.size(); ++i) {
        read_filter(filters[i], item_at(where + ".filters", i), result);
    }
    const auto& backends = at(rule, "backendRefs");
    for (std::size_t i = 0; i < backends.size(); ++i) {
        result.backends.push_back(read_share(backends[i], item_at(where + ".backendRefs", i)));
    }
    result.timeout = duration_of(rule, "timeouts.request");
    result.backend_timeout = duration_of(rule, "timeouts.backendRequest");
    if (!result.redirect && result.problem.empty() && services::gateway_weight_sum(result) == 0) {
        warn("NoBackendRefs", "its requests get 500: the rule sends nobody any", where);
    }
    return result;
}

void GatewayRulesBuilder::check_expression(const std::string& text, const std::string& path) {
    if (!mesh::istio::Regex(text).valid()) {
        warn(
            "UnsupportedValue",
            "\"" + text + "\" is no regular expression of RE2, and matches nothing",
            path);
    }
}

/// Of headers or parameters of the query.
std::vector<services::GatewayValueMatch>
GatewayRulesBuilder::read_values(const Json& list, const std::string& where) {
    std::vector<services::GatewayValueMatch> values;
    for (const auto& value : list) {
        const bool is_regex = string_at(value, "type", "Exact") == "RegularExpression";
        if (is_regex) {
            check_expression(string_at(value, "value"), item_at(where, values.size()) + ".value");
        }
        values.push_back({string_at(value, "name"), string_at(value, "value"), is_regex});
    }
    return values;
}

void GatewayRulesBuilder::read_matches(
    const Json& rule, const std::string& where, services::GatewayRule& result) {
    const auto& matches = at(rule, "matches");
    for (std::size_t i = 0; i < matches.size(); ++i) {
        const auto here = item_at(where + ".matches", i);
        services::GatewayMatch match;
        const auto type = string_at(matches[i], "path.type", "PathPrefix");
        match.path_kind = type == "Exact"               ? services::GatewayPathKind::Exact
                          : type == "RegularExpression" ? services::GatewayPathKind::Regex
                                                        : services::GatewayPathKind::Prefix;
        match.path = string_at(matches[i], "path.value", "/");
        if (match.path_kind == services::GatewayPathKind::Regex) {
            check_expression(match.path, here + ".path.value");
        }
        match.method = string_at(matches[i], "method");
        match.headers = read_values(at(matches[i], "headers"), here + ".headers");
        match.query = read_values(at(matches[i], "queryParams"), here + ".queryParams");
        result.matches.push_back(std::move(match));
    }
    if (result.matches.empty()) {
        result.matches.emplace_back();
    }
}

void GatewayRulesBuilder::read_filter(
    const Json& filter, const std::string& where, services::GatewayRule& rule) {
    const auto type = string_at(filter, "type");
    if (type == "RequestHeaderModifier") {
        append(rule.request, header_edits(at(filter, "requestHeaderModifier")));
    } else if (type == "ResponseHeaderModifier") {
        append(rule.response, header_edits(at(filter, "responseHeaderModifier")));
    } else if (type == "RequestRedirect") {
        rule.redirect = redirect_of(at(filter, "requestRedirect"));
    } else if (type == "URLRewrite") {
        rule.rewrite = services::GatewayRewrite{
            string_at(filter, "urlRewrite.hostname"), path_edit(at(filter, "urlRewrite.path"))};
    } else if (type == "RequestMirror") {
        services::GatewayMirror mirror;
        const auto& json = at(filter, "requestMirror");
        mirror.backend = backend_index(
            at(json, "backendRef"), where + ".requestMirror.backendRef", "no copies are sent");
        read_mirror_share(json, mirror);
        rule.mirrors.push_back(mirror);
    } else {
        rule.problem = "a lab does not know the filter " + type + ", which may not be left out";
        unsupported_ = rule.problem;
        warn("UnsupportedValue", "its requests get 500: " + rule.problem, where + ".type");
    }
}

services::GatewayShare
GatewayRulesBuilder::read_share(const Json& reference, const std::string& where) {
    services::GatewayShare share;
    share.backend = backend_index(reference, where, "its share of requests gets 500");
    share.weight = static_cast<std::uint32_t>(api::int_at(reference, "weight", 1));
    std::size_t index = 0;
    for (const auto& filter : at(reference, "filters")) {
        const auto type = string_at(filter, "type");
        if (type == "RequestHeaderModifier") {
            append(share.request, header_edits(at(filter, "requestHeaderModifier")));
        } else if (type == "ResponseHeaderModifier") {
            append(share.response, header_edits(at(filter, "responseHeaderModifier")));
        } else { // requests must not pass it by
            services::GatewayBackend refused;
            refused.service.problem = "a lab does not know the filter " + type + " of a backend";
            refused.service.name =
                table_->backends[share.backend].service.name + " (filter " + type + ")";
            refused.is_wrong = true;
            unsupported_ = refused.service.problem;
            warn(
                "UnsupportedValue",
                "its share of requests gets 500: " + unsupported_,
                item_at(where + ".filters", index) + ".type");
            share.backend = static_cast<std::uint32_t>(table_->backends.size());
            table_->backends.push_back(std::move(refused));
        }
        ++index;
    }
    return share;
}

void GatewayRulesBuilder::unresolved(
    const char* reason,
    const std::string& text,
    const std::string& consequence,
    const std::string& where) {
    unresolved_.push_back({reason, text});
    warn(reason, consequence + ": " + text, where);
}

std::uint32_t GatewayRulesBuilder::backend_index(
    const Json& reference, const std::string& where, const std::string& consequence) {
    const auto ns = string_at(reference, "namespace", object_->ns());
    const auto name = string_at(reference, "name");
    const auto kind = string_at(reference, "kind", "Service");
    const auto group = string_at(reference, "group");
    services::GatewayBackend backend;
    auto& service = backend.service;
    backend.is_wrong = true;
    service.name = ns + "/" + name;
    if (!group.empty() || kind != "Service") {
        service.name = ns + "/" + kind + "/" + name;
        service.problem = "a backend of the kind " + kind + (group.empty() ? "" : "." + group) +
                          " is nothing that can be asked here";
        unresolved("InvalidKind", service.problem, consequence, where + ".kind");
    } else if (!is_granted({"HTTPRoute", object_->ns(), "Service", ns, name})) {
        service.problem = "no ReferenceGrant in " + ns + " lets HTTPRoutes of " + object_->ns() +
                          " use its Service " + name;
        unresolved("RefNotPermitted", service.problem, consequence, where);
    } else {
        auto found = backends_.resolve(
            ns,
            {{"service",
              {{"name", name}, {"port", {{"number", api::int_at(reference, "port", 0)}}}}}});
        backend = {std::move(found.backend), found.misconfigured};
        if (backend.is_wrong) {
            unresolved("BackendNotFound", service.problem, consequence, where);
        }
    }
    auto& all = table_->backends;
    const auto known = std::find(all.begin(), all.end(), backend);
    if (known != all.end()) {
        return static_cast<std::uint32_t>(known - all.begin());
    }
    all.push_back(std::move(backend));
    return static_cast<std::uint32_t>(all.size() - 1);
}

} // namespace labctl::compile
