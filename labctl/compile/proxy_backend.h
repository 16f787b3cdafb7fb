#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netemu/model/plan.h"
#include "services/service_map.h"

/// What a mode of kube-proxy is to the lab: the proxies of all nodes in one family.
namespace labctl::compile {

struct ClusterConfig;

/// Text for `iptables-restore --noflush` (IPv4) or `ip6tables-restore --noflush` (IPv6) on a node.
struct RestoreInput {
    std::string node;
    netemu::Family family = netemu::Family::V4;
    std::string text;
};

/// What has to be done on the nodes: operations of the kernel, rules to be restored, or nothing.
struct ProxyWork {
    std::vector<netemu::Operation> operations;
    std::vector<RestoreInput> restores;
    bool portals = false; // what Proxies::portals returns may have changed
    [[nodiscard]] bool empty() const { return operations.empty() && restores.empty() && !portals; }
};

/// In the userspace mode: a service port, and the port of every node that its proxy listens on.
struct Portal {
    services::ServicePortInputPtr input;
    std::uint16_t proxy_port = 0;
};

/// The virtual servers of a network namespace as the kernel has them; see Kernel::virtual_servers.
using ServerReader = std::function<std::vector<netemu::VirtualServerInfo>(const std::string& ns)>;

/// `nodes` of the constructors outlive a backend and change only right before `rebuild`.
class ProxyBackend {
public:
    explicit ProxyBackend(netemu::Family family) : services_(family), family_(family) {}
    ProxyBackend(const ProxyBackend&) = delete;
    ProxyBackend& operator=(const ProxyBackend&) = delete;
    virtual ~ProxyBackend() = default;

    [[nodiscard]] netemu::Family family() const { return family_; }
    [[nodiscard]] services::ServiceMap& services() { return services_; }
    [[nodiscard]] const services::ServiceMap& services() const { return services_; }

    /// Hands changes of service ports to every node's proxy.
    virtual void update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) = 0;
    /// After the nodes have changed.
    virtual void rebuild(ProxyWork& work) = 0;

    /// See Proxies: what is left to delete later.
    [[nodiscard]] virtual bool has_stale() const { return false; }
    virtual void sweep(ProxyWork& /*work*/, const ServerReader& /*servers*/) {}

    /// The nftables table of a node, or nullptr if this mode has none.
    [[nodiscard]] virtual const netemu::NftTable* table(std::size_t /*node*/) const {
        return nullptr;
    }
    /// Adds the device and the virtual servers of a node, in the ipvs mode.
    virtual void add_devices(std::size_t /*node*/, netemu::NamespaceSpec& /*spec*/) const {}
    /// All rules of a node for a network namespace that has none, or empty if this mode does not
    /// restore.
    [[nodiscard]] virtual std::string restore_text(std::size_t /*node*/) const { return {}; }
    /// Empty in all modes but userspace.
    [[nodiscard]] virtual std::vector<Portal> portals() const { return {}; }
    /// How the rules are laid out, in one word.
    [[nodiscard]] virtual std::string layout() const = 0;

protected:
    services::ServiceMap services_; // NOLINT(*-non-private-member-variables-in-classes)

private:
    netemu::Family family_;
};

/// The backend of the lab's mode, one that ClusterConfig accepts: "nftables", "iptables", "ipvs" or
/// "userspace".
std::unique_ptr<ProxyBackend> make_proxy_backend(
    const ClusterConfig& cluster,
    netemu::Family family,
    const services::ProxyConfig& config,
    const std::vector<services::ProxyNode>& nodes);

} // namespace labctl::compile
