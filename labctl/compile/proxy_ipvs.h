#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/compile/proxy_backend.h"
#include "netemu/model/network.h"

/// The ipvs proxies of all nodes in one family: virtual servers, the device that holds the
/// addresses of Services, and a table of constant rules. Internal to this folder. As with
/// kube-proxy, a real server of TCP that is an endpoint no more gets no new connections and stays
/// until its old ones have ended (reference 8.3).
namespace labctl::compile {

/// The device of kube-proxy, and its index: the same on every node.
inline constexpr const char* kIpvsDevice = "kube-ipvs0";
inline constexpr std::uint32_t kIpvsDeviceIndex = 30;

class IpvsBackend final : public ProxyBackend {
public:
    IpvsBackend(
        netemu::Family family,
        const services::ProxyConfig& config,
        std::string scheduler,
        const std::vector<services::ProxyNode>& nodes);

    void update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) override;
    /// A node that is new gets no work here: whoever makes its namespace makes all of it.
    void rebuild(ProxyWork& work) override;
    [[nodiscard]] bool has_stale() const override;
    /// Lets go of real servers that have no connections left.
    void sweep(ProxyWork& work, const ServerReader& servers) override;
    [[nodiscard]] const netemu::NftTable* table(std::size_t node) const override {
        return &parts_.at(nodes_.at(node).name).tables.front();
    }
    void add_devices(std::size_t node, netemu::NamespaceSpec& spec) const override;
    [[nodiscard]] std::string layout() const override { return "virtual servers"; }

private:
    using Parts = std::map<std::string, netemu::NamespaceSpec>; // by node

    using Ports = std::vector<services::ServicePortInputPtr>;

    [[nodiscard]] netemu::NamespaceSpec
    part_of(const services::ProxyNode& node, const Ports& ports) const;
    void renew(Parts next, ProxyWork& work);

    services::ProxyConfig config_;
    std::string scheduler_;
    const std::vector<services::ProxyNode>& nodes_;
    Parts parts_;
};

} // namespace labctl::compile
