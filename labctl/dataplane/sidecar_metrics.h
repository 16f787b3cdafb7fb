#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/sidecar_rules.h"

/// What a sidecar counts: Istio's standard metrics, or those of Linkerd's proxy (reference 13).
/// Source: istio/istio.io content/en/docs/reference/config/metrics, linkerd/website
/// reference/proxy-metrics.md.
namespace labctl::dataplane {

/// Sets of labels that one sidecar counts apart, at most, of requests and of connections each; what
/// is more is counted together.
inline constexpr std::size_t kMetricSeriesMax = 512;
/// Outcomes (status and flags) of one set of labels, at most; likewise.
inline constexpr std::size_t kMetricOutcomesMax = 32;

/// How many values were at most as large as each of some bounds, and their sum.
class Histogram {
public:
    using Bounds = std::array<double, 19>;

    void add(const Bounds& bounds, double value);
    /// Appends NAME_bucket, NAME_sum and NAME_count.
    void
    write(std::string& text, std::string_view name, const Bounds& bounds, const std::string& labels)
        const;

private:
    std::array<std::uint64_t, 20> counts_{};
    double sum_ = 0;
};

/// Requests that differ in nothing but how they end.
class RequestSeries final : public HttpTally {
public:
    RequestSeries(std::string labels, bool of_linkerd)
        : labels_(std::move(labels)), of_linkerd_(of_linkerd) {}

    void count(const Done& done) override;
    /// Of Linkerd: what lets it in, or that nothing does.
    void authorize(bool allowed, const std::string& authorization);

private:
    friend class SidecarMetrics;
    struct Outcome {
        int status = 0;
        std::string flags;
        bool grpc = false;
        std::uint64_t count = 0;
        Histogram duration; // ms; of Linkerd until the first byte
        Histogram request_bytes;
        Histogram response_bytes;
    };
    struct Authorization {
        bool allowed = false;
        std::string name;
        std::uint64_t count = 0;
    };

    std::string labels_; // as they are written, without those of the outcome
    bool of_linkerd_;
    std::vector<Outcome> outcomes_;
    std::vector<Authorization> authorizations_;
};

/// Connections whose bytes are carried.
struct ConnectionSeries {
    std::string labels;
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;
    std::uint64_t received = 0; // from the client
    std::uint64_t sent = 0;     // to it; both when the connection has ended
};

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
    [[nodiscard]] RequestSeries* requests_of(const std::string& labels);
    [[nodiscard]] ConnectionSeries* connections_of(const std::string& labels);
    [[nodiscard]] std::string outbound_labels(
        const mesh::SidecarService& service,
        const mesh::SidecarEndpoint* endpoint,
        bool http) const;
    [[nodiscard]] std::string inbound_labels(const HttpClient& client, bool http) const;
    [[nodiscard]] bool of_linkerd() const { return rules_->of_linkerd(); }
    void write_istio(std::string& text) const;
    void write_linkerd(std::string& text) const;
    void write_authorizations(std::string& text, bool allowed) const;

    std::shared_ptr<const SidecarRules> rules_;
    std::string own_;
    std::map<std::string, std::unique_ptr<RequestSeries>> requests_; // by labels
    std::map<std::string, std::unique_ptr<ConnectionSeries>> connections_;
    /// Shortcuts, good until the rules change.
    std::map<std::pair<const void*, const void*>, RequestSeries*> to_endpoints_; // of the rules
    std::map<netemu::Endpoint, RequestSeries*> to_peers_;
    std::map<std::tuple<netemu::IpAddress, std::uint16_t, bool>, RequestSeries*> from_clients_;
};

} // namespace labctl::dataplane
