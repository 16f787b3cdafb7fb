#include "labctl/dataplane/sidecar_metrics.h"

#include <algorithm>
#include <functional>

namespace labctl::dataplane {

namespace {

/// The entry of these labels, or of what is counted together when there are too many.
template <class Map>
auto& series_in(Map& all, std::string labels, std::string_view others) {
    if (all.size() >= kMetricSeriesMax && !all.contains(labels)) {
        labels = others;
    }
    return *all.try_emplace(std::move(labels)).first;
}

} // namespace

void SidecarMetrics::set_rules(std::shared_ptr<const SidecarRules> rules, std::string own) {
    rules_ = std::move(rules);
    own_ = std::move(own);
    dialect_ = rules_->of_linkerd() ? &linkerd_metrics() : &istio_metrics();
    to_endpoints_.clear();
    to_peers_.clear();
    from_clients_.clear();
}

RequestSeries* SidecarMetrics::requests_of(std::string labels) {
    auto& made = series_in(series_.requests, std::move(labels), dialect_->others());
    if (made.second == nullptr) {
        made.second = std::make_unique<RequestSeries>(made.first, dialect_->measures());
    }
    return made.second.get();
}

ConnectionSeries* SidecarMetrics::connections_of(std::string labels) {
    auto& made = series_in(series_.connections, std::move(labels), dialect_->others());
    if (made.second == nullptr) {
        made.second = std::make_unique<ConnectionSeries>();
        made.second->labels = made.first;
    }
    return made.second.get();
}

RequestSeries* SidecarMetrics::outbound(
    const mesh::SidecarService& service, const mesh::SidecarEndpoint* endpoint) {
    const auto find = [&](RequestSeries*& found) {
        if (found == nullptr) {
            found = requests_of(dialect_->outbound(view(), service, endpoint, true));
        }
        return found;
    };
    const auto& all = rules_->table().services;
    const std::less<> before;
    if (!all.empty() && !before(&service, all.data()) &&
        before(&service, all.data() + all.size())) {
        return find(to_endpoints_[{&service, endpoint}]);
    }
    // A Service that is none of the rules' own. Linkerd: a pod by its address, made for the
    // question.
    if (endpoint != nullptr && rules_->of_linkerd()) {
        return find(to_peers_[endpoint->address]);
    }
    // Else of rules that have changed.
    return requests_of(dialect_->outbound(view(), service, endpoint, true));
}

RequestSeries* SidecarMetrics::inbound(const HttpClient& client) {
    if (from_clients_.size() > 2 * kMetricSeriesMax) { // addresses of the world
        from_clients_.clear();
    }
    auto& found =
        from_clients_[{client.address.address, client.target.port, client.identity.has_value()}];
    if (found == nullptr) {
        found = requests_of(dialect_->inbound(view(), client, true));
    }
    return found;
}

ConnectionSeries* SidecarMetrics::outbound_bytes(
    const mesh::SidecarService& service, const netemu::Endpoint& endpoint) {
    const auto found =
        std::find_if(service.endpoints.begin(), service.endpoints.end(), [&](const auto& each) {
            return each.address == endpoint;
        });
    return connections_of(dialect_->outbound(
        view(), service, found == service.endpoints.end() ? nullptr : &*found, false));
}

ConnectionSeries* SidecarMetrics::inbound_bytes(const HttpClient& client) {
    return connections_of(dialect_->inbound(view(), client, false));
}

std::string SidecarMetrics::text() const {
    std::string text;
    dialect_->write(text, view(), series_);
    return text;
}

} // namespace labctl::dataplane
