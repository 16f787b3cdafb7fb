#include "labctl/dataplane/sidecar_pod.h"

#include <algorithm>
#include <array>
#include <utility>

#include "labctl/dataplane/request_id.h"
#include "labctl/dataplane/sidecar_answers.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/forward.h"
#include "mesh/http/normalize_path.h"

namespace labctl::dataplane {
namespace {

/// Istio's connectTimeout. It has no time limit for answers; nobody waits longer than this here.
constexpr std::chrono::seconds kSidecarConnectMax{10};
constexpr std::chrono::hours kSidecarAnswerMax{1};
constexpr std::size_t kSidecarTriesMax = 3; // Istio's default: two retries on connect-failure
constexpr std::size_t kSidecarLogTargetMax = 200;
constexpr std::size_t kSidecarLogHostMax = 255;
/// Istio's addresses of the inbound passthrough cluster.
constexpr std::string_view kInboundSource4 = "127.0.0.6";
constexpr std::string_view kInboundSource6 = "::6";

constexpr std::size_t kSniMax = 255;

constexpr std::string_view kCertificateField = "x-forwarded-client-cert";

std::string story_of(const mesh::Request& request) {
    return request.method + " " + mesh::request_authority(request).substr(0, kSidecarLogHostMax) +
           request.target.substr(0, kSidecarLogTargetMax);
}

void set_if_absent(mesh::Headers& headers, const char* name, const std::string& value) {
    if (!headers.has(name)) {
        headers.set(name, value);
    }
}

/// What a sidecar adds to every request. X-Forwarded-For stays as it is: that is the edge's.
mesh::Request sidecar_request(const mesh::Request& request) {
    auto head = mesh::pass_request(request);
    set_if_absent(head.headers, "x-forwarded-proto", "http");
    set_if_absent(head.headers, "x-request-id", make_request_id());
    head.headers.remove(kCertificateField); // only a sidecar's own word is believed
    return head;
}

void add_time(mesh::Response& head, std::chrono::milliseconds took) {
    head.headers.set("x-envoy-upstream-service-time", std::to_string(took.count()));
}

} // namespace

SidecarPod::SidecarPod(
    netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets)
    : pod_(std::move(pod)), busy_(std::make_shared<std::map<netemu::Endpoint, std::size_t>>()),
      pool_(loop, std::move(sockets)) {
    set_rules(SidecarRules::make({}, nullptr));
}

void SidecarPod::set_rules(std::shared_ptr<const SidecarRules> rules) {
    rules_ = std::move(rules);
    workload_ = rules_->workload(pod_->identity.key());
    policies_ = workload_ != nullptr ? rules_->policies(*workload_)
                                     : std::vector<mesh::istio::AuthorizationPolicy>();
    pool_.drop_idle_if([this](const Upstream& upstream) {
        return !upstream.source && !rules_->is_endpoint(upstream.endpoint);
    });
}

/// An endpoint that wants mutual TLS is not spoken to without it.
SidecarPod::Choice SidecarPod::choose(const mesh::SidecarService& service) {
    Choice choice;
    const auto count = service.endpoints.size();
    if (count == 0) {
        choice.refusal = {
            503, "UH: " + service.name + " has no ready endpoints", true, "no healthy upstream"};
        return choice;
    }
    std::shared_ptr<const mesh::TlsClientConfig> tls;
    if (workload_ != nullptr) {
        tls = rules_->client_tls(workload_->account, service);
    }
    std::array<std::size_t, kSidecarTriesMax> order{};
    const auto drawn = std::min(count, order.size());
    for (std::size_t i = 0; i < drawn; ++i) {
        std::uniform_int_distribution<std::size_t> lot(0, count - 1);
        const auto before = order.begin() + static_cast<std::ptrdiff_t>(i); // none of these again
        do {
            order[i] = lot(random_);
        } while (std::find(order.begin(), before, order[i]) != before);
    }
    const auto load = [&](std::size_t at) {
        const auto found = busy_->find(service.endpoints[order[at]].address);
        return found == busy_->end() ? 0 : found->second;
    };
    if (drawn > 1 && load(1) < load(0)) {
        std::swap(order[0], order[1]);
    }
    for (std::size_t i = 0; i < drawn; ++i) {
        const auto& endpoint = service.endpoints[order[i]];
        if (endpoint.mtls && !tls) {
            continue;
        }
        Upstream upstream{endpoint.address};
        if (endpoint.mtls) {
            upstream.tls = tls;
            upstream.server_name = service.sni.size() > kSniMax ? "" : service.sni;
        }
        if (choice.candidates.empty()) {
            order[0] = order[i];
        }
        choice.candidates.push_back(std::move(upstream));
    }
    if (choice.candidates.empty()) {
        choice.refusal = sidecar_without_certificate(service.name);
        return choice;
    }
    const auto& first = service.endpoints[order[0]];
    choice.story = service.name + (choice.candidates[0].tls ? " (mTLS)" : " (plaintext)") +
                   (first.pod.empty() ? "" : " " + first.pod);
    ++(*busy_)[first.address];
    choice.lease = std::shared_ptr<void>(nullptr, [busy = busy_, to = first.address](void*) {
        if (--(*busy)[to] == 0) {
            busy->erase(to);
        }
    });
    return choice;
}

Upstream SidecarPod::application(const netemu::Endpoint& target) {
    Upstream upstream{target};
    static const auto kSource4 = netemu::IpAddress::parse(kInboundSource4);
    static const auto kSource6 = netemu::IpAddress::parse(kInboundSource6);
    upstream.source = target.address.is_v4() ? kSource4 : kSource6;
    return upstream;
}

mesh::istio::Decision
SidecarPod::authorize(const HttpClient& client, const mesh::istio::RequestFacts* request) const {
    mesh::istio::ConnectionFacts facts;
    facts.peer_id = client.identity;
    facts.source = client.address.address;
    facts.destination = client.target;
    facts.sni = client.server_name;
    facts.trust_domain = rules_->table().trust_domain;
    return mesh::istio::decide(policies_, facts, request);
}

void SidecarPod::log(
    const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) {
    const Exchange exchange{pod_->identity, pod_->ready, client.port, client.address, {}};
    log_.add(access_log_line(exchange, what, status, body_bytes));
}

// --- what both directions have in common

HttpProxy::Refusal SidecarPod::Side::failed(
    const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const {
    return sidecar_failure(failure, endpoint);
}

HttpProxy::Patience SidecarPod::Side::patience() const {
    return {kSidecarConnectMax, kSidecarAnswerMax};
}

// --- outbound

HttpProxy::Decision
SidecarPod::Outbound::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    decision.story = "outbound " + story_of(request);
    decision.head = sidecar_request(request);
    if (auto refusal = sidecar_tunnel_refusal(decision.head)) {
        decision.refusal = *std::move(refusal);
        return decision;
    }
    const auto* service = owner_.rules_->service(client.target);
    if (service == nullptr) {
        decision.refusal = {503, "NC: the Service at " + client.target.to_string() + " is gone"};
        return decision;
    }
    auto choice = owner_.choose(*service);
    if (choice.candidates.empty()) {
        decision.story += " -> " + service->name;
        decision.refusal = std::move(choice.refusal);
        return decision;
    }
    decision.story += " -> " + choice.story;
    decision.candidates = std::move(choice.candidates);
    decision.lease = std::move(choice.lease);
    return decision;
}

mesh::Response
SidecarPod::Outbound::reply(const Refusal& refusal, const mesh::Request* request) const {
    return sidecar_reply("envoy", refusal, request);
}

void SidecarPod::Outbound::edit_answer(mesh::Response& head, std::chrono::milliseconds took) const {
    head.headers.set("server", "envoy");
    add_time(head, took);
}

// --- inbound

HttpProxy::Decision
SidecarPod::Inbound::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    decision.story = "inbound " + story_of(request);
    decision.story += client.identity ? " by " + *client.identity : " by nobody known (plaintext)";
    auto head = sidecar_request(request);
    if (auto refusal = sidecar_tunnel_refusal(head)) {
        decision.refusal = *std::move(refusal);
        return decision;
    }
    const auto path = mesh::normalize_path(head.target);
    if (!path) {
        decision.refusal = {400, "the path is none"};
        return decision;
    }
    // What is judged is what the application gets.
    head.target = *path;
    if (!client.certificate.empty()) {
        head.headers.set(std::string(kCertificateField), client.certificate);
    }
    const mesh::istio::RequestFacts facts{
        request.method,
        std::string_view(*path).substr(0, path->find('?')),
        head.headers.get("host"),
        &head.headers};
    const auto verdict = owner_.authorize(client, &facts);
    for (const auto& told : verdict.audited) {
        decision.story += " [audit: " + told + "]";
    }
    for (const auto& told : verdict.dry_runs) {
        decision.story += " [dry-run: " + told + "]";
    }
    if (!verdict.allowed) {
        decision.refusal = {403, verdict.text, true, "RBAC: access denied"};
        return decision;
    }
    decision.candidates = {application(client.target)};
    decision.head = std::move(head);
    return decision;
}

mesh::Response
SidecarPod::Inbound::reply(const Refusal& refusal, const mesh::Request* request) const {
    return sidecar_reply("istio-envoy", refusal, request);
}

void SidecarPod::Inbound::edit_answer(mesh::Response& head, std::chrono::milliseconds took) const {
    head.headers.set("server", "istio-envoy");
    add_time(head, took);
}

} // namespace labctl::dataplane
