#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <string>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

/// What Istio's webhook refuses of its security policies beside wrong types (istio/istio
/// pkg/config/validation; reference mesh.md 3, 4.2, 4.3).
namespace labctl::manifest {

namespace {

constexpr std::string_view kIstioRoot = "istio-system";
constexpr std::string_view kHeadersKey = "request.headers[";
constexpr std::string_view kClaimKey = "request.auth.claims[";
constexpr std::array<std::string_view, 14> kConditionKeys{
    "request.headers[NAME]",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "request.auth.claims[NAME]",
    "source.ip",
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "source.trustDomain",
    "remote.ip",
    "destination.ip",
    "destination.port",
    "connection.sni"};

std::string istio_port(std::string_view text) {
    std::int64_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool fine =
        problem == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= kPortMax;
    return fine ? "" : "must be a port number between 1 and 65535";
}

std::string istio_block(std::string_view text) {
    const bool fine = netemu::IpAddress::parse(text) || netemu::IpPrefix::parse(text);
    return fine ? "" : "must be an IP address or a CIDR, such as 10.9.8.7 or 10.9.8.0/24";
}

/// The characters of a literal segment beside letters and digits: RFC 3986's pchar without `*`.
bool is_literal(std::string_view segment) {
    constexpr std::string_view kOthers = "-._~%!$&'()+,;:@=";
    return std::all_of(segment.begin(), segment.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOthers.find(c) != kOthers.npos;
    });
}

std::string istio_path(std::string_view text) {
    if (text.find_first_of("{}") == text.npos) {
        return {};
    }
    bool rest = false;
    for (const auto segment : netemu::split(text, '/')) {
        const bool any = segment == "{**}";
        if (any || segment == "{*}") {
            if (rest) {
                return "'{**}' must be the last operator";
            }
            rest = any;
        } else if (segment.find_first_of("{}") != segment.npos) {
            return "'{*}' and '{**}' stand for whole segments, and there are no other templates";
        } else if (!is_literal(segment)) {
            return compose({"'", segment, "' cannot be a segment of a path with templates"});
        }
    }
    return {};
}

std::string istio_account(std::string_view text) {
    const auto parts = netemu::split(text, '/');
    const bool fine = parts.size() <= 2 && std::none_of(parts.begin(), parts.end(), [](auto part) {
                          return part.empty();
                      });
    return fine ? "" : "must be NAME or NAMESPACE/NAME";
}

/// Calls it for both lists of a field: `ports` and `notPorts`.
template <class Visit>
void both(const Cursor& of, std::string_view field, Visit visit) {
    visit(of[field]);
    auto negative = std::string(field);
    negative.front() = static_cast<char>(negative.front() - 'a' + 'A');
    visit(of["not" + negative]);
}

void check_items(const Cursor& list, std::string (*rule)(std::string_view)) {
    list.each([&](const Cursor& item) {
        if (item.text().empty()) {
            item.required("an empty value matches nothing");
        } else if (rule != nullptr) {
            item.check(rule(item.text()));
        }
    });
}

void check_field(
    const Cursor& of, std::string_view field, std::string (*rule)(std::string_view) = nullptr) {
    both(of, field, [&](const Cursor& list) { check_items(list, rule); });
}

/// A star that is compared as it is written; Istio says nothing, and nobody is matched.
void warn_of_stars(const Cursor& of, std::string_view field) {
    both(of, field, [](const Cursor& list) {
        list.each([](const Cursor& item) {
            auto inner = item.text();
            inner.remove_prefix(inner.starts_with('*') ? 1 : 0);
            inner.remove_suffix(inner.size() == item.text().size() && inner.ends_with('*') ? 1 : 0);
            if (inner.find('*') != inner.npos && inner.find_first_of("{}") == inner.npos) {
                item.warn("a '*' counts only as the first or the last character, not both");
            }
        });
    });
}

bool has_any(const Cursor& of, std::initializer_list<std::string_view> fields) {
    return std::any_of(
        fields.begin(), fields.end(), [&](auto field) { return of[field].size() > 0; });
}

/// That a `source` or an `operation` is there and says something.
void check_part(const Cursor& of, std::string_view field) {
    const auto part = of[field];
    if (!part.present()) {
        part.required();
        return;
    }
    bool says_something = !part.json().is_object();
    part.each_key([&](std::string_view, const Cursor& value) {
        says_something = says_something || value.size() > 0 || !value.json().is_array();
    });
    if (!says_something) {
        part.invalid("must have at least one field set", "to match all, leave it out");
    }
}

void not_an_empty_list(const Cursor& list) {
    if (list.json().is_array() && list.json().empty()) {
        list.invalid("cannot be empty", "to match all, leave it out");
    }
}

bool is_named(std::string_view key, std::string_view prefix) {
    return key.starts_with(prefix) && key.ends_with(']') && key.size() > prefix.size() + 1;
}

void check_custom_rule(const Cursor& rule) {
    const auto refuse = [](const Cursor& at) {
        at.forbidden("is not supported with the action CUSTOM");
    };
    const auto refuse_values = [&refuse](const Cursor& list) {
        if (list.size() > 0) {
            refuse(list);
        }
    };
    rule["from"].each([&](const Cursor& from) {
        for (const auto* field : {"principals", "requestPrincipals", "namespaces"}) {
            both(from["source"], field, refuse_values);
        }
    });
    rule["when"].each([&](const Cursor& condition) {
        const auto key = condition["key"];
        if (key.is("source.namespace") || key.is("source.principal") ||
            key.text().starts_with("request.auth.")) {
            refuse(key);
        }
    });
}

/// Keys by what they are: `kty`, and the members without which they are none (RFC 7518 section 6).
void check_jwks(const Cursor& jwks) {
    const auto set = api::Json::parse(jwks.text(), nullptr, false);
    if (set.is_discarded()) {
        jwks.invalid("must be JSON", "such as: '{\"keys\": [{\"kty\": \"RSA\", \"n\": ...}]}'");
        return;
    }
    const auto& keys = api::at(set, "keys");
    if (!set.is_object() || !keys.is_array()) {
        jwks.invalid("must have a list called keys (RFC 7517 section 5)");
        return;
    }
    struct KeyMembers {
        std::string_view type;
        std::array<const char*, 3> members; // nullptr: no more
    };
    static constexpr std::array kTypes{
        KeyMembers{"RSA", {"n", "e"}},
        KeyMembers{"EC", {"crv", "x", "y"}},
        KeyMembers{"OKP", {"crv", "x"}},
        KeyMembers{"oct", {"k"}}};
    for (const auto& key : keys) {
        const auto type = api::string_at(key, "kty");
        const auto* const known = std::find_if(
            kTypes.begin(), kTypes.end(), [&](const auto& each) { return each.type == type; });
        if (known == kTypes.end()) {
            jwks.warn(compose(
                {"a key of the kty '", type, "' is left out: RSA, EC, OKP and oct are known"}));
            continue;
        }
        for (const auto* member : known->members) {
            if (member != nullptr && api::string_at(key, member).empty()) {
                jwks.warn(compose(
                    {"a key of the kty ", type, " has no ", member, ", so it is left out"}));
            }
        }
    }
}

void check_custom_spec(const Cursor& spec) {
    if (spec["provider"]["name"].text().empty()) {
        spec["provider"]["name"].required("of the action CUSTOM");
    }
    spec["rules"].each(check_custom_rule);
}

} // namespace

void check_istio_from(const Cursor& from) {
    check_part(from, "source");
}

void check_istio_to(const Cursor& to) {
    check_part(to, "operation");
}

void check_istio_source(const Cursor& source) {
    for (const auto* field : {"principals", "requestPrincipals", "namespaces", "trustDomains"}) {
        check_field(source, field);
    }
    warn_of_stars(source, "principals");
    warn_of_stars(source, "trustDomains");
    check_field(source, "ipBlocks", istio_block);
    check_field(source, "remoteIpBlocks", istio_block);
    check_field(source, "serviceAccounts", istio_account);
    both(source, "serviceAccounts", [&](const Cursor& accounts) {
        if (accounts.size() > 0 &&
            has_any(source, {"principals", "notPrincipals", "namespaces", "notNamespaces"})) {
            accounts.forbidden("cannot be set together with principals or namespaces");
        }
        accounts.each([](const Cursor& account) {
            if (account.text().find('*') != std::string_view::npos) {
                account.warn("service accounts are compared exactly: a '*' is no wildcard here");
            }
        });
    });
}

void check_istio_operation(const Cursor& operation) {
    check_field(operation, "hosts");
    check_field(operation, "methods");
    check_field(operation, "ports", istio_port);
    check_field(operation, "paths", istio_path);
    warn_of_stars(operation, "hosts");
    warn_of_stars(operation, "paths");
}

void check_istio_condition(const Cursor& condition) {
    const auto key = condition["key"];
    if (key.text().empty()) {
        return; // that has been said
    }
    const auto name = key.text();
    const bool known =
        is_named(name, kHeadersKey) || is_named(name, kClaimKey) ||
        (name.find('[') == name.npos &&
         std::find(kConditionKeys.begin(), kConditionKeys.end(), name) != kConditionKeys.end());
    if (!known) {
        key.unsupported(kConditionKeys);
    }
    if (!has_any(condition, {"values", "notValues"})) {
        condition["values"].required("at least one of values and notValues");
    }
    if (name == "source.ip" || name == "remote.ip" || name == "destination.ip") {
        check_field(condition, "values", istio_block);
    } else if (name == "destination.port") {
        check_field(condition, "values", istio_port);
    } else if (name == "source.serviceAccount") {
        check_field(condition, "values", istio_account);
    } else {
        check_field(condition, "values");
    }
    if (name == "source.principal") {
        warn_of_stars(condition, "values");
    }
}

void check_istio_rule(const Cursor& rule) {
    not_an_empty_list(rule["from"]);
    not_an_empty_list(rule["to"]);
}

void check_authorization_spec(const Cursor& spec) {
    const auto action = spec["action"];
    const auto provider = spec["provider"];
    const bool custom = action.is("CUSTOM");
    if ((custom || action.is("DENY")) && spec["rules"].size() == 0) {
        spec["rules"].required(
            "without rules the policy never matches; an empty rule, rules: [{}], matches all");
    }
    if (custom) {
        check_custom_spec(spec);
    } else if (provider.present()) {
        provider.forbidden("only the action CUSTOM has a provider");
    }
    check_istio_scope(spec);
}

void check_istio_scope(const Cursor& spec) {
    const int scopes = (spec["selector"].present() ? 1 : 0) +
                       (spec["targetRef"].present() ? 1 : 0) +
                       (spec["targetRefs"].size() > 0 ? 1 : 0);
    if (scopes > 1) {
        spec.error("Forbidden: only one of selector, targetRef and targetRefs can be set");
    }
}

std::string istio_header_name(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~"; // RFC 9110 section 5.6.2
    const bool fine = std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOthers.find(c) != kOthers.npos;
    });
    return fine ? "" : "must be the name of a header field, such as x-jwt-claims";
}

void check_istio_jwt_rule(const Cursor& rule) {
    for (const auto* field : {"audiences", "fromParams", "fromCookies"}) {
        check_items(rule[field], nullptr);
    }
    rule["fromHeaders"].each([](const Cursor& place) {
        if (place["name"].present()) {
            place["name"].check(
                place["name"].text().empty() ? "must not be empty"
                                             : istio_header_name(place["name"].text()));
        }
    });
    const auto jwks = rule["jwks"];
    const auto uri = rule["jwksUri"];
    if (jwks.present() && uri.present()) {
        uri.warn("jwks is there as well, and is what counts", "leave one of them out");
    } else if (uri.present()) {
        if (!uri.text().starts_with("http://") && !uri.text().starts_with("https://")) {
            uri.invalid("must be a URL that begins with http:// or https://");
        } else {
            uri.warn(
                "keys cannot be fetched in a lab, so every token of this issuer is refused",
                "write the keys into jwks, as they are at that URL");
        }
    } else if (!jwks.present()) {
        rule.warn(
            "there are no keys, and they cannot be fetched from the issuer in a lab, so every "
            "token of it is refused",
            "write the keys into jwks");
    } else {
        check_jwks(jwks);
    }
    if (const auto header = rule["outputPayloadToHeader"];
        header.present() && header.text().empty()) {
        header.required("the name of a header field");
    }
}

void check_peer_authentication_spec(const Cursor& spec) {
    const auto ports = spec["portLevelMtls"];
    ports.each_key([](std::string_view port, const Cursor& mode) {
        if (const auto why = istio_port(port); !why.empty()) {
            mode.error_at_key(compose({"Invalid value: ", quoted(api::Json(port)), ": ", why}));
        }
    });
    if (ports.size() > 0 && spec["selector"]["matchLabels"].size() == 0) {
        ports.warn(
            "does nothing in a policy without selector",
            "name the pods: selector: "
            "{matchLabels: {app: NAME}}");
    }
}

void check_peer_authentication(const Cursor& policy) {
    const auto selector = policy["spec"]["selector"];
    if (policy["metadata"]["namespace"].is(kIstioRoot) && selector["matchLabels"].size() > 0) {
        selector.warn(
            compose({"a policy of ", kIstioRoot, " with a selector is ignored"}),
            "put it into the namespace of the pods");
    }
}

} // namespace labctl::manifest
