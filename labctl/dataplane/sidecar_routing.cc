/// SidecarPod: where VirtualServices and DestinationRules lead requests.
#include <algorithm>
#include <set>
#include <utility>

#include "labctl/dataplane/sidecar_answers.h"
#include "labctl/dataplane/sidecar_course.h"
#include "labctl/dataplane/sidecar_pod.h"
#include "mesh/http/forward.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kRouteSniMax = 255;

HttpProxy::Refusal nobody_is_well(const std::string& cluster) {
    return {503, "UH: " + cluster + " has no ready endpoints", true, "no healthy upstream"};
}

/// What a client is told at once: where to go, or a text.
HttpProxy::Refusal told_at_once(const mesh::istio::HttpRoute& route, const mesh::Request& head) {
    if (route.redirect) {
        const auto& redirect = *route.redirect;
        return {
            redirect.status,
            "redirect",
            true,
            "",
            {{"location",
              mesh::istio::redirect_location(redirect, head.headers.get("host"), head.target)}}};
    }
    return {route.direct->status, "direct_response", true, route.direct->body};
}

std::string route_story(const mesh::istio::VirtualService& service, std::size_t route) {
    const auto& name = service.http[route].name;
    return " [" + service.ns + "/" + service.name + " http[" + std::to_string(route) + "]" +
           (name.empty() ? "" : " " + name) + "]";
}

void change_request(
    mesh::Request& head,
    const mesh::istio::HttpRoute& route,
    const mesh::istio::RouteChoice& choice,
    const mesh::istio::HeaderOperations& of_destination) {
    const std::string authority(head.headers.get("host"));
    auto changed = mesh::istio::rewritten_target(route, choice, head.target);
    if (changed != head.target) {
        head.headers.set("x-envoy-original-path", head.target);
        head.target = std::move(changed);
    }
    auto host = route.rewrite ? route.rewrite->authority : std::string();
    for (const auto* edits : {&of_destination.request, &route.headers.request}) {
        mesh::istio::edit_headers(head.headers, *edits);
        if (host.empty()) {
            host = mesh::istio::set_authority(*edits);
        }
    }
    if (!host.empty() && mesh::is_authority(host)) {
        head.headers.set("host", host);
    }
}

/// Clusters that a DestinationRule says something about.
std::set<std::string> ruled_clusters(const mesh::SidecarTable& table) {
    std::set<std::string> names;
    for (const auto& service : table.services) {
        for (const auto& rule : service.rules) {
            names.insert(service.name);
            for (const auto& subset : rule.subsets) {
                names.insert(mesh::cluster_name(
                    mesh::service_host(service.name),
                    mesh::service_port(service.name),
                    subset.name));
            }
        }
    }
    return names;
}

} // namespace

void SidecarPod::drop_clusters() {
    if (clusters_.empty()) {
        return;
    }
    const auto names = ruled_clusters(rules_->table());
    std::erase_if(clusters_, [&names](const auto& entry) {
        return entry.second.use_count() == 1 && !names.contains(entry.first);
    });
}

std::string_view SidecarPod::own_namespace() const {
    const std::string_view key = workload_ == nullptr ? std::string_view() : own_key_;
    return key.substr(0, key.find('/'));
}

std::size_t SidecarPod::draw(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
}

bool SidecarPod::falls_within(std::uint32_t share) {
    return share > 0 &&
           (share >= mesh::istio::kEveryRequest || draw(mesh::istio::kEveryRequest) < share);
}

std::chrono::milliseconds SidecarPod::random_time(std::chrono::milliseconds below) {
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(below.count(), 1));
    return std::chrono::milliseconds(draw(count));
}

std::shared_ptr<SidecarCluster> SidecarPod::cluster(const std::string& name) {
    auto& found = clusters_[name];
    if (!found) {
        found = std::make_shared<SidecarCluster>(loop_);
    }
    return found;
}

SidecarTarget
SidecarPod::target_in(const mesh::SidecarService& service, const std::string& subset) const {
    SidecarTarget target{&service, nullptr, {}, service.name};
    const auto* rule = mesh::destination_rule_for(service, own_namespace());
    if (rule != nullptr) {
        target.policy = rule->policy;
    }
    if (subset.empty()) {
        return target;
    }
    target.name = mesh::cluster_name(
        mesh::service_host(service.name), mesh::service_port(service.name), subset);
    const auto* const found = rule == nullptr
                                  ? nullptr
                                  : std::find_if(
                                        rule->subsets.data(),
                                        rule->subsets.data() + rule->subsets.size(),
                                        [&](const auto& each) { return each.name == subset; });
    if (found == nullptr || found == rule->subsets.data() + rule->subsets.size()) {
        target.service = nullptr;
        return target;
    }
    target.subset = found;
    target.policy = found->policy;
    return target;
}

SidecarTarget SidecarPod::target(
    const SidecarRules& rules,
    const mesh::istio::Destination& to,
    const mesh::SidecarService& called) const {
    const auto port = to.port == 0 ? mesh::service_port(called.name) : to.port;
    const auto name = mesh::cluster_name(to.host, port, "");
    // Of a headless Service there are several of one name: the pod that is called is meant.
    const auto* service = name == called.name ? &called : rules.cluster(name);
    return service == nullptr ? SidecarTarget{} : target_in(*service, to.subset);
}

// --- a request

void SidecarPod::route_as_istio(
    HttpProxy::Decision& decision, const mesh::SidecarService& service, const HttpClient& client) {
    const auto* routes = mesh::virtual_service_for(rules_->table(), service, own_namespace());
    if (routes == nullptr) {
        auto target = target_in(service, "");
        SidecarCourse::Given given{rules_, &service, nullptr, {}, nullptr, client.http2, {}, {}};
        remember(given, target, decision.head, client);
        decision.course =
            std::make_shared<SidecarCourse>(*this, std::move(given), std::move(target));
        return;
    }
    const auto& head = decision.head;
    const auto choice = mesh::istio::choose_route(
        routes->http,
        {head.method,
         head.target,
         head.headers.get("host"),
         &head.headers,
         mesh::service_port(service.name),
         workload_ == nullptr ? nullptr : &workload_->labels,
         own_namespace()});
    if (!choice) {
        decision.story += " [" + routes->ns + "/" + routes->name + "]";
        decision.refusal = {404, "NR: no route of it matches", true};
        return;
    }
    decision.story += route_story(*routes, choice->route);
    take_route(decision, service, routes->http[choice->route], *choice, client);
}

void SidecarPod::take_route(
    HttpProxy::Decision& decision,
    const mesh::SidecarService& service,
    const mesh::istio::HttpRoute& route,
    const mesh::istio::RouteChoice& choice,
    const HttpClient& client) {
    if (route.redirect || route.direct) {
        decision.refusal = told_at_once(route, decision.head);
        mesh::Headers fields;
        for (const auto& field : decision.refusal.fields) {
            fields.add(field.name, field.value);
        }
        mesh::istio::edit_headers(fields, route.headers.response);
        decision.refusal.fields = fields.fields();
        return;
    }
    const auto sum = mesh::istio::weight_sum(route);
    if (sum == 0) {
        decision.refusal = {404, "NR: the route leads nowhere", true};
        return;
    }
    const auto lot = static_cast<std::uint32_t>(draw(sum));
    const auto& destination = route.to[mesh::istio::weighted_choice(route, lot)];
    auto target = this->target(*rules_, destination.to, service);
    SidecarCourse::Given given{
        rules_, &service, &route, destination.to, &destination.headers, client.http2, {}, {}};
    change_request(decision.head, route, choice, destination.headers);
    if (target.service != nullptr) {
        remember(given, target, decision.head, client);
    }
    decision.course = std::make_shared<SidecarCourse>(*this, std::move(given), std::move(target));
}

/// By what a request is known that shall come to the endpoint of the one before.
void SidecarPod::remember(
    SidecarCourse::Given& given,
    const SidecarTarget& target,
    const mesh::Request& head,
    const HttpClient& client) {
    const auto& balancing = target.policy.balancing;
    if (!balancing || balancing->how != mesh::istio::Balancer::Hash) {
        return;
    }
    using Of = mesh::istio::HashKey::Of;
    const auto& key = balancing->key;
    switch (key.of) {
    case Of::Header:
        given.hash_key = head.headers.get(key.name);
        return;
    case Of::Query:
        given.hash_key = mesh::query_parameter(head.query(), key.name).value_or("");
        return;
    case Of::SourceIp:
        given.hash_key = client.address.address.to_string();
        return;
    case Of::Cookie:
        break;
    }
    given.hash_key = mesh::cookie_value(head.headers, key.name);
    if (given.hash_key.empty() && key.ttl) {
        constexpr std::size_t kAnyNumber = 1U << 30U;
        given.hash_key = std::to_string(draw(kAnyNumber)) + std::to_string(draw(kAnyNumber));
        given.set_cookie =
            key.name + "=" + given.hash_key +
            (key.ttl->count() > 0 ? "; Max-Age=" + std::to_string(key.ttl->count()) : "") +
            (key.path.empty() ? "" : "; Path=" + key.path) + "; HttpOnly";
    }
}

void SidecarPod::mirror(const SidecarTarget& target, const mesh::Request& request, bool http2) {
    auto choice = choose_in(target, "", {});
    if (!choice.candidates.empty()) {
        speak_http2(choice.candidates, http2 || target.service->http2);
        mirrors_.send(std::move(choice.candidates), request);
    }
}

void SidecarPod::expire(netemu::Clock::time_point now) {
    pool_.expire(now);
    mirrors_.expire(now);
}

// --- an endpoint

/// For bytes: they do not wait.
SidecarPod::Choice SidecarPod::choose_for_bytes(const mesh::SidecarService& service) {
    const auto target = target_in(service, "");
    const auto known = cluster(target.name);
    const auto limits = target.policy.pool.value_or(mesh::istio::ConnectionPool{});
    if (known->admit(limits) != SidecarCluster::Admission::Now) {
        Choice none;
        none.refusal = {503, "UO: " + target.name + " has as many connections as it may have"};
        return none;
    }
    auto choice = choose_in(target, "", {});
    struct Leases {
        std::shared_ptr<void> endpoint, cluster;
    };
    choice.lease = std::make_shared<Leases>(Leases{std::move(choice.lease), known->begin()});
    return choice;
}

std::optional<Upstream>
SidecarPod::upstream_of(const SidecarTarget& target, const mesh::SidecarEndpoint& endpoint) const {
    using mesh::istio::ClientTls;
    const auto mode = target.policy.tls.value_or(ClientTls::Auto);
    const bool mtls =
        mode == ClientTls::IstioMutual || (mode != ClientTls::Disable && endpoint.mtls);
    Upstream upstream{endpoint.address};
    if (!mtls) {
        return upstream;
    }
    if (workload_ != nullptr) {
        upstream.tls = rules_->client_tls(workload_->account, *target.service);
    }
    if (!upstream.tls) {
        return std::nullopt;
    }
    const auto& name = target.service->sni;
    upstream.server_name = name.size() > kRouteSniMax ? "" : name;
    return upstream;
}

std::size_t SidecarPod::pick(
    const SidecarTarget& target,
    const std::vector<std::size_t>& among,
    const std::string& hash_key) {
    using mesh::istio::Balancer;
    const auto how =
        target.policy.balancing ? target.policy.balancing->how : Balancer::LeastRequest;
    if (how == Balancer::RoundRobin) {
        return among[cluster(target.name)->turn++ % among.size()];
    }
    if (how == Balancer::Hash && !hash_key.empty()) {
        std::vector<std::string> names;
        names.reserve(among.size());
        for (const auto place : among) {
            names.push_back(target.endpoint(place).address.to_string());
        }
        return among[mesh::istio::owner_of_key(hash_key, names)];
    }
    const auto first = draw(among.size());
    if (how != Balancer::LeastRequest || among.size() == 1) {
        return among[first];
    }
    auto second = draw(among.size() - 1);
    second += second >= first ? 1 : 0;
    const auto load = [&](std::size_t at) {
        const auto found = busy_->find(target.endpoint(among[at]).address);
        return found == busy_->end() ? 0 : found->second;
    };
    return among[load(second) < load(first) ? second : first];
}

SidecarPod::Choice SidecarPod::choose_in(
    const SidecarTarget& target,
    const std::string& hash_key,
    const std::vector<netemu::Endpoint>& tried) {
    const auto now = netemu::Clock::now();
    const auto& outliers = cluster(target.name)->outliers;
    const auto min_health = target.policy.outliers ? target.policy.outliers->min_health_percent : 0;
    constexpr std::size_t kPercent = 100;
    std::vector<std::size_t> well;
    std::vector<std::size_t> fresh; // and not tried
    for (std::size_t i = 0; i < target.size(); ++i) {
        const auto& address = target.endpoint(i).address;
        if (target.policy.outliers && outliers.is_ejected(address.to_string(), now)) {
            continue;
        }
        well.push_back(i);
        if (std::find(tried.begin(), tried.end(), address) == tried.end()) {
            fresh.push_back(i);
        }
    }
    if (min_health > 0 && well.size() * kPercent < target.size() * min_health) {
        well.resize(target.size()); // too few are left: all of them, then
        for (std::size_t i = 0; i < well.size(); ++i) {
            well[i] = i;
        }
    }
    Choice choice;
    if (well.empty()) {
        choice.tally = metrics_.outbound(*target.service, nullptr);
        choice.refusal = nobody_is_well(target.name);
        return choice;
    }
    const auto& endpoint = target.endpoint(pick(target, fresh.empty() ? well : fresh, hash_key));
    auto upstream = upstream_of(target, endpoint);
    choice.tally = metrics_.outbound(*target.service, &endpoint);
    if (!upstream) {
        choice.refusal = sidecar_without_certificate(target.name);
        return choice;
    }
    choice.story = target.name + (upstream->tls ? " (mTLS)" : " (plaintext)") +
                   (endpoint.pod.empty() ? "" : " " + endpoint.pod);
    choice.candidates = {*std::move(upstream)};
    choice.lease = occupy(endpoint.address);
    return choice;
}

} // namespace labctl::dataplane
