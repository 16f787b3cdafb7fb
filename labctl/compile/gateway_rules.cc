#include "labctl/compile/gateway_rules.h"

#include <algorithm>

#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/tls_secret.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string item_of(const char* list, std::size_t index) {
    return std::string(list) + "[" + std::to_string(index) + "]";
}

std::vector<services::GatewayListenerKey> keys_of_listeners(const Json& listeners) {
    std::vector<services::GatewayListenerKey> keys;
    for (const auto& listener : listeners) {
        keys.push_back(
            {static_cast<std::uint16_t>(api::int_at(listener, "port", 0)),
             string_at(listener, "protocol"),
             gateway_hostname(string_at(listener, "hostname"))});
    }
    return keys;
}

/// Kinds that a listener names and that we have; `all_known` false: there are others.
std::vector<std::string> kinds_of_listener(const Json& listener, bool& all_known) {
    const auto& wanted = at(listener, "allowedRoutes.kinds");
    if (!wanted.is_array() || wanted.empty()) {
        return {"HTTPRoute"};
    }
    std::vector<std::string> kinds;
    for (const auto& kind : wanted) {
        if (string_at(kind, "group", kGatewayApiGroup) == kGatewayApiGroup &&
            string_at(kind, "kind") == "HTTPRoute") {
            kinds = {"HTTPRoute"};
        } else {
            all_known = false;
        }
    }
    return kinds;
}

} // namespace

bool ListenerReport::is(const char* type) const {
    return std::any_of(conditions.begin(), conditions.end(), [type](const Condition& one) {
        return one.type == type && one.value;
    });
}

void GatewayRulesBuilder::warn(const char* reason, std::string text, std::string path) {
    const bool told = std::any_of(notes.begin(), notes.end(), [&](const GatewayNote& note) {
        return note.object == object_ && note.path == path && note.text == text;
    });
    if (!told) { // of two Gateways, a route says it once
        notes.push_back({object_, reason, std::move(text), std::move(path)});
    }
}

void GatewayRulesBuilder::build() {
    for (const auto& gateway : oldest_first(store_.list("Gateway"))) {
        add_gateway(gateway);
    }
    for (const auto& route : oldest_first(store_.list("HTTPRoute"))) {
        add_route(route);
    }
    for (auto& [name, table] : tables) {
        table.sort();
    }
}

bool GatewayRulesBuilder::is_granted(const Reference& reference) const {
    if (reference.from_ns == reference.ns) {
        return true;
    }
    const auto grants = store_.list("ReferenceGrant", reference.ns);
    return std::any_of(grants.begin(), grants.end(), [&reference](const auto& grant) {
        const auto& from = at(grant->body, "spec.from");
        const auto& to = at(grant->body, "spec.to");
        return std::any_of(
                   from.begin(),
                   from.end(),
                   [&](const Json& one) {
                       return string_at(one, "group") == kGatewayApiGroup &&
                              string_at(one, "kind") == reference.from_kind &&
                              string_at(one, "namespace") == reference.from_ns;
                   }) &&
               std::any_of(to.begin(), to.end(), [&](const Json& one) {
                   return string_at(one, "group").empty() &&
                          string_at(one, "kind") == reference.kind &&
                          string_at(one, "name", reference.name) == reference.name;
               });
    });
}

void GatewayRulesBuilder::explain_no_class() {
    const auto name = string_at(object_->body, "spec.gatewayClassName");
    std::vector<std::string> names;
    for (const auto& key : store_.keys("GatewayClass")) {
        names.push_back(key.name);
    }
    const auto named = store_.get({"GatewayClass", "", name});
    warn(
        "NoController",
        named ? "nothing acts on it: GatewayClass \"" + name + "\" is of the controller " +
                    string_at(named->body, "spec.controllerName")
              : "nothing acts on it: there is no GatewayClass \"" + name + "\"" +
                    (names.empty() ? "" : "; there are: " + netemu::join(names, ", ")),
        "spec.gatewayClassName");
}

void GatewayRulesBuilder::add_gateway(const api::ObjectPtr& gateway) {
    object_ = gateway;
    if (!is_our_gateway(store_, gateway->body)) {
        return explain_no_class();
    }
    const auto name = gateway->ns() + "/" + gateway->name();
    table_ = &tables[name];
    GatewayReport report{gateway, {}, {}};
    const auto& listeners = at(gateway->body, "spec.listeners");
    const auto conflicts = services::listener_conflicts(keys_of_listeners(listeners));
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        services::GatewayListener value;
        auto listener =
            read_listener(listeners[i], item_of("spec.listeners", i), conflicts[i], value);
        if (listener.is("Accepted")) {
            report.ports.insert({value.port, value.tls});
        }
        report.listeners.push_back(std::move(listener));
        table_->listeners.push_back(std::move(value));
    }
    known_[name] = gateways.size();
    gateways.push_back(std::move(report));
}

/// A listener that is not accepted has port 0 in the table, where nobody comes.
ListenerReport GatewayRulesBuilder::read_listener(
    const Json& listener,
    const std::string& where,
    const char* conflict,
    services::GatewayListener& value) {
    ListenerReport report;
    report.name = value.name = string_at(listener, "name");
    value.hostname = gateway_hostname(string_at(listener, "hostname"));
    const auto protocol = string_at(listener, "protocol");
    value.tls = protocol == "HTTPS";
    const bool is_known = value.tls || protocol == "HTTP";
    const bool conflicts = *conflict != '\0';
    bool kinds_known = true;
    report.kinds = kinds_of_listener(listener, kinds_known);
    Condition accepted{"Accepted", true, "Accepted", ""};
    Condition conflicted{"Conflicted", conflicts, conflicts ? conflict : "NoConflicts", ""};
    Condition resolved{"ResolvedRefs", true, "ResolvedRefs", ""};
    if (!is_known) {
        report.kinds.clear();
        accepted = {"Accepted", false, "UnsupportedProtocol", "a lab knows HTTP and HTTPS"};
        warn("UnsupportedProtocol", "no listener: a lab knows HTTP and HTTPS", where + ".protocol");
    } else if (conflicts) {
        accepted = {"Accepted", false, conflict, "another listener has its port"};
        warn(conflict, "no listener: another one has its port, and none of them counts", where);
    }
    if (!kinds_known) {
        resolved = {"ResolvedRefs", false, "InvalidRouteKinds", "a lab knows HTTPRoute alone"};
        warn(
            "InvalidRouteKinds",
            "routes of the other kinds do not attach: a lab knows HTTPRoute alone",
            where + ".allowedRoutes.kinds");
    }
    if (accepted.value) {
        value.port = static_cast<std::uint16_t>(api::int_at(listener, "port", 0));
        const auto problem = value.tls ? read_certificates(listener, where, value) : Problem{};
        if (*problem.reason != '\0') {
            resolved = {"ResolvedRefs", false, problem.reason, problem.text};
        }
    }
    const bool serves = accepted.value && (!value.tls || !value.certificates.empty());
    Condition programmed{"Programmed", serves, serves ? "Programmed" : "Invalid", ""};
    report.conditions = {accepted, conflicted, resolved, programmed};
    return report;
}

GatewayRulesBuilder::Problem GatewayRulesBuilder::read_certificates(
    const Json& listener, const std::string& where, services::GatewayListener& value) {
    Problem first;
    const auto& references = at(listener, "tls.certificateRefs");
    const auto note = [&](const char* reason, const std::string& text, std::size_t index) {
        warn(
            reason,
            text + ": TLS clients do not get it",
            where + "." + item_of("tls.certificateRefs", index));
        if (*first.reason == '\0') {
            first = {reason, text};
        }
    };
    for (std::size_t i = 0; i < references.size(); ++i) {
        const auto ns = string_at(references[i], "namespace", object_->ns());
        const auto name = string_at(references[i], "name");
        if (!string_at(references[i], "group").empty() ||
            string_at(references[i], "kind", "Secret") != "Secret") {
            note("InvalidCertificateRef", "a certificate can only be in a Secret", i);
        } else if (!is_granted({"Gateway", object_->ns(), "Secret", ns, name})) {
            note(
                "RefNotPermitted",
                "no ReferenceGrant in " + ns + " lets Gateways of " + object_->ns() +
                    " use its Secret " + name,
                i);
        } else if (const auto text = read_certificate(references[i], value.certificates);
                   !text.empty()) {
            note("InvalidCertificateRef", text, i);
        }
    }
    if (value.certificates.empty() && *first.reason == '\0') {
        first = {"InvalidCertificateRef", "it names no certificate"};
    }
    return first;
}

/// Why there is none; "": it is in the table.
std::string GatewayRulesBuilder::read_certificate(
    const Json& reference, std::vector<std::uint32_t>& certificates) {
    const auto ns = string_at(reference, "namespace", object_->ns());
    const auto name = string_at(reference, "name");
    secrets.insert({ns, name});
    auto secret = read_tls_secret(store_, ns, name);
    if (secret.problem.empty()) {
        certificates.push_back(static_cast<std::uint32_t>(table_->certificates.size()));
        table_->certificates.push_back(std::move(secret.certificate));
    }
    return secret.problem;
}

} // namespace labctl::compile
