#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "services/proxy_input.h"

/// All service ports of a cluster in one family: what every node's proxy is told.
namespace services {

/// Keeps the inputs of all Services and settles clashes. The API server lets two Services name the
/// same external IP, load balancer address or (by hand) node port; two entries for one key would
/// make the kernel refuse the whole transaction. So one of them gets it: whose cluster IP it is,
/// else the first in the order of names; the others do without, until it is free.
class ServiceMap {
public:
    explicit ServiceMap(Family family) : family_(family) {}

    /// Takes a Service as it is now, with all slices labelled with it, and returns the service
    /// ports that differ, those of other Services included if a clash came or went. Endpoints that
    /// changed nothing give no update.
    std::vector<ServicePortUpdate>
    update(const Service& service, std::span<const EndpointSlice* const> slices);
    std::vector<ServicePortUpdate> remove(const std::string& name_space, const std::string& name);

    /// Everything, for a proxy that is new.
    [[nodiscard]] std::vector<ServicePortUpdate> all() const;
    [[nodiscard]] ServicePortInputPtr find(const ServicePortName& name) const;
    [[nodiscard]] std::size_t size() const { return ports_.size(); }

private:
    /// An address or (unspecified address) a node port, with protocol and number.
    struct ClaimKey {
        IpAddress address;
        bool node_port = false;
        Protocol protocol = Protocol::Tcp;
        std::uint16_t port = 0;
        auto operator<=>(const ClaimKey&) const = default;
    };
    /// The smallest of all claims gets the key: cluster IPs come before the others.
    using Claim = std::pair<bool, ServicePortName>; // not a cluster IP; whose
    struct Port {
        ServicePortInputPtr wanted;
        ServicePortInputPtr granted;
    };

    static std::vector<std::pair<ClaimKey, bool>> claims(const ServicePortInput& input);
    void
    set_claims(const ServicePortInput& input, bool present, std::set<ServicePortName>& touched);
    void settle(const ServicePortName& name, std::vector<ServicePortUpdate>& updates);
    [[nodiscard]] bool
    owns(const ServicePortName& name, const ClaimKey& key, bool cluster_ip) const;
    [[nodiscard]] ServicePortInputPtr grant(const ServicePortInputPtr& wanted) const;
    std::vector<ServicePortUpdate> replace(
        const std::string& name_space,
        const std::string& name,
        std::vector<ServicePortInputPtr> inputs);

    Family family_;
    std::map<ServicePortName, Port> ports_;
    std::map<ClaimKey, std::set<Claim>> claims_;
};

} // namespace services
