#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/istio/scope.h"

/// Istio's DestinationRule as values, as far as sidecars act on it. Source: istio/api
/// networking/v1alpha3/destination_rule.proto; istio/istio
/// pilot/pkg/networking/core/cluster_traffic_policy.go (reference mesh.md 6.3). Pure.
namespace mesh::istio {

enum class Balancer : std::uint8_t { LeastRequest, Random, RoundRobin, Hash };

/// What a request is known by, of those that shall come to the same endpoint.
struct HashKey {
    enum class Of : std::uint8_t { Header, Cookie, SourceIp, Query };
    Of of = Of::Header;
    std::string name{}; // of the header, cookie or parameter
    /// Of a cookie: whoever has none is given one for so long; 0 s: for the browser's session.
    std::optional<std::chrono::seconds> ttl{};
    std::string path{};
    bool operator==(const HashKey&) const = default;
};
struct Balancing {
    Balancer how = Balancer::LeastRequest;
    HashKey key{}; // of Hash
    bool operator==(const Balancing&) const = default;
};

inline constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();

/// Istio's defaults: practically none.
struct ConnectionPool {
    std::uint32_t connections = kNoLimit; // tcp.maxConnections
    std::uint32_t pending = kNoLimit;     // http.http1MaxPendingRequests
    std::uint32_t requests = kNoLimit;    // http.http2MaxRequests, of HTTP/1 too
    std::uint32_t retries = kNoLimit;     // http.maxRetries, under way at once
    std::chrono::seconds connect_timeout{10};
    bool operator==(const ConnectionPool&) const = default;
};

struct OutlierDetection {
    std::uint32_t consecutive_5xx = 5;     // 0: off
    std::uint32_t consecutive_gateway = 0; // 502 to 504, and what never answered
    std::chrono::milliseconds interval{10'000};
    std::chrono::milliseconds base_ejection{30'000};
    std::uint32_t max_percent = 10;
    std::uint32_t min_health_percent = 0; // fewer are well: nobody is passed over
    bool operator==(const OutlierDetection&) const = default;
};

enum class ClientTls : std::uint8_t { Auto, Disable, Simple, Mutual, IstioMutual };

struct PolicyFields {
    std::optional<Balancing> balancing{};
    std::optional<ConnectionPool> pool{};
    std::optional<OutlierDetection> outliers{};
    std::optional<ClientTls> tls{};
    bool operator==(const PolicyFields&) const = default;
};
struct TrafficPolicy {
    PolicyFields all{};
    std::map<std::uint16_t, PolicyFields> ports{}; // by the Service's port
    bool operator==(const TrafficPolicy&) const = default;
};

struct Subset {
    std::string name;
    Labels labels{};
    TrafficPolicy policy{};
    bool operator==(const Subset&) const = default;
};
struct DestinationRule {
    std::string ns, name;
    std::string host{}; // in full, or with a wildcard
    std::vector<std::string> export_to{};
    std::string created{};
    TrafficPolicy policy{};
    std::vector<Subset> subsets{};
    bool operator==(const DestinationRule&) const = default;
};

/// What is in force at a port: a subset's fields in place of the rule's, and the settings of the
/// port in place of all of them. `subset` may be null.
[[nodiscard]] PolicyFields
effective_policy(const DestinationRule& rule, const Subset* subset, std::uint16_t port);

/// Rules of one namespace for one host, oldest first, as one: the subsets of all, the policy of the
/// first.
[[nodiscard]] DestinationRule merged_rules(const std::vector<DestinationRule>& rules);

/// Who of `names` a key belongs to: the same one as long as it is there, and if another comes or
/// goes, for nearly all keys. `names` is not empty.
[[nodiscard]] std::size_t owner_of_key(std::string_view key, const std::vector<std::string>& names);

} // namespace mesh::istio
