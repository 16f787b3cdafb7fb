#include "labctl/dataplane/sidecar_metrics.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <initializer_list>

#include "mesh/tls/certificate.h"

namespace labctl::dataplane {
namespace {

using Label = std::pair<std::string_view, std::string_view>;

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
/// Linkerd's, in milliseconds (linkerd/linkerd2-proxy linkerd/metrics/src/histogram.rs), the first
/// of each of its decades and its half.
constexpr Histogram::Bounds kLinkerdBounds{
    1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000};
constexpr std::string_view kUnknown = "unknown";
constexpr std::string_view kOtherIstio = "reporter=\"unknown\"";
constexpr std::string_view kOtherLinkerd = "direction=\"unknown\"";

std::string_view known(std::string_view text) {
    return text.empty() ? kUnknown : text;
}

/// The text format's escapes: backslash, quote and line feed.
void append_label(std::string& text, const Label& label) {
    text.append(text.empty() ? "" : ",").append(label.first).append("=\"");
    for (const char c : label.second) {
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        c == '\n' ? text += "\\n" : text += c;
    }
    text += '"';
}

std::string labels_of(std::initializer_list<Label> labels) {
    std::string text;
    for (const auto& label : labels) {
        append_label(text, label);
    }
    return text;
}

std::string with(const std::string& labels, std::initializer_list<Label> more) {
    auto text = labels;
    for (const auto& label : more) {
        append_label(text, label);
    }
    return text;
}

void line(
    std::string& text, std::string_view name, const std::string& labels, const std::string& value) {
    text.append(name).append("{").append(labels).append("} ").append(value).append("\n");
}

void type_line(std::string& text, std::string_view name, std::string_view type) {
    text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

std::string number_text(double number) {
    std::array<char, 32> buffer{};
    const auto [end, problem] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return problem == std::errc{} ? std::string(buffer.data(), end) : "0";
}

/// Of "UF,URX at 10.1.0.5: ..." or "... [DI,URX]: ..." what are flags of Envoy; "-": none.
std::string flags_in(const HttpTally::Done& done) {
    static constexpr std::array<std::string_view, 24> kFlags{
        "UH", "UF", "UO",   "NR", "URX", "NC",  "DC",  "UT",    "LR", "UR", "UC", "DI",
        "FI", "RL", "UAEX", "IH", "SI",  "DPE", "UPE", "UMSDR", "OM", "DF", "DT", "LH"};
    std::string found;
    const auto add = [&found](std::string_view text) {
        while (!text.empty()) {
            const auto size =
                std::min(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), text.size());
            const auto word = text.substr(0, size);
            if (std::find(kFlags.begin(), kFlags.end(), word) == kFlags.end()) {
                return;
            }
            found.append(found.empty() ? "" : ",").append(word);
            text.remove_prefix(size);
            if (!text.starts_with(',')) {
                return;
            }
            text.remove_prefix(1);
        }
    };
    if (const auto bracket = done.flags.find('['); bracket != done.flags.npos) {
        add(done.flags.substr(bracket + 1));
    }
    add(done.told);
    return found.empty() ? "-" : found;
}

/// The labels of a series that say http, saying grpc.
std::string with_protocol_grpc(std::string labels) {
    constexpr std::string_view kHttp = "request_protocol=\"http\"";
    if (const auto at = labels.find(kHttp); at != std::string::npos) {
        labels.replace(at, kHttp.size(), "request_protocol=\"grpc\"");
    }
    return labels;
}

/// "authorizationpolicy shop/cart", "default/all-unauthenticated"; "": nothing has let it in.
void append_authorization(std::string& labels, std::string_view name) {
    if (!name.empty()) {
        const auto slash = name.rfind('/');
        append_label(labels, {"authz_kind", name.substr(0, name.find_first_of(" /"))});
        append_label(labels, {"authz_name", slash == name.npos ? name : name.substr(slash + 1)});
    }
}

constexpr int kClientGone = 499; // nginx's, in our log; Envoy has no status then

} // namespace

void Histogram::add(const Bounds& bounds, double value) {
    const auto* const at = std::lower_bound(bounds.begin(), bounds.end(), value);
    ++counts_[static_cast<std::size_t>(at - bounds.begin())];
    sum_ += value;
}

void Histogram::write(
    std::string& text,
    std::string_view name,
    const Bounds& bounds,
    const std::string& labels) const {
    const std::string base(name);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        sum += counts_[i];
        const auto bound = i < bounds.size() ? number_text(bounds[i]) : "+Inf";
        line(text, base + "_bucket", with(labels, {{"le", bound}}), std::to_string(sum));
    }
    line(text, base + "_sum", labels, number_text(sum_));
    line(text, base + "_count", labels, std::to_string(sum));
}

void RequestSeries::count(const Done& done) {
    const bool plain = done.told.empty() && done.flags.empty();
    const auto fits = [&](const Outcome& each) {
        return each.status == done.status && each.grpc == done.grpc &&
               (plain ? each.flags == "-" : each.flags == flags_in(done));
    };
    auto found = std::find_if(outcomes_.begin(), outcomes_.end(), fits);
    if (found == outcomes_.end() && outcomes_.size() < kMetricOutcomesMax) {
        Outcome fresh;
        fresh.status = done.status;
        fresh.grpc = done.grpc;
        fresh.flags = plain ? "-" : flags_in(done);
        found = outcomes_.insert(found, std::move(fresh));
    }
    auto& outcome = found == outcomes_.end() ? outcomes_.back() : *found;
    ++outcome.count;
    const auto& bounds = of_linkerd_ ? kLinkerdBounds : kEnvoyBounds;
    constexpr double kMicroseconds = 1000; // of a millisecond
    const auto took = of_linkerd_ ? done.first_byte : done.all;
    outcome.duration.add(bounds, static_cast<double>(took.count()) / kMicroseconds);
    if (!of_linkerd_) {
        outcome.request_bytes.add(bounds, static_cast<double>(done.request_bytes));
        outcome.response_bytes.add(bounds, static_cast<double>(done.response_bytes));
    }
}

void RequestSeries::authorize(bool allowed, const std::string& authorization) {
    for (auto& each : authorizations_) {
        if (each.allowed == allowed && each.name == authorization) {
            ++each.count;
            return;
        }
    }
    if (authorizations_.size() < kMetricOutcomesMax) {
        authorizations_.push_back({allowed, authorization, 1});
    }
}

// --- who is who

void SidecarMetrics::set_rules(std::shared_ptr<const SidecarRules> rules, std::string own) {
    rules_ = std::move(rules);
    own_ = std::move(own);
    to_endpoints_.clear();
    to_peers_.clear();
    from_clients_.clear();
}

RequestSeries* SidecarMetrics::requests_of(const std::string& labels) {
    if (const auto found = requests_.find(labels); found != requests_.end()) {
        return found->second.get();
    }
    const auto key = requests_.size() < kMetricSeriesMax
                         ? labels
                         : std::string(of_linkerd() ? kOtherLinkerd : kOtherIstio);
    auto& made = requests_[key];
    if (!made) {
        made = std::make_unique<RequestSeries>(key, of_linkerd());
    }
    return made.get();
}

ConnectionSeries* SidecarMetrics::connections_of(const std::string& labels) {
    if (const auto found = connections_.find(labels); found != connections_.end()) {
        return found->second.get();
    }
    const auto key = connections_.size() < kMetricSeriesMax
                         ? labels
                         : std::string(of_linkerd() ? kOtherLinkerd : kOtherIstio);
    auto& made = connections_[key];
    if (!made) {
        made = std::make_unique<ConnectionSeries>();
        made->labels = key;
    }
    return made.get();
}

namespace {

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

} // namespace

std::string SidecarMetrics::outbound_labels(
    const mesh::SidecarService& service, const mesh::SidecarEndpoint* endpoint, bool http) const {
    if (of_linkerd()) {
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
            const auto pod = linkerd_pod_labels(*rules_, endpoint->pod);
            text += (pod.empty() ? "" : ",") + pod;
        }
        return text;
    }
    auto source = end_of(*rules_, own_);
    End destination;
    if (endpoint != nullptr) {
        destination = end_of(*rules_, endpoint->pod);
    }
    if (endpoint != nullptr && endpoint->mtls) {
        const auto* const own = rules_->workload(own_);
        source.principal = own == nullptr ? std::string() : rules_->own_id(own->account);
        const auto* const other = rules_->workload(endpoint->pod);
        destination.principal = other == nullptr ? std::string() : rules_->own_id(other->account);
    }
    return istio_labels(
        source,
        destination,
        {"source", mesh::service_host(service.name), http ? "http" : "tcp", kUnknown});
}

std::string SidecarMetrics::inbound_labels(const HttpClient& client, bool http) const {
    const auto* const own = rules_->workload(own_);
    if (of_linkerd()) {
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
            const auto& server = mesh::inbound_server(rules_->table(), *own, client.target.port);
            const auto reference = server.reference(); // "server/NS/NAME", "default/NAME"
            const auto slash = reference.find('/');
            append_label(text, {"srv_kind", std::string_view(reference).substr(0, slash)});
            append_label(
                text, {"srv_name", std::string_view(reference).substr(reference.rfind('/') + 1)});
        }
        return text;
    }
    End source;
    if (client.identity) { // only a sidecar tells who it is
        source = end_of(*rules_, rules_->pod_at(client.address.address));
        source.principal = *client.identity;
    }
    auto destination = end_of(*rules_, own_);
    if (client.identity && own != nullptr) {
        destination.principal = rules_->own_id(own->account);
    }
    return istio_labels(
        source,
        destination,
        {"destination",
         rules_->host_of(own_, client.target),
         http ? "http" : "tcp",
         client.identity ? "mutual_tls" : "none"});
}

RequestSeries* SidecarMetrics::outbound(
    const mesh::SidecarService& service, const mesh::SidecarEndpoint* endpoint) {
    const auto find = [&](RequestSeries*& found) {
        if (found == nullptr) {
            found = requests_of(outbound_labels(service, endpoint, true));
        }
        return found;
    };
    const auto& all = rules_->table().services;
    const std::less<> before;
    if (!all.empty() && !before(&service, all.data()) &&
        before(&service, all.data() + all.size())) {
        return find(to_endpoints_[{&service, endpoint}]);
    }
    if (endpoint != nullptr && of_linkerd()) { // a pod by its address: made for the question
        return find(to_peers_[endpoint->address]);
    }
    return requests_of(outbound_labels(service, endpoint, true)); // of rules that have changed
}

RequestSeries* SidecarMetrics::inbound(const HttpClient& client) {
    if (from_clients_.size() > 2 * kMetricSeriesMax) { // addresses of the world
        from_clients_.clear();
    }
    auto& found =
        from_clients_[{client.address.address, client.target.port, client.identity.has_value()}];
    if (found == nullptr) {
        found = requests_of(inbound_labels(client, true));
    }
    return found;
}

ConnectionSeries* SidecarMetrics::outbound_bytes(
    const mesh::SidecarService& service, const netemu::Endpoint& endpoint) {
    const auto found =
        std::find_if(service.endpoints.begin(), service.endpoints.end(), [&](const auto& each) {
            return each.address == endpoint;
        });
    return connections_of(
        outbound_labels(service, found == service.endpoints.end() ? nullptr : &*found, false));
}

ConnectionSeries* SidecarMetrics::inbound_bytes(const HttpClient& client) {
    return connections_of(inbound_labels(client, false));
}

// --- as text

std::string SidecarMetrics::text() const {
    std::string text;
    of_linkerd() ? write_linkerd(text) : write_istio(text);
    return text;
}

void SidecarMetrics::write_istio(std::string& text) const {
    const auto each = [this](const auto& visit) {
        for (const auto& [key, series] : requests_) {
            for (const auto& outcome : series->outcomes_) {
                const bool gone = outcome.status == kClientGone;
                visit(
                    outcome,
                    with(
                        outcome.grpc ? with_protocol_grpc(series->labels_) : series->labels_,
                        {{"response_code", gone ? "0" : std::to_string(outcome.status)},
                         {"response_flags",
                          gone && outcome.flags == "-" ? std::string("DC") : outcome.flags}}));
            }
        }
    };
    type_line(text, "istio_requests_total", "counter");
    each([&](const auto& outcome, const auto& labels) {
        line(text, "istio_requests_total", labels, std::to_string(outcome.count));
    });
    using Outcome = RequestSeries::Outcome;
    const std::array<std::pair<std::string_view, Histogram Outcome::*>, 3> histograms{
        {{"istio_request_duration_milliseconds", &Outcome::duration},
         {"istio_request_bytes", &Outcome::request_bytes},
         {"istio_response_bytes", &Outcome::response_bytes}}};
    for (const auto& [name, member] : histograms) {
        type_line(text, name, "histogram");
        each([&, name = name, member = member](const auto& outcome, const auto& labels) {
            (outcome.*member).write(text, name, kEnvoyBounds, labels);
        });
    }
    const std::array<std::pair<std::string_view, std::uint64_t ConnectionSeries::*>, 4> counters{
        {{"istio_tcp_connections_opened_total", &ConnectionSeries::opened},
         {"istio_tcp_connections_closed_total", &ConnectionSeries::closed},
         {"istio_tcp_received_bytes_total", &ConnectionSeries::received},
         {"istio_tcp_sent_bytes_total", &ConnectionSeries::sent}}};
    for (const auto& [name, member] : counters) {
        type_line(text, name, "counter");
        for (const auto& [key, series] : connections_) {
            line(
                text,
                name,
                with(series->labels, {{"response_flags", "-"}}),
                std::to_string(series.get()->*member));
        }
    }
}

void SidecarMetrics::write_authorizations(std::string& text, bool allowed) const {
    const std::string_view name =
        allowed ? "inbound_http_authz_allow_total" : "inbound_http_authz_deny_total";
    type_line(text, name, "counter");
    for (const auto& [key, series] : requests_) {
        for (const auto& each : series->authorizations_) {
            if (each.allowed == allowed) {
                auto labels = series->labels_;
                append_authorization(labels, each.name);
                line(text, name, labels, std::to_string(each.count));
            }
        }
    }
}

void SidecarMetrics::write_linkerd(std::string& text) const {
    type_line(text, "request_total", "counter");
    for (const auto& [key, series] : requests_) {
        std::uint64_t all = 0;
        for (const auto& outcome : series->outcomes_) {
            all += outcome.count;
        }
        line(text, "request_total", series->labels_, std::to_string(all));
    }
    constexpr int kServerError = 500;
    const auto each = [this](const auto& visit) {
        for (const auto& [key, series] : requests_) {
            for (const auto& outcome : series->outcomes_) {
                visit(
                    outcome,
                    with(
                        series->labels_,
                        {{"status_code", std::to_string(outcome.status)},
                         {"classification",
                          outcome.status < kServerError ? "success" : "failure"}}));
            }
        }
    };
    type_line(text, "response_total", "counter");
    each([&](const auto& outcome, const auto& labels) {
        line(text, "response_total", labels, std::to_string(outcome.count));
    });
    type_line(text, "response_latency_ms", "histogram");
    each([&](const auto& outcome, const auto& labels) {
        outcome.duration.write(text, "response_latency_ms", kLinkerdBounds, labels);
    });
    write_authorizations(text, true);
    write_authorizations(text, false);
    const auto totals = [&](std::string_view name, std::string_view type, const auto& value) {
        type_line(text, name, type);
        for (const auto& [key, series] : connections_) {
            line(text, name, series->labels, std::to_string(value(*series)));
        }
    };
    totals("tcp_open_total", "counter", [](const auto& of) { return of.opened; });
    totals("tcp_close_total", "counter", [](const auto& of) { return of.closed; });
    totals("tcp_open_connections", "gauge", [](const auto& of) { return of.opened - of.closed; });
    totals("tcp_read_bytes_total", "counter", [](const auto& of) { return of.received; });
    totals("tcp_write_bytes_total", "counter", [](const auto& of) { return of.sent; });
    const auto* const own = rules_->workload(own_);
    if (const auto expiry = own == nullptr ? std::nullopt : rules_->expiry(own->account)) {
        type_line(text, "identity_cert_expiration_timestamp_seconds", "gauge");
        text += "identity_cert_expiration_timestamp_seconds " + std::to_string(*expiry) + "\n";
    }
}

} // namespace labctl::dataplane
