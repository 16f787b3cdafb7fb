#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/store/store.h"
#include "mesh/http/message.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/address.h"

namespace labctl::compile {
class MeshView;
}

namespace labctl::explain {

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
    /// "authorizationpolicy/NS/NAME", "peerauthentication/NS/NAME",
    /// "requestauthentication/NS/NAME"; of Linkerd, which has no
    /// policies that deny, what governs the port: "server/NS/NAME", "default/deny".
    std::string by;
    std::vector<std::string> policies; // all with a share in it, `by` the first
    std::string text;                  // one sentence
};

/// What the policies of the moment say of attempts. A look at the store is taken once, for any
/// number of them; what it was made from outlives it.
class MeshDenials {
public:
    MeshDenials(const store::Store& store, const mesh::SidecarTable& table);
    MeshDenials(const MeshDenials&) = delete;
    MeshDenials& operator=(const MeshDenials&) = delete;
    ~MeshDenials();

    /// A denial if each pod that could get it refuses it. nullopt: one of them takes it, or no
    /// sidecar is asked.
    [[nodiscard]] std::optional<MeshDenial> of(const MeshAttempt& attempt) const;

private:
    std::unique_ptr<const compile::MeshView> view_;
};

} // namespace labctl::explain
