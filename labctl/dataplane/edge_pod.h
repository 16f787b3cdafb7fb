#pragma once

#include <cstddef>
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
class TlsServerConfig;
} // namespace mesh

namespace labctl::dataplane {

/// Endpoints that one request is tried at.
inline constexpr std::size_t kUpstreamTriesMax = 3;

/// One pod at the edge of the cluster, in the child: what an Ingress controller and a Gateway have
/// in common. It knows whose turn it is among the endpoints of each backend, and has the
/// connections to them. What it answers by itself says why: 404, 502, 503, 504. Belongs to the
/// loop's thread.
class EdgePod : public HttpProxy {
public:
    EdgePod(
        netemu::EventLoop& loop,
        std::shared_ptr<ServedPod> pod,
        UpstreamPool::Sockets sockets,
        const char* server);
    EdgePod(const EdgePod&) = delete;
    EdgePod& operator=(const EdgePod&) = delete;
    virtual ~EdgePod();

    [[nodiscard]] ServedPod& served() { return *pod_; }
    /// What TLS clients of that port are served with.
    [[nodiscard]] virtual std::shared_ptr<const mesh::TlsServerConfig>
    tls(std::uint16_t port) const = 0;
    /// Whether clients without TLS may begin with HTTP/2 (RFC 9113 section 3.3).
    [[nodiscard]] virtual bool takes_h2c() const = 0;
    /// To be called once a second or so, as long as `busy` or with connections.
    virtual void expire(netemu::Clock::time_point now) { pool_.expire(now); }
    [[nodiscard]] virtual bool busy() const { return pool_.has_idle(); }

    [[nodiscard]] Refusal failed(
        const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const override;
    [[nodiscard]] mesh::Response
    reply(const Refusal& refusal, const mesh::Request* request) const override;
    void log(const HttpClient& client, const std::string& what, int status, std::size_t body_bytes)
        override;
    [[nodiscard]] UpstreamPool& pool() override { return pool_; }
    [[nodiscard]] std::size_t& connections() override { return pod_->connections; }

    /// The endpoints of a backend in the order in which they are to be tried: round robin, at most
    /// kUpstreamTriesMax.
    [[nodiscard]] std::vector<Upstream> turn(const services::IngressBackend& backend);

protected:
    /// These are all backends that there are: connections to endpoints that are none any more are
    /// closed when they are idle.
    void forget_others(const std::vector<const services::IngressBackend*>& backends);
    /// "GET https://HOST/PATH", cut to what a log takes.
    [[nodiscard]] static std::string
    asked_text(const mesh::Request& request, const HttpClient& client, const std::string& host);
    /// The request as an endpoint gets it.
    [[nodiscard]] static mesh::Request
    forwarded(const mesh::Request& request, const HttpClient& client);

private:
    const char* server_;
    std::shared_ptr<ServedPod> pod_;
    std::map<std::string, std::size_t> turns_; // by backend
    UpstreamPool pool_;
};

} // namespace labctl::dataplane
