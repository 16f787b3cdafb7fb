#include "mesh/istio/peer_authentication.h"

#include <tuple>

namespace mesh::istio {

namespace {

bool is_older(const PeerAuthentication& policy, const PeerAuthentication* other) {
    return other == nullptr || std::tie(policy.created, policy.ns, policy.name) <
                                   std::tie(other->created, other->ns, other->name);
}

/// The oldest of each scope, or nullptr.
struct Chosen {
    const PeerAuthentication* mesh = nullptr;
    const PeerAuthentication* name_space = nullptr;
    const PeerAuthentication* workload = nullptr;
};

void decide_by(EffectiveMtls& result, const PeerAuthentication& policy, MtlsMode mode, bool port) {
    if (mode != MtlsMode::Unset) {
        result = {mode, policy.ns + "/" + policy.name, port};
    }
}

} // namespace

std::string_view mtls_mode_name(MtlsMode mode) {
    switch (mode) {
    case MtlsMode::Disable:
        return "DISABLE";
    case MtlsMode::Permissive:
        return "PERMISSIVE";
    case MtlsMode::Strict:
        return "STRICT";
    case MtlsMode::Unset:
        break;
    }
    return "UNSET";
}

EffectiveMtls effective_mtls(
    std::span<const PeerAuthentication> policies,
    std::string_view pod_ns,
    const Labels& pod_labels,
    std::uint16_t port,
    std::string_view root_ns) {
    Chosen chosen;
    for (const auto& policy : policies) {
        const PeerAuthentication** scope = nullptr;
        if (policy.ns == root_ns) {
            scope = policy.selector.empty() ? &chosen.mesh : nullptr;
        } else if (policy.ns == pod_ns && selects(policy.selector, pod_labels)) {
            scope = policy.selector.empty() ? &chosen.name_space : &chosen.workload;
        }
        if (scope != nullptr && is_older(policy, *scope)) {
            *scope = &policy;
        }
    }
    EffectiveMtls result;
    for (const auto* policy : {chosen.mesh, chosen.name_space, chosen.workload}) {
        if (policy != nullptr) {
            decide_by(result, *policy, policy->mode, false);
        }
    }
    if (chosen.workload != nullptr) {
        const auto found = chosen.workload->port_modes.find(port);
        if (found != chosen.workload->port_modes.end()) {
            decide_by(result, *chosen.workload, found->second, true);
        }
    }
    return result;
}

} // namespace mesh::istio
