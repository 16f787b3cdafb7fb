#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "labctl/dataplane/metric_dialect.h"

/// What a sidecar counts. How its mesh calls that is a MetricDialect's.
namespace labctl::dataplane {

/// Sets of labels that one sidecar counts apart, at most, of requests and of connections each; what
/// is more is counted together.
inline constexpr std::size_t kMetricSeriesMax = 512;

/// The counters of one sidecar. A set of labels is made once for each pair of ends and found by
/// their addresses afterwards; the pointers that are given out are good while this lives. Belongs
/// to the loop's thread.
class SidecarMetrics {
public:
    /// From now on ends are told of as these rules know them. `own`: "NAMESPACE/POD".
    void set_rules(std::shared_ptr<const SidecarRules> rules, std::string own);

    /// Requests to an endpoint of a Service; null: to none of it.
    [[nodiscard]] RequestSeries*
    outbound(const mesh::SidecarService& service, const mesh::SidecarEndpoint* endpoint);
    [[nodiscard]] RequestSeries* inbound(const HttpClient& client);
    [[nodiscard]] ConnectionSeries*
    outbound_bytes(const mesh::SidecarService& service, const netemu::Endpoint& endpoint);
    [[nodiscard]] ConnectionSeries* inbound_bytes(const HttpClient& client);

    /// All of it, in the text format of Prometheus.
    [[nodiscard]] std::string text() const;

private:
    [[nodiscard]] RequestSeries* requests_of(std::string labels);
    [[nodiscard]] ConnectionSeries* connections_of(std::string labels);
    [[nodiscard]] MetricView view() const { return {*rules_, own_}; }

    std::shared_ptr<const SidecarRules> rules_;
    std::string own_;
    const MetricDialect* dialect_ = nullptr; // of the rules' mesh
    MetricSeries series_;
    /// Shortcuts, good until the rules change.
    std::map<std::pair<const void*, const void*>, RequestSeries*> to_endpoints_; // of the rules
    std::map<netemu::Endpoint, RequestSeries*> to_peers_;
    std::map<std::tuple<netemu::IpAddress, std::uint16_t, bool>, RequestSeries*> from_clients_;
};

} // namespace labctl::dataplane
