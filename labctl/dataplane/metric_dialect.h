#pragma once

#include <string>
#include <string_view>

#include "labctl/dataplane/metric_series.h"
#include "labctl/dataplane/sidecar_rules.h"

/// How a mesh names what its proxies count (reference 13).
namespace labctl::dataplane {

/// The sidecar that counts, and what it knows.
struct MetricView {
    const SidecarRules& rules;
    const std::string& own; // "NAMESPACE/POD"
};

class MetricDialect {
public:
    MetricDialect() = default;
    MetricDialect(const MetricDialect&) = delete;
    MetricDialect& operator=(const MetricDialect&) = delete;
    virtual ~MetricDialect() = default;

    [[nodiscard]] virtual RequestSeries::Measures measures() const = 0;
    /// The labels of what is counted together, when there are too many sets of them.
    [[nodiscard]] virtual std::string_view others() const = 0;
    /// Of requests (`http`), or connections, to an endpoint of a Service; null: to none of it.
    [[nodiscard]] virtual std::string outbound(
        const MetricView& view,
        const mesh::SidecarService& service,
        const mesh::SidecarEndpoint* endpoint,
        bool http) const = 0;
    [[nodiscard]] virtual std::string
    inbound(const MetricView& view, const HttpClient& client, bool http) const = 0;
    /// All that has been counted, in the text format of Prometheus.
    virtual void
    write(std::string& text, const MetricView& view, const MetricSeries& series) const = 0;
};

/// Istio's standard metrics (istio/istio.io content/en/docs/reference/config/metrics), and those of
/// Linkerd's proxy (linkerd/website reference/proxy-metrics.md).
[[nodiscard]] const MetricDialect& istio_metrics();
[[nodiscard]] const MetricDialect& linkerd_metrics();

} // namespace labctl::dataplane
