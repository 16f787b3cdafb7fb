#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/pod.h"
#include "labctl/dataplane/upstream_pool.h"
#include "netemu/base/event_loop.h"
#include "services/ingress.h"

namespace mesh {
class TlsIdentity;
class TlsServerConfig;
} // namespace mesh

namespace labctl::dataplane {

/// Endpoints that one request is tried at.
inline constexpr std::size_t kUpstreamTriesMax = 3;

/// What the controllers of one class answer from, as the child uses it.
struct IngressRules {
    services::IngressTable table;
    std::vector<std::shared_ptr<const mesh::TlsIdentity>>
        identities;                               // of its certificates; may be null
    std::shared_ptr<const mesh::TlsIdentity> own; // for names that none is for
    std::shared_ptr<const mesh::TlsServerConfig> tls;
};

/// One pod that is an Ingress controller, in the child: its rules, whose turn it is among the
/// endpoints of each backend, and its connections to them. What it answers by itself says why: 404,
/// 502, 503, 504. Belongs to the loop's thread.
class IngressPod final : public HttpProxy {
public:
    IngressPod(
        netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets);
    IngressPod(const IngressPod&) = delete;
    IngressPod& operator=(const IngressPod&) = delete;
    ~IngressPod();

    [[nodiscard]] ServedPod& served() { return *pod_; }
    [[nodiscard]] const std::shared_ptr<const IngressRules>& rules() const { return rules_; }
    /// Requests that have been routed go on; connections to endpoints that are none any more are
    /// closed when they are idle.
    void set_rules(std::shared_ptr<const IngressRules> rules);

    [[nodiscard]] Decision decide(const mesh::Request& request, const HttpClient& client) override;
    [[nodiscard]] Refusal failed(
        const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const override;
    [[nodiscard]] mesh::Response
    reply(const Refusal& refusal, const mesh::Request* request) const override;
    void log(const HttpClient& client, const std::string& what, int status, std::size_t body_bytes)
        override;
    [[nodiscard]] UpstreamPool& pool() override { return pool_; }
    [[nodiscard]] std::size_t& connections() override { return pod_->connections; }

private:
    /// The endpoints of a backend in the order in which they are to be tried: round robin, at most
    /// kUpstreamTriesMax.
    [[nodiscard]] std::vector<Upstream> turn(const services::IngressBackend& backend);

    std::shared_ptr<ServedPod> pod_;
    std::shared_ptr<const IngressRules> rules_;
    std::map<std::string, std::size_t> turns_; // by backend
    UpstreamPool pool_;
};

} // namespace labctl::dataplane
