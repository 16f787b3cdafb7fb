#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/pod.h"
#include "labctl/dataplane/sidecar_cluster.h"
#include "labctl/dataplane/sidecar_metrics.h"
#include "labctl/dataplane/sidecar_mirrors.h"
#include "labctl/dataplane/sidecar_rules.h"
#include "labctl/dataplane/upstream_pool.h"
#include "mesh/istio/authorization.h"
#include "mesh/jwt/request_tokens.h"
#include "mesh/linkerd/decision.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// What an Istio sidecar's request goes by; `rules` keeps what the pointers lead to.
struct SidecarGiven {
    std::shared_ptr<const SidecarRules> rules;
    const mesh::SidecarService* called = nullptr;
    const mesh::istio::HttpRoute* route = nullptr; // null: only a DestinationRule
    mesh::istio::Destination to;                   // one of the route's
    const mesh::istio::HeaderOperations* to_headers = nullptr;
    bool http2 = false;     // what the client speaks
    std::string hash_key{}; // of a balancer that wants one
    std::string set_cookie{};
};

/// One pod's sidecar, in the child: what it goes by, its connections to others, and both directions
/// as HTTP proxies. Belongs to the loop's thread.
class SidecarPod {
public:
    SidecarPod(
        netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets);
    SidecarPod(const SidecarPod&) = delete;
    SidecarPod& operator=(const SidecarPod&) = delete;
    ~SidecarPod() = default;

    /// Requests that are under way go on; idle connections that are of no use any more are closed.
    void set_rules(std::shared_ptr<const SidecarRules> rules);
    [[nodiscard]] const std::shared_ptr<const SidecarRules>& rules() const { return rules_; }
    /// nullptr: the mesh does not know this pod (yet).
    [[nodiscard]] const mesh::SidecarWorkload* workload() const { return workload_; }

    [[nodiscard]] HttpProxy& outbound() { return outbound_; }
    [[nodiscard]] HttpProxy& inbound() { return inbound_; }
    [[nodiscard]] UpstreamPool& pool() { return pool_; }
    [[nodiscard]] std::size_t& connections() { return connections_; }
    [[nodiscard]] AccessLog& access_log() { return log_; }
    [[nodiscard]] SidecarMetrics& metrics() { return metrics_; }
    /// What the sidecar answers on a port of its own; nullopt: it is none of them.
    [[nodiscard]] std::optional<mesh::Response>
    admin_answer(std::uint16_t port, std::string_view path) const;
    [[nodiscard]] const ServedPod& served() const { return *pod_; }

    /// An endpoint for a connection or a request, and others for the case that it does not accept.
    struct Choice {
        std::vector<Upstream> candidates; // empty: there is none
        std::string story;                // which, for the log
        HttpProxy::Refusal refusal;       // why there is none
        std::shared_ptr<void> lease;      // to be kept while it is in use
        HttpTally* tally = nullptr;       // of requests that go there
    };
    /// The one with less to do of two that are drawn by lot (Envoy's LEAST_REQUEST), and at most
    /// two others.
    [[nodiscard]] Choice choose(const mesh::SidecarService& service);
    /// The same of a Service that has a DestinationRule for this pod, or of a subset: as the rule
    /// says, without those that are passed over, and if possible none of `tried`. At most one.
    [[nodiscard]] Choice choose_in(
        const SidecarTarget& target,
        const std::string& hash_key,
        const std::vector<netemu::Endpoint>& tried);
    /// A destination as this pod's rules know it; without Service if it is none. `called`: whom
    /// the client has called.
    [[nodiscard]] SidecarTarget target(
        const SidecarRules& rules,
        const mesh::istio::Destination& to,
        const mesh::SidecarService& called) const;
    [[nodiscard]] std::shared_ptr<SidecarCluster> cluster(const std::string& name);
    /// `http2`: what the client speaks.
    void mirror(const SidecarTarget& target, const mesh::Request& request, bool http2);
    /// By lot: so many millionths are true.
    [[nodiscard]] bool falls_within(std::uint32_t share);
    [[nodiscard]] std::chrono::milliseconds random_time(std::chrono::milliseconds below);
    void expire(netemu::Clock::time_point now);
    [[nodiscard]] bool must_expire() const { return pool_.has_idle() || !mirrors_.empty(); }

    /// The application, as the sidecar reaches it: with Istio from 127.0.0.6, which the pod's rules
    /// let pass, with Linkerd from the pod's own address.
    [[nodiscard]] Upstream application(const netemu::Endpoint& target) const;
    /// Whether the policies for this pod let bytes in that are no HTTP, and why (not).
    struct Verdict {
        bool allowed = true;
        std::string text;
        std::string note{}; // for the log: " [AUTHORIZATION]", of Linkerd
    };
    [[nodiscard]] Verdict authorize_bytes(const HttpClient& client) const;

    void log(const HttpClient& client, const std::string& what, int status, std::size_t body_bytes);

private:
    /// One direction; what both have in common.
    class Side : public HttpProxy {
    public:
        explicit Side(SidecarPod& owner) : owner_(owner) {}
        [[nodiscard]] Refusal failed(
            const UpstreamExchange::Failure& failure,
            const netemu::Endpoint& endpoint) const override;
        void
        log(const HttpClient& client,
            const std::string& what,
            int status,
            std::size_t body_bytes) override {
            owner_.log(client, what, status, body_bytes);
        }
        [[nodiscard]] Patience patience() const override;
        [[nodiscard]] UpstreamPool& pool() override { return owner_.pool_; }
        [[nodiscard]] std::size_t& connections() override { return owner_.connections_; }

    protected:
        ~Side() = default;

        SidecarPod& owner_; // NOLINT: its sides are it
    };
    class Outbound final : public Side {
    public:
        using Side::Side;
        [[nodiscard]] Decision
        decide(const mesh::Request& request, const HttpClient& client) override;
        [[nodiscard]] mesh::Response
        reply(const Refusal& refusal, const mesh::Request* request) const override;
        void edit_answer(mesh::Response& head, std::chrono::milliseconds took) const override;
    };
    class Inbound final : public Side {
    public:
        using Side::Side;
        [[nodiscard]] Decision
        decide(const mesh::Request& request, const HttpClient& client) override;
        [[nodiscard]] mesh::Response
        reply(const Refusal& refusal, const mesh::Request* request) const override;
        void edit_answer(mesh::Response& head, std::chrono::milliseconds took) const override;
    };

    void drop_clusters();
    [[nodiscard]] std::string_view own_namespace() const;
    [[nodiscard]] SidecarTarget
    target_in(const mesh::SidecarService& service, const std::string& subset) const;
    void remember(
        SidecarGiven& given,
        const SidecarTarget& target,
        const mesh::Request& head,
        const HttpClient& client);
    [[nodiscard]] Choice choose_for_bytes(const mesh::SidecarService& service);
    [[nodiscard]] std::size_t draw(std::size_t below);
    [[nodiscard]] std::size_t pick(
        const SidecarTarget& target,
        const std::vector<std::size_t>& among,
        const std::string& hash_key);
    [[nodiscard]] std::optional<Upstream>
    upstream_of(const SidecarTarget& target, const mesh::SidecarEndpoint& endpoint) const;
    [[nodiscard]] std::shared_ptr<void> occupy(const netemu::Endpoint& endpoint);
    /// sidecar_routing.cc: what a VirtualService or DestinationRule makes of a request.
    void route_as_istio(
        HttpProxy::Decision& decision,
        const mesh::SidecarService& service,
        const HttpClient& client);
    void take_route(
        HttpProxy::Decision& decision,
        const mesh::SidecarService& service,
        const mesh::istio::HttpRoute& route,
        const mesh::istio::RouteChoice& choice,
        const HttpClient& client);
    [[nodiscard]] mesh::istio::Decision
    ask_istio(const HttpClient& client, const mesh::istio::RequestFacts* request) const;
    [[nodiscard]] mesh::linkerd::Decision ask_linkerd(
        const HttpClient& client,
        mesh::linkerd::Speech speech,
        const mesh::linkerd::RequestFacts* request) const;
    void
    judge_as_istio(HttpProxy::Decision& decision, mesh::Request head, const HttpClient& client);
    void set_authentications(std::vector<mesh::istio::RequestAuthentication> all);
    void
    judge_as_linkerd(HttpProxy::Decision& decision, mesh::Request head, const HttpClient& client);

    netemu::EventLoop& loop_;
    std::shared_ptr<ServedPod> pod_;
    std::shared_ptr<const SidecarRules> rules_;
    std::string own_key_;                             // "NAMESPACE/NAME"
    const mesh::SidecarWorkload* workload_ = nullptr; // of rules_
    std::vector<mesh::istio::AuthorizationPolicy> policies_;
    std::vector<mesh::istio::RequestAuthentication> authentications_;
    std::unique_ptr<mesh::RequestTokens> tokens_; // null: there are no authentications_
    /// Requests and connections under way, by endpoint; leases share it.
    std::shared_ptr<std::map<netemu::Endpoint, std::size_t>> busy_;
    std::minstd_rand random_{std::random_device{}()};
    std::size_t connections_ = 0;
    AccessLog log_;
    SidecarMetrics metrics_;
    Outbound outbound_{*this};
    Inbound inbound_{*this};
    SidecarClusters clusters_;
    UpstreamPool pool_; // what it holds uses all others
    SidecarMirrors mirrors_{loop_, pool_};
};

} // namespace labctl::dataplane
