#include "mesh/jwt/request_tokens.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "netemu/base/text.h"

namespace mesh {

namespace {

using istio::JwtRule;

constexpr std::string_view kTokenCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
constexpr std::size_t kRealmMax = 256; // of its path

bool is_preflight(const Request& head) {
    return head.method == "OPTIONS" && !head.headers.get("origin").empty() &&
           !head.headers.get("access-control-request-method").empty();
}

/// What a claim is in a field: text, a number or a truth value; "" otherwise.
std::string claim_text(const JsonValue& claims, const std::string& name) {
    const auto* value = claims.find(name);
    if (value == nullptr) {
        value = claims.find_path(netemu::split(name, '.'));
    }
    using Kind = JsonValue::Kind;
    const bool plain =
        value != nullptr &&
        (value->kind == Kind::Text || value->kind == Kind::Number || value->kind == Kind::Boolean);
    return plain && is_field_value(value->text) ? value->text : std::string();
}

/// The target without every parameter of that name.
std::string without_parameter(const std::string& target, std::string_view name) {
    const auto question = target.find('?');
    if (question == std::string::npos) {
        return target;
    }
    std::string kept;
    for (const auto pair : netemu::split(std::string_view(target).substr(question + 1), '&')) {
        if (url_decode(std::string(pair.substr(0, pair.find('=')))) != name) {
            kept.append(kept.empty() ? "?" : "&").append(pair);
        }
    }
    return target.substr(0, question) + kept;
}

/// Without a place of its own, the usual two (google's and RFC 6750's).
JwtRule with_places(JwtRule rule) {
    if (rule.from_headers.empty() && rule.from_params.empty() && rule.from_cookies.empty()) {
        rule.from_headers = {{"authorization", "Bearer "}};
        rule.from_params = {"access_token"};
    }
    return rule;
}

/// What says more to people: that there is no token for a rule, or one of another issuer, says
/// least.
bool says_more(JwtStatus status, JwtStatus than) {
    return than == JwtStatus::Missing ||
           (than == JwtStatus::UnknownIssuer && status != JwtStatus::Missing);
}

} // namespace

struct RequestTokens::Location {
    std::string text;
    std::string header{}; // it is in this field
    std::string param{};  // or in this parameter; neither: in a cookie
};

int TokenVerdict::http_status() const {
    constexpr int kUnauthorized = 401, kForbidden = 403;
    return status == JwtStatus::AudienceNotAllowed ? kForbidden : kUnauthorized;
}

std::string TokenVerdict::story() const {
    std::string word(jwt_status_text(status));
    std::replace(word.begin(), word.end(), ' ', '_');
    return "jwt_authn_access_denied{" + word + "} by RequestAuthentication " + policy +
           (issuer.empty() ? "" : ", issuer " + issuer);
}

RequestTokens::RequestTokens(const std::vector<istio::RequestAuthentication>& all) {
    for (const auto& policy : all) {
        for (const auto& rule : policy.rules) {
            rules_.push_back(
                {policy.ns + "/" + policy.name,
                 with_places(rule),
                 rule.jwks.empty() ? JwtKeys::unknown() : JwtKeys::parse(rule.jwks),
                 {},
                 {}});
        }
    }
    std::stable_sort(rules_.begin(), rules_.end(), [](const Rule& left, const Rule& right) {
        return left.rule.issuer < right.rule.issuer;
    });
}

std::vector<RequestTokens::Location>
RequestTokens::tokens_of(const Rule& rule, const Request& head) {
    std::vector<Location> found;
    for (const auto& place : rule.rule.from_headers) {
        for (const auto& field : head.headers.fields()) {
            if (!equals_ignore_case(field.name, place.name)) {
                continue;
            }
            const std::string_view value = field.value;
            auto begin = value.find(place.prefix);
            if (begin == value.npos) {
                continue;
            }
            if (!place.prefix.empty()) { // what is no character of a token is passed over
                begin = value.find_first_of(kTokenCharacters, begin + place.prefix.size());
            }
            found.push_back(
                {std::string(begin == value.npos ? value : value.substr(begin)), place.name});
        }
    }
    for (const auto& name : rule.rule.from_params) {
        if (auto value = query_parameter(head.query(), name)) {
            found.push_back({*std::move(value), {}, name});
        }
    }
    for (const auto& name : rule.rule.from_cookies) {
        if (auto value = cookie_value(head.headers, name); !value.empty()) {
            found.push_back({std::move(value)});
        }
    }
    return found;
}

/// A token that has been verified is so for ever, but for the time.
JwtStatus RequestTokens::judge(
    Rule& rule, const std::string& text, Now now, std::shared_ptr<const JwtToken>& token) {
    const auto known = rule.verified.find(text);
    if (known != rule.verified.end()) {
        token = known->second;
    } else {
        auto read = std::make_shared<JwtToken>();
        if (const auto status = parse_jwt(text, *read); status != JwtStatus::Ok) {
            return status;
        }
        token = std::move(read);
    }
    if (!rule.rule.issuer.empty() && token->issuer != rule.rule.issuer) {
        return JwtStatus::UnknownIssuer;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    if (const auto status = check_jwt_time(*token, seconds.count()); status != JwtStatus::Ok) {
        return status;
    }
    if (known != rule.verified.end()) {
        return JwtStatus::Ok;
    }
    if (const auto status = check_jwt_audience(*token, rule.rule.audiences);
        status != JwtStatus::Ok) {
        return status;
    }
    const auto status = rule.keys->verify(*token);
    if (status == JwtStatus::Ok) {
        if (rule.order.size() >= kJwtCacheMax) {
            rule.verified.erase(rule.order.front());
            rule.order.pop_front();
        }
        rule.verified.emplace(text, token);
        rule.order.push_back(text);
    }
    return status;
}

void RequestTokens::take_over(
    const Rule& rule, const Location& location, const JwtToken& token, Request& head) {
    if (!rule.rule.payload_header.empty()) {
        head.headers.add(rule.rule.payload_header, token.payload_text);
    }
    for (const auto& [header, claim] : rule.rule.claim_headers) {
        if (auto text = claim_text(token.claims, claim); !text.empty()) {
            head.headers.add(header, std::move(text));
        }
    }
    if (rule.rule.forward_token) {
        return;
    }
    if (!location.header.empty()) {
        head.headers.remove(location.header);
    } else if (!location.param.empty()) {
        head.target = without_parameter(head.target, location.param);
    }
}

TokenVerdict RequestTokens::check(Request& head, Now now) {
    TokenVerdict verdict;
    if (is_preflight(head)) {
        return verdict;
    }
    for (const auto& rule : rules_) {
        if (!rule.rule.payload_header.empty()) {
            head.headers.remove(rule.rule.payload_header);
        }
        for (const auto& [header, claim] : rule.rule.claim_headers) {
            head.headers.remove(header);
        }
    }
    for (auto& rule : rules_) {
        const auto found = tokens_of(rule, head);
        auto status = found.empty() ? JwtStatus::Missing : JwtStatus::Ok;
        std::vector<std::shared_ptr<const JwtToken>> tokens(found.size());
        // The last one first, as Envoy does; all of a rule's must be good, as nobody knows which
        // of them the application believes.
        for (auto i = found.size(); i-- > 0 && status == JwtStatus::Ok;) {
            status = judge(rule, found[i].text, now, tokens[i]);
        }
        if (status == JwtStatus::Ok) {
            for (auto i = found.size(); i-- > 0;) {
                take_over(rule, found[i], *tokens[i], head);
            }
            return {status, tokens.front(), rule.policy, rule.rule.issuer};
        }
        if (status != JwtStatus::Missing && says_more(status, verdict.status)) {
            verdict = {status, nullptr, rule.policy, rule.rule.issuer};
        }
    }
    return verdict;
}

std::string token_challenge(const Request& head) {
    return "Bearer realm=\"http://" + std::string(head.headers.get("host")) +
           head.target.substr(0, kRealmMax) + "\", error=\"invalid_token\"";
}

} // namespace mesh
