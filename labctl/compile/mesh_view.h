#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"

/// What people want to know of a mesh, besides what its sidecars go by. Internal to this folder.
namespace labctl::compile {

struct ClusterConfig;

/// Why the pod has no sidecar, as a sentence's end; "" if nothing is in the way, as its namespace
/// or labels would give it one now: it was made before. Reference 5.1.
[[nodiscard]] std::string sidecar_obstacle(const store::Store& store, const api::Json& pod);

/// The same in whole words, in every case.
[[nodiscard]] std::string sidecar_absence(const store::Store& store, const api::Json& pod);

/// The SPIFFE ID of a pod's service account, whether it has a sidecar or not; "" where the names
/// make none.
[[nodiscard]] std::string pod_identity(const std::string& trust_domain, const api::Json& pod);

/// A look at the store and the table that was made of it. What it was made from outlives it.
class MeshView {
public:
    MeshView(const store::Store& store, const mesh::SidecarTable& table);

    [[nodiscard]] const store::Store& store() const { return store_; }
    [[nodiscard]] const mesh::SidecarTable& table() const { return table_; }
    [[nodiscard]] const std::vector<mesh::istio::PeerAuthentication>& authentications() const {
        return authentications_;
    }

    /// Of a pod "NAMESPACE/NAME"; nullptr: it is not there, or has no sidecar.
    [[nodiscard]] api::ObjectPtr pod(const std::string& name) const;
    [[nodiscard]] const mesh::SidecarWorkload* workload(const std::string& pod) const;
    /// Who has the address; "": no pod that has one of its own.
    [[nodiscard]] std::string pod_at(const netemu::IpAddress& address) const;
    /// The SPIFFE ID of a pod with a sidecar, or its DNS name with Linkerd.
    [[nodiscard]] std::string id_of(const mesh::SidecarWorkload& workload) const;
    [[nodiscard]] bool of_linkerd() const { return table_.mesh == mesh::SidecarMesh::Linkerd; }
    /// Of Linkerd: what governs a port of a pod with a proxy, and what is ignored.
    [[nodiscard]] mesh::linkerd::Governing
    governing(const api::Object& pod, std::uint16_t port) const;
    [[nodiscard]] const mesh::linkerd::Policies& linkerd_policies() const { return linkerd_; }
    /// Whom a sidecar's application means by a connection to there; nullptr: nobody of the mesh.
    /// Valid until the next call.
    [[nodiscard]] const mesh::SidecarService* service(const netemu::Endpoint& target) const;
    /// In the order of the table.
    [[nodiscard]] std::vector<const mesh::istio::AuthorizationPolicy*>
    policies(const mesh::SidecarWorkload& workload) const;

    /// {"mode", "policy": "NAMESPACE/NAME" or "", "scope": "mesh", "namespace", "workload", "port"
    /// or "default"} of one port of a pod.
    [[nodiscard]] api::Json mtls(const api::Object& pod, std::uint16_t port) const;

private:
    const store::Store& store_;
    const mesh::SidecarTable& table_;
    std::vector<mesh::istio::PeerAuthentication> authentications_;
    std::map<std::string, std::string> pods_; // by address
    mesh::linkerd::Policies linkerd_;
    mutable std::optional<mesh::SidecarService> of_peer_; // of the last `service` that is a pod's
};

/// The labels of an object as policies compare them.
[[nodiscard]] mesh::istio::Labels mesh_labels(const api::Object& object);

} // namespace labctl::compile
