#include "labctl/explain/mesh_inbound.h"

#include <chrono>
#include <utility>

#include "labctl/explain/linkerd.h"
#include "mesh/http/normalize_path.h"
#include "mesh/istio/policy_match.h"
#include "mesh/jwt/request_tokens.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;
using mesh::SidecarProtocol;
using mesh::istio::AuthorizationPolicy;
using mesh::istio::MtlsMode;

/// Where a sidecar speaks to its application from.
std::string application_client(const netemu::IpAddress& address) {
    return address.is_v4() ? "127.0.0.6" : "::6";
}

struct ArrivalEffect {
    bool accepted;
    std::string text;
};

/// Reference 3, the table of modes and first bytes.
ArrivalEffect
effect_of(const mesh::SidecarPort& port, const MeshArrival& arrival, const MeshSpeech& speech) {
    if (arrival.peer_id) {
        return {
            true,
            port.mode == MtlsMode::Strict ? "mutual TLS is taken, and nothing else"
                                          : "mutual TLS is taken, as plaintext would be"};
    }
    const bool tls = speech.kind == MeshSpeech::Kind::Tls;
    if (port.mode == MtlsMode::Strict) {
        return {
            false,
            tls ? "this TLS is not the mesh's, and only that is taken"
                : "this is plaintext, and only mutual TLS is taken"};
    }
    if (tls && port.mode == MtlsMode::Permissive && port.protocol == SidecarProtocol::Http) {
        return {false, "this TLS is not the mesh's, and the port is one of HTTP"};
    }
    if (tls) {
        return {true, "the application's own TLS is passed on as it is, without an identity"};
    }
    return {
        true,
        port.mode == MtlsMode::Disable ? "plaintext is taken, and nothing else is looked for"
                                       : "plaintext is taken, without an identity"};
}

/// What policies are asked with.
class ArrivalJudge {
public:
    ArrivalJudge(
        const compile::MeshView& view, const MeshArrival& arrival, const MeshSpeech& speech)
        : headers_(speech.headers), method_(speech.method), authority_(speech.authority) {
        connection_.peer_id = arrival.peer_id;
        connection_.source = arrival.source;
        connection_.destination = arrival.address;
        connection_.sni = arrival.sni;
        connection_.trust_domain = view.table().trust_domain;
        path_ = mesh::normalize_path(speech.target);
        headers_.set("host", authority_);
    }

    [[nodiscard]] bool bad_path() const { return !path_; }

    /// What becomes of the request's tokens; what the sidecar takes out of the head is gone for
    /// the policies, too.
    const mesh::TokenVerdict&
    check_tokens(const std::vector<mesh::istio::RequestAuthentication>& all) {
        mesh::Request head;
        head.method = method_;
        head.target = *path_;
        head.headers = headers_;
        tokens_ = mesh::RequestTokens(all).check(head, std::chrono::system_clock::now());
        headers_ = std::move(head.headers);
        return tokens_;
    }

    [[nodiscard]] Json
    policies(const std::vector<const AuthorizationPolicy*>& all, bool http) const {
        using Action = AuthorizationPolicy::Action;
        auto list = Json::array();
        const auto request = facts();
        for (const auto action : {Action::Custom, Action::Deny, Action::Allow, Action::Audit}) {
            for (const auto* policy : all) {
                if (policy->action != action) {
                    continue;
                }
                list.push_back(policy_story(
                    *policy,
                    mesh::istio::match_policy(*policy, connection_, http ? &request : nullptr)));
            }
        }
        return list;
    }

    static Json
    policy_story(const AuthorizationPolicy& policy, const mesh::istio::PolicyMatch& match) {
        Json story{
            {"policy", policy.ns + "/" + policy.name},
            {"action", mesh::istio::action_name(policy.action)},
            {"dryRun", policy.dry_run},
            {"matches", match.rule.has_value()},
            {"rule", match.rule ? Json(*match.rule + 1) : Json()},
            {"text", match.text}};
        for (const auto rule : match.http_only) {
            story["httpOnlyRules"].push_back(rule + 1);
        }
        return story;
    }

    [[nodiscard]] Json
    verdict(const std::vector<const AuthorizationPolicy*>& all, bool http) const {
        std::vector<AuthorizationPolicy> policies;
        policies.reserve(all.size());
        for (const auto* policy : all) {
            policies.push_back(*policy);
        }
        const auto request = facts();
        const auto decision = mesh::istio::decide(policies, connection_, http ? &request : nullptr);
        const char* answer = decision.allowed ? ""
                             : http           ? "403 RBAC: access denied"
                                              : "connection closed";
        return {
            {"allowed", decision.allowed},
            {"text", decision.text},
            {"rule", decision.policy},
            {"answer", answer}};
    }

private:
    /// Views of this.
    [[nodiscard]] mesh::istio::RequestFacts facts() const {
        const auto path = path_ ? std::string_view(*path_) : std::string_view();
        return {
            method_,
            path.substr(0, path.find('?')),
            authority_,
            &headers_,
            tokens_.token ? &tokens_.token->claims : nullptr};
    }

    mesh::istio::ConnectionFacts connection_;
    mesh::Headers headers_;
    std::string method_;
    std::string authority_;
    std::optional<std::string> path_;
    mesh::TokenVerdict tokens_;
};

/// {"rules": [{"policy", "issuer", "keys": false: they cannot be fetched}], "outcome": "none",
/// "valid" or "refused", "policy": whose rule decided, "principal", "text"}.
Json tokens_story(
    const std::vector<mesh::istio::RequestAuthentication>& all, const mesh::TokenVerdict& verdict) {
    Json story{{"rules", Json::array()}, {"policy", verdict.policy}, {"principal", nullptr}};
    for (const auto& policy : all) {
        for (const auto& rule : policy.rules) {
            story["rules"].push_back(
                {{"policy", policy.ns + "/" + policy.name},
                 {"issuer", rule.issuer},
                 {"keys", !rule.jwks.empty()}});
        }
    }
    if (verdict.status == mesh::JwtStatus::Missing) {
        story["outcome"] = "none";
        story["text"] = "the request has no token, so it goes on without a principal";
    } else if (verdict.passes()) {
        const auto& claims = verdict.token->claims;
        const auto principal =
            std::string(claims.text_of("iss")) + "/" + std::string(claims.text_of("sub"));
        story["outcome"] = "valid";
        story["principal"] = principal;
        story["text"] = "it is " + principal + ", by RequestAuthentication " + verdict.policy;
    } else {
        story["outcome"] = "refused";
        story["text"] = std::string(mesh::jwt_status_text(verdict.status)) +
                        ", says RequestAuthentication " + verdict.policy +
                        (verdict.issuer.empty() ? "" : " of issuer " + verdict.issuer);
    }
    return story;
}

Json refusal(const std::string& text, const std::string& answer) {
    return {{"allowed", false}, {"text", text}, {"rule", ""}, {"answer", answer}};
}

Json without_sidecar(const compile::MeshView& view, const MeshArrival& arrival) {
    const auto pod = view.pod(arrival.pod);
    return {
        {"sidecar", false},
        {"why", pod ? compile::sidecar_absence(view.store(), pod->body) : "it is no pod"},
        {"application", {{"client", arrival.source.to_string()}, {"xfcc", ""}}},
        {"verdict",
         {{"allowed", true},
          {"text", "allowed: there is no sidecar that would ask a policy"},
          {"rule", ""},
          {"answer", ""}}}};
}

std::string certificate_field(const std::string& own, const std::string& peer) {
    return "By=" + own + ";Hash=<SHA-256 of the client's certificate>;Subject=\"\";URI=" + peer;
}

} // namespace

bool MeshSpeech::is_http(SidecarProtocol protocol) const {
    return kind == Kind::Http ? protocol != SidecarProtocol::Tcp
                              : kind == Kind::Bytes && protocol == SidecarProtocol::Http;
}

const char* sidecar_protocol_name(SidecarProtocol protocol) {
    return protocol == SidecarProtocol::Http  ? "HTTP"
           : protocol == SidecarProtocol::Tcp ? "TCP"
                                              : "detect";
}

Json explain_arrival(
    const compile::MeshView& view, const MeshArrival& arrival, const MeshSpeech& speech) {
    if (view.of_linkerd()) {
        return explain_linkerd_arrival(view, arrival, speech);
    }
    const auto* workload = view.workload(arrival.pod);
    const auto pod = view.pod(arrival.pod);
    if (workload == nullptr || !pod) {
        return without_sidecar(view, arrival);
    }
    const auto port = mesh::sidecar_port(*workload, arrival.address.port);
    const bool http = speech.is_http(port.protocol);
    const auto effect = effect_of(port, arrival, speech);
    const auto own = view.id_of(*workload);
    Json story{
        {"sidecar", true},
        {"redirect", mesh::kSidecarInboundPort},
        {"id", own},
        {"port", port.port},
        {"protocol", sidecar_protocol_name(port.protocol)},
        {"spoken", http ? "HTTP" : "TCP"},
        {"mtls", view.mtls(*pod, port.port)},
        {"identity", arrival.peer_id ? Json(*arrival.peer_id) : Json()},
        {"policies", Json::array()},
        {"application", nullptr}};
    story["mtls"]["effect"] = effect.text;
    story["mtls"]["accepted"] = effect.accepted;
    ArrivalJudge judge(view, arrival, speech);
    if (!effect.accepted) {
        const auto mode = string_at(story, "mtls.mode");
        story["verdict"] =
            refusal("refused by the mode " + mode + ": " + effect.text, "connection reset");
    } else if (http && judge.bad_path()) {
        story["verdict"] = refusal("refused: the path is none that can be made sense of", "400");
    } else {
        const auto authentications = mesh::request_authentications(view.table(), *workload);
        if (http && !authentications.empty()) {
            const auto& tokens = judge.check_tokens(authentications);
            story["tokens"] = tokens_story(authentications, tokens);
            if (!tokens.passes()) {
                story["verdict"] = refusal(
                    "refused: " + string_at(story, "tokens.text"),
                    std::to_string(tokens.http_status()) + " " +
                        std::string(mesh::jwt_status_text(tokens.status)));
                return story;
            }
        }
        const auto policies = view.policies(*workload);
        story["policies"] = judge.policies(policies, http);
        story["verdict"] = judge.verdict(policies, http);
    }
    if (api::bool_at(story, "verdict.allowed", false)) {
        story["application"] = {
            {"client", application_client(arrival.address.address)},
            {"xfcc", http && arrival.peer_id ? certificate_field(own, *arrival.peer_id) : ""}};
    }
    return story;
}

} // namespace labctl::explain
