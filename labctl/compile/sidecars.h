#pragma once

#include <optional>
#include <set>
#include <string>

#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"

/// What the lab's sidecars go by: Services, EndpointSlices, pods, PeerAuthentications and
/// AuthorizationPolicies, as istiod makes Envoy's configuration of them.
namespace labctl::compile {

struct ClusterConfig;

/// Follows the store of a lab with a mesh; without one there is never anything. A change that
/// concerns no sidecar costs nothing; one that does makes the table anew. Belongs to the thread of
/// the store.
class Sidecars {
public:
    /// `store` and `config` outlive this.
    Sidecars(store::Store& store, const ClusterConfig& config);
    Sidecars(const Sidecars&) = delete;
    Sidecars& operator=(const Sidecars&) = delete;
    ~Sidecars();

    /// The table, without identities and bundles, if it may be another one than at the last call.
    std::optional<mesh::SidecarTable> update();
    /// The one in force.
    [[nodiscard]] const mesh::SidecarTable& table() const { return table_; }

private:
    void on_event(const store::Event& event);

    store::Store& store_;
    const ClusterConfig& config_;
    store::Store::WatchId watch_ = 0;
    SliceNames slices_;
    bool dirty_ = true;
    mesh::SidecarTable table_;
};

/// What is spoken on a port (istio.io ops/configuration/traffic-management/protocol-selection):
/// its appProtocol says, else the beginning of its name up to a "-", else a few numbers of
/// servers that speak first.
[[nodiscard]] mesh::SidecarProtocol
sidecar_protocol(const std::string& app_protocol, const std::string& name, std::uint16_t port);

/// Whether a port says that HTTP/2 is spoken there: http2, grpc, kubernetes.io/h2c (KEP-3726).
[[nodiscard]] bool says_http2(const std::string& app_protocol, const std::string& name);

} // namespace labctl::compile
