#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/proxy_backend.h"
#include "netemu/model/nft.h"
#include "netemu/model/nft_info.h"
#include "services/affinity_memory.h"
#include "services/proxy_input.h"

/// Whom a Service with the session affinity ClientIP sends to the endpoint that it had before
/// (reference 2.9), in every mode of the proxies.
namespace labctl::store {
class Store;
}

namespace labctl::compile {
class Proxies;
}

namespace labctl::explain {

/// The elements of a set that are there now; see Kernel::read_elements.
using ElementReader = std::function<std::vector<netemu::NftElementInfo>(
    const std::string& ns,
    netemu::NftFamily family,
    const std::string& table,
    const std::string& set)>;

/// The clients in each of a node's lists of iptables' match `recent`.
using RecentReader = std::function<std::vector<std::vector<services::RecentClient>>(
    const std::string& node, const std::vector<std::string>& lists)>;
/// What the kernel's clock of ticks says; asked after the lists, and only if they hold somebody.
using TickReader = std::function<services::KernelTicks()>;
/// The persistence templates of a node's virtual servers.
using TemplateReader = std::function<std::vector<services::IpvsTemplate>(const std::string& node)>;

/// A client that the userspace proxy of a node remembers.
struct ProxiedClient {
    std::string node;
    services::ServicePortName service;
    netemu::IpAddress client;
    netemu::Endpoint endpoint;
    std::int64_t seconds_left = 0;
};

/// Where each mode remembers; that of the present one has to be there.
struct AffinityReaders {
    ElementReader elements{};             // nftables
    RecentReader recent{};                // iptables
    TickReader ticks{};                   // likewise
    TemplateReader templates{};           // ipvs
    std::vector<ProxiedClient> proxied{}; // userspace
};

/// The clients that a node remembers for a service port, each {"client", "service", "node",
/// "endpoint", "pod", "secondsLeft"}. In the ipvs mode each address of a Service remembers for
/// itself, so it makes a difference which one is asked about; nullopt: all. Throws what the readers
/// throw.
[[nodiscard]] api::Json remembered_clients(
    const services::ServicePortInput& port,
    const std::string& node,
    const compile::Proxies& proxies,
    const AffinityReaders& readers,
    const std::optional<netemu::Endpoint>& address = std::nullopt);

/// An object of the kind AffinityList: those of all nodes and of every Service of `ns`, or of all
/// if it is empty; sorted.
[[nodiscard]] api::Json affinity_list(
    const store::Store& store,
    const compile::Proxies& proxies,
    const std::string& ns,
    const AffinityReaders& readers);

} // namespace labctl::explain
