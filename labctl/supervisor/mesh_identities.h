#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/event_loop.h"

namespace mesh {
class Authority;
}
namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::supervisor {

/// The authority of a lab's mesh, and the certificates that it gives to the ServiceAccounts of pods
/// with a sidecar. The authority is the Secret istio-system/istio-ca-secret, as that of istiod is,
/// so it lives as long as the lab; its certificate is the ConfigMap istio-ca-root-cert of each
/// namespace. With Linkerd they are linkerd/linkerd-identity-issuer and
/// linkerd/linkerd-identity-trust-roots, and an identity is a DNS name. The others are in memory
/// alone. Belongs to the loop's thread.
class MeshIdentities {
public:
    /// `renewed` is called when certificates have been replaced because of their age. `store` and
    /// `config` outlive this.
    MeshIdentities(
        netemu::EventLoop& loop,
        store::Store& store,
        const compile::ClusterConfig& config,
        std::function<void()> renewed);
    MeshIdentities(const MeshIdentities&) = delete;
    MeshIdentities& operator=(const MeshIdentities&) = delete;
    ~MeshIdentities();

    /// Adds the bundle and the certificates for its workloads; makes the authority if there is
    /// none. Throws netemu::Error if the Secret holds no authority.
    void complete(mesh::SidecarTable& table);
    /// Puts the root's ConfigMap into namespaces that lack it, if there is an authority.
    void publish();
    /// Whether the Secret is another one than the authority came from: then `complete` begins anew.
    [[nodiscard]] bool forget_if_replaced();

private:
    struct Known {
        mesh::SidecarIdentity identity;
        std::chrono::system_clock::time_point renewal;
    };

    const mesh::Authority& authority();
    [[nodiscard]] std::string secret_text() const;
    [[nodiscard]] Known issue(const std::string& account);
    [[nodiscard]] Known known_of(
        const std::string& chain_pem,
        const std::string& key_pem,
        std::chrono::sys_seconds not_before,
        std::chrono::sys_seconds not_after);
    void schedule();
    void renew();

    netemu::EventLoop& loop_;
    store::Store& store_;
    const compile::ClusterConfig& config_;
    std::function<void()> renewed_;
    std::unique_ptr<mesh::Authority> authority_;
    std::string source_; // the Secret's key and certificate that it, or a failure, came from
    std::map<std::string, Known> known_; // by "NAMESPACE/ACCOUNT"
    std::minstd_rand random_{std::random_device{}()};
    netemu::EventLoop::TimerId timer_ = 0;
};

} // namespace labctl::supervisor
