#include <array>

#include "labctl/dataplane/metric_dialect.h"
#include "labctl/dataplane/prometheus_text.h"

namespace labctl::dataplane {

namespace {

/// Envoy's, in milliseconds or bytes (envoyproxy/envoy source/common/stats/histogram_impl.cc).
constexpr Histogram::Bounds kEnvoyBounds{
    0.5,
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
    60000,
    300000,
    600000,
    1800000,
    3600000};

constexpr std::string_view kUnknown = "unknown";
constexpr int kClientGone = 499; // nginx's, in our log; Envoy has no status then

std::string_view known(std::string_view text) {
    return text.empty() ? kUnknown : text;
}

/// The labels of a series that say http, saying grpc.
std::string with_protocol_grpc(std::string labels, std::optional<int> status) {
    constexpr std::string_view kHttp = "request_protocol=\"http\"";
    if (const auto at = labels.find(kHttp); at != std::string::npos) {
        labels.replace(at, kHttp.size(), "request_protocol=\"grpc\"");
    }
    return status ? with_labels(labels, {{"grpc_response_status", std::to_string(*status)}})
                  : labels;
}

/// One end of a request, as Istio tells of it.
struct End {
    std::string ns;
    mesh::SidecarPodLabels labels;
    std::string principal;
};

End end_of(const SidecarRules& rules, const std::string& pod) {
    End end;
    const auto found = rules.table().pods.find(pod);
    if (found != rules.table().pods.end()) {
        end.ns = pod.substr(0, pod.find('/'));
        end.labels = found->second;
        end.labels.version = known(end.labels.version);
    }
    return end;
}

/// What else is told of a request.
struct Told {
    std::string_view reporter;
    std::string_view host; // of the Service
    std::string_view protocol;
    std::string_view security;
};

std::string istio_labels(const End& source, const End& destination, const Told& told) {
    const auto& [reporter, host, protocol, security] = told;
    const auto cluster = [](const End& end) {
        return end.labels.workload.empty() ? kUnknown : std::string_view("Kubernetes");
    };
    const auto service = host.substr(0, host.find('.'));
    return labels_of(
        {{"reporter", reporter},
         {"source_workload", known(source.labels.workload)},
         {"source_canonical_service", known(source.labels.service)},
         {"source_canonical_revision",
          source.labels.revision.empty() ? std::string_view("latest") : source.labels.revision},
         {"source_workload_namespace", known(source.ns)},
         {"source_principal", known(source.principal)},
         {"source_app", known(source.labels.app)},
         {"source_version", known(source.labels.version)},
         {"source_cluster", cluster(source)},
         {"destination_workload", known(destination.labels.workload)},
         {"destination_workload_namespace", known(destination.ns)},
         {"destination_principal", known(destination.principal)},
         {"destination_app", known(destination.labels.app)},
         {"destination_version", known(destination.labels.version)},
         {"destination_service", known(host)},
         {"destination_canonical_service", known(destination.labels.service)},
         {"destination_canonical_revision",
          destination.labels.revision.empty() ? std::string_view("latest")
                                              : destination.labels.revision},
         {"destination_service_name", known(service)},
         {"destination_service_namespace", known(mesh::host_namespace(host))},
         {"destination_cluster", cluster(destination)},
         {"request_protocol", protocol},
         {"connection_security_policy", security}});
}

class IstioMetrics final : public MetricDialect {
public:
    [[nodiscard]] RequestSeries::Measures measures() const override {
        return {&kEnvoyBounds, false, true};
    }
    [[nodiscard]] std::string_view others() const override { return "reporter=\"unknown\""; }
    [[nodiscard]] std::string outbound(
        const MetricView& view,
        const mesh::SidecarService& service,
        const mesh::SidecarEndpoint* endpoint,
        bool http) const override;
    [[nodiscard]] std::string
    inbound(const MetricView& view, const HttpClient& client, bool http) const override;
    void
    write(std::string& text, const MetricView& view, const MetricSeries& series) const override;
};

std::string IstioMetrics::outbound(
    const MetricView& view,
    const mesh::SidecarService& service,
    const mesh::SidecarEndpoint* endpoint,
    bool http) const {
    auto source = end_of(view.rules, view.own);
    End destination;
    if (endpoint != nullptr) {
        destination = end_of(view.rules, endpoint->pod);
    }
    if (endpoint != nullptr && endpoint->mtls) {
        const auto* const own = view.rules.workload(view.own);
        source.principal = own == nullptr ? std::string() : view.rules.own_id(own->account);
        const auto* const other = view.rules.workload(endpoint->pod);
        destination.principal =
            other == nullptr ? std::string() : view.rules.own_id(other->account);
    }
    return istio_labels(
        source,
        destination,
        {"source", mesh::service_host(service.name), http ? "http" : "tcp", kUnknown});
}

std::string
IstioMetrics::inbound(const MetricView& view, const HttpClient& client, bool http) const {
    const auto* const own = view.rules.workload(view.own);
    End source;
    if (client.identity) { // only a sidecar tells who it is
        source = end_of(view.rules, view.rules.pod_at(client.address.address));
        source.principal = *client.identity;
    }
    auto destination = end_of(view.rules, view.own);
    if (client.identity && own != nullptr) {
        destination.principal = view.rules.own_id(own->account);
    }
    return istio_labels(
        source,
        destination,
        {"destination",
         view.rules.host_of(view.own, client.target),
         http ? "http" : "tcp",
         client.identity ? "mutual_tls" : "none"});
}

void IstioMetrics::write(
    std::string& text, const MetricView& /*view*/, const MetricSeries& series) const {
    const auto visit_all = [&series](const auto& visit) {
        for (const auto& [key, each] : series.requests) {
            for (const auto& outcome : each->outcomes()) {
                const bool gone = outcome.status == kClientGone;
                const auto labels = with_labels(
                    outcome.grpc ? with_protocol_grpc(each->labels(), outcome.grpc_status)
                                 : each->labels(),
                    {{"response_code", gone ? "0" : std::to_string(outcome.status)},
                     {"response_flags",
                      gone && outcome.flags == "-" ? std::string("DC") : outcome.flags}});
                visit(outcome, labels);
            }
        }
    };
    append_type(text, "istio_requests_total", "counter");
    visit_all([&](const auto& outcome, const auto& labels) {
        append_sample(text, "istio_requests_total", labels, std::to_string(outcome.count));
    });
    using Outcome = RequestSeries::Outcome;
    const std::array<std::pair<std::string_view, Histogram Outcome::*>, 3> histograms{
        {{"istio_request_duration_milliseconds", &Outcome::duration},
         {"istio_request_bytes", &Outcome::request_bytes},
         {"istio_response_bytes", &Outcome::response_bytes}}};
    for (const auto& [name, member] : histograms) {
        append_type(text, name, "histogram");
        visit_all([&, name = name, member = member](const auto& outcome, const auto& labels) {
            (outcome.*member).write(text, name, kEnvoyBounds, labels);
        });
    }
    const std::array<std::pair<std::string_view, std::uint64_t ConnectionSeries::*>, 4> counters{
        {{"istio_tcp_connections_opened_total", &ConnectionSeries::opened},
         {"istio_tcp_connections_closed_total", &ConnectionSeries::closed},
         {"istio_tcp_received_bytes_total", &ConnectionSeries::received},
         {"istio_tcp_sent_bytes_total", &ConnectionSeries::sent}}};
    for (const auto& [name, member] : counters) {
        append_type(text, name, "counter");
        for (const auto& [key, each] : series.connections) {
            append_sample(
                text,
                name,
                with_labels(each->labels, {{"response_flags", "-"}}),
                std::to_string(each.get()->*member));
        }
    }
}

} // namespace

const MetricDialect& istio_metrics() {
    static const IstioMetrics kDialect;
    return kDialect;
}

} // namespace labctl::dataplane
