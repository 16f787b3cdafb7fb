#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mesh/http/message.h"
#include "mesh/istio/request_authentication.h"
#include "mesh/jwt/keys.h"
#include "mesh/jwt/token.h"

/// What a sidecar makes of the tokens of requests. Source: envoyproxy/envoy
/// source/extensions/filters/http/jwt_authn, and how Istio sets it up
/// (istio/istio pilot/pkg/security/authn/policy_applier.go).
namespace mesh {

/// Tokens of one rule that have been verified once, at most.
inline constexpr std::size_t kJwtCacheMax = 128;

struct TokenVerdict {
    /// Ok, Missing (it passes, too, but without an identity), or why it is refused.
    JwtStatus status = JwtStatus::Missing;
    std::shared_ptr<const JwtToken> token; // of Ok
    std::string policy;                    // "NAMESPACE/NAME" whose rule decided; "": none did
    std::string issuer;                    // of that rule

    [[nodiscard]] bool passes() const {
        return status == JwtStatus::Ok || status == JwtStatus::Missing;
    }
    /// Of a refusal: 403 for audiences, else 401.
    [[nodiscard]] int http_status() const;
    /// Of a refusal, for the log: "jwt_authn_access_denied{Jwt_is_expired} by ...".
    [[nodiscard]] std::string story() const;
};

/// All RequestAuthentications of one pod. Keeps what it has verified; belongs to one thread.
class RequestTokens {
public:
    using Now = std::chrono::system_clock::time_point;

    explicit RequestTokens(const std::vector<istio::RequestAuthentication>& all);

    [[nodiscard]] bool empty() const { return rules_.empty(); }

    /// Rules are asked in the order of their issuers. The first whose tokens are all good decides;
    /// there, what the rule says is done to the head: tokens taken out, claims put in. If there is
    /// none, a request without any token passes, and any other is refused. Fields that only claims
    /// may fill are taken out of every request. A preflight of CORS has no tokens.
    [[nodiscard]] TokenVerdict check(Request& head, Now now);

private:
    struct Location;
    struct Rule {
        std::string policy;
        istio::JwtRule rule;
        std::shared_ptr<const JwtKeys> keys;
        std::unordered_map<std::string, std::shared_ptr<const JwtToken>> verified;
        std::deque<std::string> order; // of `verified`, the oldest first
    };

    [[nodiscard]] static std::vector<Location> tokens_of(const Rule& rule, const Request& head);
    [[nodiscard]] static JwtStatus
    judge(Rule& rule, const std::string& text, Now now, std::shared_ptr<const JwtToken>& token);
    static void
    take_over(const Rule& rule, const Location& location, const JwtToken& token, Request& head);

    std::vector<Rule> rules_;
};

/// The answer's `www-authenticate`.
[[nodiscard]] std::string token_challenge(const Request& head);

} // namespace mesh
