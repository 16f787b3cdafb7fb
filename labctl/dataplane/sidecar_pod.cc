#include "labctl/dataplane/sidecar_pod.h"

#include <algorithm>
#include <array>
#include <utility>

#include "labctl/dataplane/linkerd_answers.h"
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
constexpr std::string_view kClientIdField = "l5d-client-id";

std::string story_of(const mesh::Request& request) {
    return request.method + " " + mesh::request_authority(request).substr(0, kSidecarLogHostMax) +
           request.target.substr(0, kSidecarLogTargetMax);
}

void set_if_absent(mesh::Headers& headers, const char* name, const std::string& value) {
    if (!headers.has(name)) {
        headers.set(name, value);
    }
}

/// What a sidecar of Istio adds to every request. X-Forwarded-For stays as it is: that is the
/// edge's.
mesh::Request sidecar_request(const mesh::Request& request) {
    auto head = mesh::pass_request(request);
    set_if_absent(head.headers, "x-forwarded-proto", "http");
    set_if_absent(head.headers, "x-request-id", make_request_id());
    head.headers.remove(kCertificateField); // only a sidecar's own word is believed
    return head;
}

/// Linkerd's says whom its client is, and takes nobody else's word for it.
mesh::Request linkerd_request(const mesh::Request& request) {
    auto head = mesh::pass_request(request);
    head.headers.remove(kClientIdField);
    return head;
}

/// By what it is let in.
std::string linkerd_note(const mesh::linkerd::Decision& verdict) {
    return verdict.allowed ? (verdict.audit ? " [audit: " : " [") + verdict.authorization + "]"
                           : std::string();
}

void add_time(mesh::Response& head, std::chrono::milliseconds took) {
    head.headers.set("x-envoy-upstream-service-time", std::to_string(took.count()));
}

} // namespace

SidecarPod::SidecarPod(
    netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets)
    : loop_(loop), pod_(std::move(pod)),
      busy_(std::make_shared<std::map<netemu::Endpoint, std::size_t>>()),
      pool_(loop, std::move(sockets)) {
    set_rules(SidecarRules::make({}, nullptr));
}

void SidecarPod::set_rules(std::shared_ptr<const SidecarRules> rules) {
    rules_ = std::move(rules);
    own_key_ = pod_->identity.key();
    workload_ = rules_->workload(own_key_);
    metrics_.set_rules(rules_, own_key_);
    policies_ = workload_ != nullptr ? rules_->policies(*workload_)
                                     : std::vector<mesh::istio::AuthorizationPolicy>();
    set_authentications(
        workload_ != nullptr ? mesh::request_authentications(rules_->table(), *workload_)
                             : std::vector<mesh::istio::RequestAuthentication>());
    drop_clusters();
    pool_.drop_idle_if([this](const Upstream& upstream) {
        return !upstream.source && !rules_->is_endpoint(upstream.endpoint);
    });
}

/// Tokens that have been verified stay so while nobody changes what they are verified with.
void SidecarPod::set_authentications(std::vector<mesh::istio::RequestAuthentication> all) {
    if (all != authentications_) {
        authentications_ = std::move(all);
        tokens_ = authentications_.empty()
                      ? nullptr
                      : std::make_unique<mesh::RequestTokens>(authentications_);
    }
}

/// An endpoint that wants mutual TLS is not spoken to without it.
SidecarPod::Choice SidecarPod::choose(const mesh::SidecarService& service) {
    if (!service.rules.empty()) {
        return choose_for_bytes(service); // requests are routed
    }
    Choice choice;
    const auto count = service.endpoints.size();
    if (count == 0) {
        choice.tally = metrics_.outbound(service, nullptr);
        choice.refusal = rules_->of_linkerd()
                             ? linkerd_without_endpoints(service.name)
                             : HttpProxy::Refusal{
                                   503,
                                   "UH: " + service.name + " has no ready endpoints",
                                   true,
                                   "no healthy upstream"};
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
        // Linkerd's proxies speak plaintext to their own pod (reference 2).
        const bool own = rules_->of_linkerd() && endpoint.pod == pod_->identity.key();
        const bool mtls = endpoint.mtls && !own;
        if (mtls && !tls) {
            continue;
        }
        Upstream upstream{endpoint.address};
        if (mtls) {
            const auto& name = endpoint.server_name.empty() ? service.sni : endpoint.server_name;
            upstream.tls = tls;
            upstream.server_name = name.size() > kSniMax ? "" : name;
        }
        if (choice.candidates.empty()) {
            order[0] = order[i];
        }
        choice.candidates.push_back(std::move(upstream));
    }
    if (choice.candidates.empty()) {
        choice.tally = metrics_.outbound(service, nullptr);
        choice.refusal = rules_->of_linkerd() ? linkerd_without_certificate(service.name)
                                              : sidecar_without_certificate(service.name);
        return choice;
    }
    const auto& first = service.endpoints[order[0]];
    choice.story = service.name + (choice.candidates[0].tls ? " (mTLS)" : " (plaintext)") +
                   (first.pod.empty() ? "" : " " + first.pod);
    choice.lease = occupy(first.address);
    choice.tally = metrics_.outbound(service, &first);
    return choice;
}

std::shared_ptr<void> SidecarPod::occupy(const netemu::Endpoint& endpoint) {
    ++(*busy_)[endpoint];
    return {nullptr, [busy = busy_, endpoint](void*) {
                if (--(*busy)[endpoint] == 0) {
                    busy->erase(endpoint);
                }
            }};
}

Upstream SidecarPod::application(const netemu::Endpoint& target) const {
    Upstream upstream{target};
    if (rules_->of_linkerd()) {
        return upstream;
    }
    static const auto kSource4 = netemu::IpAddress::parse(kInboundSource4);
    static const auto kSource6 = netemu::IpAddress::parse(kInboundSource6);
    upstream.source = target.address.is_v4() ? kSource4 : kSource6;
    return upstream;
}

SidecarPod::Verdict SidecarPod::authorize_bytes(const HttpClient& client) const {
    if (!rules_->of_linkerd()) {
        auto verdict = ask_istio(client, nullptr);
        return {verdict.allowed, std::move(verdict.text)};
    }
    auto verdict = ask_linkerd(client, mesh::linkerd::Speech::Tcp, nullptr);
    return {verdict.allowed, std::move(verdict.text), linkerd_note(verdict)};
}

mesh::linkerd::Decision SidecarPod::ask_linkerd(
    const HttpClient& client,
    mesh::linkerd::Speech speech,
    const mesh::linkerd::RequestFacts* request) const {
    if (workload_ == nullptr) {
        return {
            false,
            mesh::linkerd::Why::NotAuthorized,
            403,
            {},
            {},
            false,
            "the mesh does not know this pod any more"};
    }
    const mesh::linkerd::ConnectionFacts facts{client.tls, client.identity, client.address.address};
    const auto& server = mesh::inbound_server(rules_->table(), *workload_, client.target.port);
    return mesh::linkerd::decide(server, facts, speech, request);
}

mesh::istio::Decision
SidecarPod::ask_istio(const HttpClient& client, const mesh::istio::RequestFacts* request) const {
    mesh::istio::ConnectionFacts facts;
    facts.peer_id = client.identity;
    facts.source = client.address.address;
    facts.destination = client.target;
    facts.sni = client.server_name;
    facts.trust_domain = rules_->table().trust_domain;
    return mesh::istio::decide(policies_, facts, request);
}

std::optional<mesh::Response>
SidecarPod::admin_answer(std::uint16_t port, std::string_view path) const {
    const auto ports = mesh::sidecar_admin_ports(rules_->table().mesh);
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) {
        return std::nullopt;
    }
    mesh::Response response;
    response.headers = {{"content-type", "text/plain; version=0.0.4"}};
    const bool linkerd = rules_->of_linkerd();
    const bool status = port != mesh::kSidecarMetricsPort;
    if (path == (linkerd ? "/metrics" : "/stats/prometheus")) {
        response.body = metrics_.text();
    } else if (linkerd && path == "/live") {
        response.body = "live\n";
    } else if (status && path == (linkerd ? "/ready" : "/healthz/ready")) {
        constexpr int kUnavailable = 503;
        response.status = workload_ == nullptr ? kUnavailable : response.status;
        response.body = workload_ == nullptr ? "not ready\n" : "ready\n";
    } else {
        constexpr int kNotFound = 404;
        response.status = kNotFound;
        response.body = "404\n";
    }
    return response;
}

void SidecarPod::log(
    const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) {
    const Exchange exchange{pod_->identity, pod_->ready, client.port, client.address, {}};
    log_.add(access_log_line(exchange, what, status, body_bytes));
}

// --- what both directions have in common

HttpProxy::Refusal SidecarPod::Side::failed(
    const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const {
    return owner_.rules_->of_linkerd() ? linkerd_failure(failure, endpoint)
                                       : sidecar_failure(failure, endpoint);
}

HttpProxy::Patience SidecarPod::Side::patience() const {
    return {kSidecarConnectMax, kSidecarAnswerMax};
}

// --- outbound

HttpProxy::Decision
SidecarPod::Outbound::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    decision.story = "outbound " + story_of(request);
    decision.head =
        owner_.rules_->of_linkerd() ? linkerd_request(request) : sidecar_request(request);
    if (auto refusal = sidecar_tunnel_refusal(decision.head)) {
        decision.refusal = *std::move(refusal);
        return decision;
    }
    const auto* service = owner_.rules_->service(client.target);
    if (service == nullptr) {
        decision.refusal = {503, "NC: the Service at " + client.target.to_string() + " is gone"};
        return decision;
    }
    const bool has_rules = !service->virtual_services.empty() || !service->rules.empty();
    const bool http2 = client.http2 || service->http2;
    // Of what Istio tries again without being told to, refused connections are left to the
    // exchange; the rest comes to pass in HTTP/2 only (reference 6.2).
    if (has_rules || (http2 && !owner_.rules_->of_linkerd())) {
        decision.tally = owner_.metrics_.outbound(*service, nullptr);
        owner_.route_as_istio(decision, *service, client);
        return decision;
    }
    auto choice = owner_.choose(*service);
    decision.tally = choice.tally;
    if (choice.candidates.empty()) {
        decision.story += " -> " + service->name;
        decision.refusal = std::move(choice.refusal);
        return decision;
    }
    decision.story += " -> " + choice.story;
    decision.candidates = std::move(choice.candidates);
    // Istio and Linkerd keep to what the client speaks (reference 2), unless the port says HTTP/2.
    speak_http2(decision.candidates, http2);
    decision.lease = std::move(choice.lease);
    return decision;
}

mesh::Response
SidecarPod::Outbound::reply(const Refusal& refusal, const mesh::Request* request) const {
    return owner_.rules_->of_linkerd() ? linkerd_reply(refusal, request)
                                       : sidecar_reply("envoy", refusal, request);
}

void SidecarPod::Outbound::edit_answer(mesh::Response& head, std::chrono::milliseconds took) const {
    if (owner_.rules_->of_linkerd()) {
        return;
    }
    head.headers.set("server", "envoy");
    add_time(head, took);
}

// --- inbound

HttpProxy::Decision
SidecarPod::Inbound::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    decision.story = "inbound " + story_of(request);
    decision.story += client.identity ? " by " + *client.identity : " by nobody known (plaintext)";
    decision.tally = client.tally;
    const bool linkerd = owner_.rules_->of_linkerd();
    auto head = linkerd ? linkerd_request(request) : sidecar_request(request);
    if (auto refusal = sidecar_tunnel_refusal(head)) {
        decision.refusal = *std::move(refusal);
    } else if (linkerd) {
        owner_.judge_as_linkerd(decision, std::move(head), client);
    } else {
        owner_.judge_as_istio(decision, std::move(head), client);
    }
    speak_http2(decision.candidates, client.http2);
    return decision;
}

void SidecarPod::judge_as_istio(
    HttpProxy::Decision& decision, mesh::Request head, const HttpClient& client) {
    const auto path = mesh::normalize_path(head.target);
    if (!path) {
        decision.refusal = {400, "the path is none"};
        return;
    }
    // What is judged is what the application gets.
    head.target = *path;
    if (!client.certificate.empty()) {
        head.headers.set(std::string(kCertificateField), client.certificate);
    }
    mesh::TokenVerdict tokens;
    if (tokens_) {
        auto challenge = mesh::token_challenge(head);
        tokens = tokens_->check(head, std::chrono::system_clock::now());
        if (!tokens.passes()) {
            decision.refusal = {
                tokens.http_status(),
                tokens.story(),
                true,
                std::string(mesh::jwt_status_text(tokens.status)),
                {{"www-authenticate", std::move(challenge)}}};
            return;
        }
    }
    const mesh::istio::RequestFacts facts{
        head.method,
        std::string_view(*path).substr(0, path->find('?')),
        head.headers.get("host"),
        &head.headers,
        tokens.token ? &tokens.token->claims : nullptr};
    const auto verdict = ask_istio(client, &facts);
    for (const auto& told : verdict.audited) {
        decision.story += " [audit: " + told + "]";
    }
    for (const auto& told : verdict.dry_runs) {
        decision.story += " [dry-run: " + told + "]";
    }
    if (!verdict.allowed) {
        decision.refusal = {403, verdict.text, true, "RBAC: access denied"};
        return;
    }
    decision.candidates = {application(client.target)};
    decision.head = std::move(head);
}

/// The path is judged as it came: Linkerd makes nothing of it, and passes it on so.
void SidecarPod::judge_as_linkerd(
    HttpProxy::Decision& decision, mesh::Request head, const HttpClient& client) {
    const mesh::linkerd::RequestFacts facts{
        head.method, head.path(), head.query(), head.headers.get("host"), &head.headers};
    using mesh::linkerd::Speech;
    const auto verdict = ask_linkerd(client, client.http2 ? Speech::Http2 : Speech::Http1, &facts);
    metrics_.inbound(client)->authorize(verdict.allowed, verdict.authorization);
    if (!verdict.allowed) {
        // Whoever is not meshed is not told.
        const char* told = !client.tls ? ""
                           : verdict.why == mesh::linkerd::Why::NoRoute
                               ? "no route found for request"
                               : "unauthorized request on route";
        constexpr int kMisdirected = 502; // what is spoken is not what the Server says
        decision.refusal = {
            verdict.status == 0 ? kMisdirected : verdict.status, verdict.text, true, told};
        return;
    }
    decision.story += linkerd_note(verdict);
    if (client.identity) {
        head.headers.set(std::string(kClientIdField), *client.identity);
        decision.answer_fields = {
            {std::string(kIdentityField), rules_->own_id(workload_->account)},
            {std::string(kClientIdentityField), *client.identity}};
    }
    decision.candidates = {application(client.target)};
    decision.head = std::move(head);
}

mesh::Response
SidecarPod::Inbound::reply(const Refusal& refusal, const mesh::Request* request) const {
    return owner_.rules_->of_linkerd() ? linkerd_reply(refusal, request)
                                       : sidecar_reply("istio-envoy", refusal, request);
}

void SidecarPod::Inbound::edit_answer(mesh::Response& head, std::chrono::milliseconds took) const {
    if (owner_.rules_->of_linkerd()) {
        if (head.headers.has(kBackendField)) {
            head.headers.remove(kIdentityField);
            head.headers.remove(kClientIdentityField); // its word is not ours
        }
        return;
    }
    head.headers.set("server", "istio-envoy");
    add_time(head, took);
}

} // namespace labctl::dataplane
