#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/store/store.h"
#include "mesh/http/message.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/address.h"

namespace labctl::compile {

/// A connection or request as somebody has made it.
struct MeshAttempt {
    std::string from; // "NAMESPACE/POD"; "node/NAME" or "external" has no sidecar
    netemu::IpAddress source;
    netemu::Endpoint remote; // that was dialled: of a Service or a pod
    std::string method = "GET";
    std::string target = "/";
    std::string authority;
    mesh::Headers headers;
};

/// Why sidecars let nobody have it.
struct MeshDenial {
    std::string by; // "authorizationpolicy/NS/NAME", "peerauthentication/NS/NAME"
    std::vector<std::string> policies; // all with a share in it, `by` the first
    std::string text;                  // one sentence
};

/// What the policies say of it: a denial if each pod that could get it refuses it. nullopt: one of
/// them takes it, or no sidecar is asked. Pure.
[[nodiscard]] std::optional<MeshDenial>
mesh_denial(const store::Store& store, const mesh::SidecarTable& table, const MeshAttempt& attempt);

} // namespace labctl::compile
