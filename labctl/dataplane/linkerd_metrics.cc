#include <algorithm>
#include <array>

#include "labctl/dataplane/metric_dialect.h"
#include "labctl/dataplane/prometheus_text.h"

namespace labctl::dataplane {

namespace {

/// Linkerd's, in milliseconds (linkerd/linkerd2-proxy linkerd/metrics/src/histogram.rs), the first
/// of each of its decades and its half.
constexpr Histogram::Bounds kLinkerdBounds{
    1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000};

/// "authorizationpolicy shop/cart", "default/all-unauthenticated"; "": nothing has let it in.
void append_authorization(std::string& labels, std::string_view name) {
    if (!name.empty()) {
        const auto slash = name.rfind('/');
        append_label(labels, {"authz_kind", name.substr(0, name.find_first_of(" /"))});
        append_label(labels, {"authz_name", slash == name.npos ? name : name.substr(slash + 1)});
    }
}

/// What Linkerd counts against the success rate (linkerd/linkerd2-proxy
/// linkerd/app/core/src/classify.rs): errors of servers, and of gRPC UNKNOWN, DEADLINE_EXCEEDED,
/// INTERNAL, UNAVAILABLE and DATA_LOSS.
bool is_failure(const RequestSeries::Outcome& outcome) {
    constexpr int kServerError = 500;
    constexpr std::array<int, 5> kGrpcFailures{2, 4, 13, 14, 15};
    const auto grpc = outcome.grpc_status.value_or(0);
    return outcome.status >= kServerError ||
           std::find(kGrpcFailures.begin(), kGrpcFailures.end(), grpc) != kGrpcFailures.end();
}

/// With how requests have ended.
std::string outcome_labels(const std::string& labels, const RequestSeries::Outcome& outcome) {
    auto all = with_labels(
        labels,
        {{"status_code", std::to_string(outcome.status)},
         {"classification", is_failure(outcome) ? "failure" : "success"}});
    return outcome.grpc_status
               ? with_labels(all, {{"grpc_status_code", std::to_string(*outcome.grpc_status)}})
               : all;
}

/// Labels of Linkerd about the pod at the other end.
std::string linkerd_pod_labels(const SidecarRules& rules, const std::string& pod) {
    const auto found = rules.table().pods.find(pod);
    if (found == rules.table().pods.end()) {
        return {};
    }
    const auto kind = "dst_" + found->second.kind;
    auto text = labels_of(
        {{"dst_namespace", std::string_view(pod).substr(0, pod.find('/'))},
         {"dst_pod", std::string_view(pod).substr(pod.find('/') + 1)}});
    if (found->second.kind != "pod") {
        append_label(text, {kind, found->second.workload});
    }
    return text;
}

void write_authorizations(std::string& text, const MetricSeries& series, bool allowed) {
    const std::string_view name =
        allowed ? "inbound_http_authz_allow_total" : "inbound_http_authz_deny_total";
    append_type(text, name, "counter");
    for (const auto& [key, each] : series.requests) {
        for (const auto& authorization : each->authorizations()) {
            if (authorization.allowed == allowed) {
                auto labels = each->labels();
                append_authorization(labels, authorization.name);
                append_sample(text, name, labels, std::to_string(authorization.count));
            }
        }
    }
}

class LinkerdMetrics final : public MetricDialect {
public:
    [[nodiscard]] RequestSeries::Measures measures() const override {
        return {&kLinkerdBounds, true, false};
    }
    [[nodiscard]] std::string_view others() const override { return "direction=\"unknown\""; }
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

std::string LinkerdMetrics::outbound(
    const MetricView& view,
    const mesh::SidecarService& service,
    const mesh::SidecarEndpoint* endpoint,
    bool http) const {
    std::string text = labels_of({{"direction", "outbound"}});
    if (http) {
        append_label(text, {"authority", service.name});
    } else {
        append_label(text, {"peer", "dst"});
    }
    if (endpoint != nullptr) {
        append_label(text, {"target_addr", endpoint->address.to_string()});
        append_label(text, {"tls", endpoint->mtls ? "true" : "no_identity"});
        if (endpoint->mtls) {
            append_label(text, {"server_id", endpoint->server_name});
        }
        const auto pod = linkerd_pod_labels(view.rules, endpoint->pod);
        text += (pod.empty() ? "" : ",") + pod;
    }
    return text;
}

std::string
LinkerdMetrics::inbound(const MetricView& view, const HttpClient& client, bool http) const {
    const auto* const own = view.rules.workload(view.own);
    std::string text = labels_of({{"direction", "inbound"}});
    if (!http) {
        append_label(text, {"peer", "src"});
    }
    append_label(text, {"target_addr", client.target.to_string()});
    append_label(text, {"tls", client.tls ? "true" : "no_identity"});
    if (client.identity) {
        append_label(text, {"client_id", *client.identity});
    }
    if (own != nullptr) {
        const auto& server = mesh::inbound_server(view.rules.table(), *own, client.target.port);
        const auto reference = server.reference(); // "server/NS/NAME", "default/NAME"
        const auto slash = reference.find('/');
        append_label(text, {"srv_kind", std::string_view(reference).substr(0, slash)});
        append_label(
            text, {"srv_name", std::string_view(reference).substr(reference.rfind('/') + 1)});
    }
    return text;
}

void LinkerdMetrics::write(
    std::string& text, const MetricView& view, const MetricSeries& series) const {
    append_type(text, "request_total", "counter");
    for (const auto& [key, each] : series.requests) {
        std::uint64_t all = 0;
        for (const auto& outcome : each->outcomes()) {
            all += outcome.count;
        }
        append_sample(text, "request_total", each->labels(), std::to_string(all));
    }
    const auto visit_all = [&series](const auto& visit) {
        for (const auto& [key, each] : series.requests) {
            for (const auto& outcome : each->outcomes()) {
                visit(outcome, outcome_labels(each->labels(), outcome));
            }
        }
    };
    append_type(text, "response_total", "counter");
    visit_all([&](const auto& outcome, const auto& labels) {
        append_sample(text, "response_total", labels, std::to_string(outcome.count));
    });
    append_type(text, "response_latency_ms", "histogram");
    visit_all([&](const auto& outcome, const auto& labels) {
        outcome.duration.write(text, "response_latency_ms", kLinkerdBounds, labels);
    });
    write_authorizations(text, series, true);
    write_authorizations(text, series, false);
    const auto totals = [&](std::string_view name, std::string_view type, const auto& value) {
        append_type(text, name, type);
        for (const auto& [key, each] : series.connections) {
            append_sample(text, name, each->labels, std::to_string(value(*each)));
        }
    };
    totals("tcp_open_total", "counter", [](const auto& of) { return of.opened; });
    totals("tcp_close_total", "counter", [](const auto& of) { return of.closed; });
    totals("tcp_open_connections", "gauge", [](const auto& of) { return of.opened - of.closed; });
    totals("tcp_read_bytes_total", "counter", [](const auto& of) { return of.received; });
    totals("tcp_write_bytes_total", "counter", [](const auto& of) { return of.sent; });
    const auto* const own = view.rules.workload(view.own);
    if (const auto expiry = own == nullptr ? std::nullopt : view.rules.expiry(own->account)) {
        append_type(text, "identity_cert_expiration_timestamp_seconds", "gauge");
        text += "identity_cert_expiration_timestamp_seconds " + std::to_string(*expiry) + "\n";
    }
}

} // namespace

const MetricDialect& linkerd_metrics() {
    static const LinkerdMetrics kDialect;
    return kDialect;
}

} // namespace labctl::dataplane
