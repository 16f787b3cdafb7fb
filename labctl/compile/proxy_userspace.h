#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "labctl/compile/proxy_backend.h"
#include "services/userspace_mode.h"

/// The userspace proxies of all nodes in one family: rules that lead to sockets, and what is behind
/// each socket. Internal to this folder. Source: reference 8.4.
namespace labctl::compile {

class UserspaceBackend final : public ProxyBackend {
public:
    /// The ports of a node that its proxy may listen on: below those of Services and those that the
    /// kernel gives to connections. Upstream takes what the kernel gives.
    static constexpr std::uint16_t kFirstPort = 20000;
    static constexpr std::size_t kPortsMax = 10000;

    UserspaceBackend(
        netemu::Family family,
        const std::vector<services::ProxyNode>& nodes,
        services::UserspaceBind bind);

    void update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) override;
    void rebuild(ProxyWork& work) override;
    [[nodiscard]] std::string restore_text(std::size_t node) const override;
    [[nodiscard]] std::vector<Portal> portals() const override;
    [[nodiscard]] std::string layout() const override { return "portals"; }

private:
    void take(const services::ServicePortUpdate& update);
    void write_rules(ProxyWork& work);
    [[nodiscard]] std::string rules_for(const services::ProxyNode& node) const;

    const std::vector<services::ProxyNode>& nodes_;
    services::UserspaceBind bind_;
    std::map<services::ServicePortName, Portal> portals_;
    std::set<std::uint16_t> taken_;
    std::map<std::string, std::string> rules_; // by node, as they are in the kernel
};

} // namespace labctl::compile
