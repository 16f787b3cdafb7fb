#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "mesh/istio/scope.h"

/// PeerAuthentication: whether a pod's sidecar takes mutual TLS, plaintext or both. An override
/// chain: mesh, namespace, workload, port. Source: istio/istio
/// pilot/pkg/security/authn/policy_applier.go. Pure.
namespace mesh::istio {

enum class MtlsMode : std::uint8_t { Unset, Disable, Permissive, Strict };

/// "UNSET", "DISABLE", "PERMISSIVE", "STRICT".
[[nodiscard]] std::string_view mtls_mode_name(MtlsMode mode);

struct PeerAuthentication {
    std::string ns;
    std::string name;
    Labels selector; // empty: for the whole namespace, or mesh
    MtlsMode mode = MtlsMode::Unset;
    std::map<std::uint16_t, MtlsMode> port_modes; // portLevelMtls, by port of the container
    /// When it was made, in any form whose order is the order of making (RFC 3339 in UTC). Of equal
    /// ones that of the first namespace and name is the older.
    std::string created;
    bool operator==(const PeerAuthentication&) const = default;
};

/// The mode of one port of a pod, and why.
struct EffectiveMtls {
    MtlsMode mode = MtlsMode::Permissive; // never Unset
    std::string policy;                   // "NAMESPACE/NAME" of the one that decided; "": none
    bool by_port = false;                 // its portLevelMtls did
    bool operator==(const EffectiveMtls&) const = default;
};

/// Of any policies, in any order, those that apply are found here: those of the root namespace
/// without selector, those of the pod's without, those of the pod's with one that selects it. In
/// each of the three the oldest counts, even if it says UNSET; one with a selector in the root
/// namespace never does. `port` is the one that the container listens on, declared or not.
[[nodiscard]] EffectiveMtls effective_mtls(
    std::span<const PeerAuthentication> policies,
    std::string_view pod_ns,
    const Labels& pod_labels,
    std::uint16_t port,
    std::string_view root_ns = kRootNamespace);

} // namespace mesh::istio
