#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "labctl/store/store.h"
#include "netemu/base/address.h"

namespace labctl::compile {
class Proxies;
}

namespace labctl::supervisor {

/// To which addresses somebody may have sent what rules of a node have led to an endpoint (DNAT):
/// cluster IPs and other addresses of Services, node ports, host ports. The kernel remembers it of
/// a connection only, and a packet that is dropped makes none.
class DropFronts {
public:
    explicit DropFronts(store::Store& store); // outlives this
    DropFronts(const DropFronts&) = delete;
    DropFronts& operator=(const DropFronts&) = delete;
    ~DropFronts();

    /// Of an endpoint; without an address (unspecified) it is that port of any node.
    [[nodiscard]] const std::vector<netemu::Endpoint>&
    of(std::uint8_t protocol, const netemu::Endpoint& endpoint, const compile::Proxies& proxies);
    /// What the proxies lead where is not as it was. (In another mode it is.)
    void forget() { stale_ = true; }

private:
    void learn_services(const compile::Proxies& proxies);
    void learn_host_ports();

    store::Store& store_;
    std::map<std::pair<std::uint8_t, netemu::Endpoint>, std::vector<netemu::Endpoint>> fronts_;
    bool stale_ = true; // `fronts_` are
    store::Store::WatchId watch_;
};

} // namespace labctl::supervisor
