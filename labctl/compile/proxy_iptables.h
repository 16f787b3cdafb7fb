#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/compile/proxy_backend.h"
#include "services/iptables_mode.h"

/// The iptables proxies of all nodes in one family. Internal to this folder. As with kube-proxy, a
/// sync writes the shared chains anew, and of the others only those that differ (reference 8.2).
namespace labctl::compile {

class IptablesBackend final : public ProxyBackend {
public:
    IptablesBackend(
        netemu::Family family,
        const services::ProxyConfig& config,
        const std::vector<services::ProxyNode>& nodes);

    void update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) override;
    /// A node that is new gets no work here: whoever makes its namespace restores all of it.
    void rebuild(ProxyWork& work) override;
    [[nodiscard]] std::string restore_text(std::size_t node) const override;
    [[nodiscard]] std::string layout() const override { return "chains"; }

private:
    using Fragments = std::map<services::ServicePortName, services::IptablesFragment>;
    /// What differs on one node.
    struct Change {
        std::vector<const services::IptablesFragment*> changed;
        std::vector<std::string> stale;
        bool gone = false; // a service port without chains of its own has left
        [[nodiscard]] bool empty() const { return changed.empty() && stale.empty() && !gone; }
    };

    void take(
        const services::ProxyNode& node,
        const services::ServicePortUpdate& update,
        Fragments& fragments,
        Change& change) const;
    void count_endpoints();
    [[nodiscard]] std::string sync_text(const Fragments& fragments, const Change& change) const;

    services::ProxyConfig config_;
    const std::vector<services::ProxyNode>& nodes_;
    services::IptablesOptions options_;
    std::map<std::string, Fragments> fragments_; // by node
};

} // namespace labctl::compile
