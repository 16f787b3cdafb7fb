#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "services/service.h"

/// The choice of endpoints in the userspace mode: round robin with affinity and retries. Source:
/// kube-proxy pkg/proxy/userspace/roundrobin.go and proxysocket.go (until Kubernetes 1.25);
/// reference 8.4. Pure: time and randomness are handed in.
namespace services {

/// How long the proxy waits for one endpoint to take a connection, try after try.
inline constexpr std::array kUserspaceDialTimeouts{
    std::chrono::milliseconds{250},
    std::chrono::milliseconds{500},
    std::chrono::milliseconds{1000},
    std::chrono::milliseconds{2000}};
inline constexpr std::chrono::milliseconds kUserspaceUdpIdleTimeout{250};
inline constexpr std::size_t kUserspaceDatagramBytes = 4096;

class UserspaceBalancer {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Clock = std::function<TimePoint()>;

    /// `seed` decides the order of endpoints: upstream shuffles the list when it changes.
    UserspaceBalancer(Clock clock, std::uint32_t seed) : clock_(std::move(clock)), random_(seed) {}

    /// Declares a service port; 0 seconds: no affinity. Forgets clients if affinity is switched
    /// off.
    void set_service(const ServicePortName& name, std::uint32_t affinity_seconds);
    /// The usable endpoints. The same ones in another order change nothing; otherwise the list is
    /// shuffled and begins anew, and clients of endpoints that are gone are forgotten.
    void set_endpoints(const ServicePortName& name, std::vector<netemu::Endpoint> endpoints);
    void remove(const ServicePortName& name) { ports_.erase(name); }

    /// The endpoint for a new connection; nullopt when there is none: the proxy, which has accepted
    /// already, closes. A client within its affinity time gets its last endpoint again, unless
    /// `reset_affinity`, which is what a failed try does.
    std::optional<netemu::Endpoint>
    next(const ServicePortName& name, const IpAddress& client, bool reset_affinity = false);

    /// Drops clients whose time is over.
    void forget_expired();
    [[nodiscard]] std::size_t clients(const ServicePortName& name) const;

    /// Whom a service port sends where, and for how long if the client does not call again.
    struct Remembered {
        IpAddress client;
        netemu::Endpoint endpoint;
        std::chrono::steady_clock::duration left{};
    };
    [[nodiscard]] std::vector<Remembered> remembered(const ServicePortName& name) const;

private:
    struct Client {
        netemu::Endpoint endpoint;
        TimePoint last_used;
    };
    struct Port {
        std::vector<netemu::Endpoint> endpoints; // shuffled
        std::size_t index = 0;
        std::chrono::seconds affinity{0};
        std::map<IpAddress, Client> clients;
    };

    Clock clock_;
    std::mt19937 random_;
    std::map<ServicePortName, Port> ports_;
};

/// The tries of one connection: which endpoint next, and how long to wait for it.
class UserspaceTries {
public:
    struct Try {
        netemu::Endpoint endpoint;
        std::chrono::milliseconds timeout;
    };
    UserspaceTries(UserspaceBalancer& balancer, ServicePortName name, IpAddress client)
        : balancer_(balancer), name_(std::move(name)), client_(client) {}

    /// The first try, or the one after a failure; nullopt when there is no endpoint or all four
    /// tries failed: then the accepted connection is closed.
    std::optional<Try> next();

private:
    UserspaceBalancer& balancer_;
    ServicePortName name_;
    IpAddress client_;
    std::size_t tries_ = 0;
};

} // namespace services
