#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesh/sidecar/table.h"
#include "netemu/base/address.h"

namespace mesh {
class TlsClientConfig;
class TlsIdentity;
class TlsServerConfig;
} // namespace mesh

namespace labctl::dataplane {

/// What all sidecars go by, as the child uses it: a SidecarTable with its indices, and with the
/// settings of TLS, made when they are first needed. Connections keep the one that they have begun
/// with. Belongs to the loop's thread.
class SidecarRules {
public:
    /// What is the same in `before` is used again, so that connections stay of use. A certificate
    /// that cannot be read is none.
    static std::shared_ptr<const SidecarRules>
    make(mesh::SidecarTable table, const SidecarRules* before);

    [[nodiscard]] const mesh::SidecarTable& table() const { return table_; }
    /// Who is meant by a connection to there; nullptr: nobody that the mesh knows. Valid until the
    /// next call.
    [[nodiscard]] const mesh::SidecarService* service(const netemu::Endpoint& target) const;
    /// The cluster of that name, where there are VirtualServices; nullptr: there is none.
    [[nodiscard]] const mesh::SidecarService* cluster(const std::string& name) const;
    /// Whether some Service leads there, or, of Linkerd, a pod is there.
    [[nodiscard]] bool is_endpoint(const netemu::Endpoint& address) const {
        return endpoints_.contains(address) || table_.peers.contains(address.address);
    }
    [[nodiscard]] bool of_linkerd() const { return table_.mesh == mesh::SidecarMesh::Linkerd; }
    [[nodiscard]] const mesh::SidecarWorkload* workload(const std::string& pod) const;
    /// In the order of the table.
    [[nodiscard]] std::vector<mesh::istio::AuthorizationPolicy>
    policies(const mesh::SidecarWorkload& workload) const;

    /// The pod with a sidecar that has the address: "NAMESPACE/NAME"; "": none.
    [[nodiscard]] std::string pod_at(const netemu::IpAddress& address) const;
    /// The host of the first Service that leads to the pod there; "": none does. Looks at all.
    [[nodiscard]] std::string_view
    host_of(const std::string& pod, const netemu::Endpoint& endpoint) const;
    /// When the account's certificate ends, in seconds since 1970.
    [[nodiscard]] std::optional<std::int64_t> expiry(const std::string& name) const;
    /// Its SPIFFE ID, or with Linkerd its DNS name; "" if there is no certificate for the account,
    /// nor settings below (nullptr).
    [[nodiscard]] std::string own_id(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<const mesh::TlsServerConfig>
    server_tls(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<const mesh::TlsClientConfig>
    client_tls(const std::string& name, const mesh::SidecarService& service) const;

private:
    /// An identity, and what was made of it.
    struct Account {
        mesh::SidecarIdentity source;
        std::shared_ptr<const mesh::TlsIdentity> identity;
        std::shared_ptr<const mesh::TlsServerConfig> server;
        std::map<std::vector<std::string>, std::shared_ptr<const mesh::TlsClientConfig>>
            clients; // by the IDs that a server may have
    };

    void drop_unused() const;
    [[nodiscard]] const mesh::SidecarService* service_of_peer(const netemu::Endpoint& target) const;
    [[nodiscard]] Account* account(const std::string& name) const;

    mesh::SidecarTable table_;
    std::map<netemu::Endpoint, std::size_t> services_; // by what clients connect to
    std::set<netemu::Endpoint> endpoints_;
    std::map<netemu::IpAddress, std::string> pods_;       // with a sidecar
    std::map<std::string, std::size_t> clusters_;         // by name
    mutable std::optional<mesh::SidecarService> of_peer_; // of the last `service` that is a pod's
    std::map<std::string, std::shared_ptr<Account>> accounts_;
};

} // namespace labctl::dataplane
