#include "labctl/explain/mesh_denial.h"

#include "labctl/compile/mesh_view.h"
#include "labctl/explain/mesh_inbound.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;

constexpr const char* kAuthorization = "authorizationpolicy/";

/// Who may be at the other end, and how the connection gets there.
std::vector<MeshArrival> arrivals(const compile::MeshView& view, const MeshAttempt& attempt) {
    const auto* own = view.workload(attempt.from);
    const auto* service = view.service(attempt.remote);
    std::vector<MeshArrival> all;
    const auto add = [&](const std::string& pod, const netemu::Endpoint& address, bool mtls) {
        MeshArrival arrival;
        arrival.pod = pod;
        arrival.address = address;
        arrival.source = attempt.source;
        arrival.by_sidecar = own != nullptr;
        arrival.of_own_pod = view.of_linkerd() && pod == attempt.from;
        if (mtls && own != nullptr && !arrival.of_own_pod) {
            arrival.peer_id = view.id_of(*own);
            arrival.sni = service->sni;
        }
        all.push_back(std::move(arrival));
    };
    if (service == nullptr) {
        add(view.pod_at(attempt.remote.address), attempt.remote, false);
        return all;
    }
    for (const auto& endpoint : service->endpoints) {
        add(endpoint.pod, endpoint.address, endpoint.mtls);
    }
    return all;
}

/// "ns[shop]-policy[cart]-rule[0]" as "shop/cart".
std::string policy_of_rule(const std::string& rule) {
    const auto between = [&rule](std::string_view before) {
        const auto begin = rule.find(before);
        const auto from = begin == std::string::npos ? rule.size() : begin + before.size();
        return rule.substr(from, rule.find(']', from) - from);
    };
    return between("ns[") + "/" + between("policy[");
}

/// Of Linkerd: "AuthorizationPolicy shop/web" as "authorizationpolicy/shop/web".
std::vector<std::string> authorizations_of(const Json& story) {
    std::vector<std::string> names;
    for (const auto& policy : api::at(story, "policies")) {
        const auto title = string_at(policy, "policy");
        const auto space = title.find(' ');
        const auto kind = netemu::to_lower(title.substr(0, space));
        if (kind == "authorizationpolicy" || kind == "serverauthorization") {
            names.push_back(kind + "/" + title.substr(space + 1));
        }
    }
    return names;
}

MeshDenial denial_of(const Json& story, const std::string& pod) {
    MeshDenial denial;
    denial.text = "the sidecar of " + pod + ": " + string_at(story, "verdict.text");
    if (story.contains("governs")) { // Linkerd: nothing has let it in
        denial.by = string_at(story, "verdict.by");
        denial.policies = authorizations_of(story);
        denial.policies.insert(denial.policies.begin(), denial.by);
        return denial;
    }
    if (string_at(story, "tokens.outcome") == "refused") {
        denial.by = "requestauthentication/" + string_at(story, "tokens.policy");
    } else if (!api::bool_at(story, "mtls.accepted", true)) {
        const auto policy = string_at(story, "mtls.policy");
        denial.by = policy.empty() ? "the mesh's default" : "peerauthentication/" + policy;
    } else if (const auto rule = string_at(story, "verdict.rule"); !rule.empty()) {
        denial.by = kAuthorization + policy_of_rule(rule);
    } else {
        for (const auto& policy : api::at(story, "policies")) { // none of these has let it in
            if (string_at(policy, "action") == "ALLOW" && !api::bool_at(policy, "dryRun", false)) {
                denial.policies.push_back(kAuthorization + string_at(policy, "policy"));
            }
        }
        denial.by = denial.policies.empty() ? std::string() : denial.policies.front();
        return denial;
    }
    denial.policies = {denial.by};
    return denial;
}

} // namespace

MeshDenials::MeshDenials(const store::Store& store, const mesh::SidecarTable& table)
    : view_(std::make_unique<const compile::MeshView>(store, table)) {
}

MeshDenials::~MeshDenials() = default;

std::optional<MeshDenial> MeshDenials::of(const MeshAttempt& attempt) const {
    const auto& view = *view_;
    MeshSpeech speech;
    speech.kind = MeshSpeech::Kind::Http; // a tcp probe asks in HTTP, too, who answers
    speech.method = attempt.method;
    speech.target = attempt.target;
    speech.authority = attempt.authority;
    speech.headers = attempt.headers;
    std::optional<MeshDenial> denial;
    for (const auto& arrival : arrivals(view, attempt)) {
        if (arrival.pod.empty()) {
            return std::nullopt;
        }
        const auto story = explain_arrival(view, arrival, speech);
        if (api::bool_at(story, "verdict.allowed", true)) {
            return std::nullopt;
        }
        if (!denial) {
            denial = denial_of(story, arrival.pod);
        }
    }
    return denial;
}

} // namespace labctl::explain
