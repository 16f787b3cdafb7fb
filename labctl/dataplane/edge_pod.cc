#include "labctl/dataplane/edge_pod.h"

#include <algorithm>
#include <set>
#include <utility>

#include "labctl/dataplane/request_id.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/forward.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kEdgeLogTargetMax = 200;
constexpr std::size_t kEdgeLogHostMax = 255;
constexpr std::size_t kEdgeReplyTextMax = 1000;

} // namespace

EdgePod::EdgePod(
    netemu::EventLoop& loop,
    std::shared_ptr<ServedPod> pod,
    UpstreamPool::Sockets sockets,
    const char* server)
    : server_(server), pod_(std::move(pod)), pool_(loop, std::move(sockets)) {
}

EdgePod::~EdgePod() = default;

void EdgePod::forget_others(const std::vector<const services::IngressBackend*>& backends) {
    std::set<netemu::Endpoint> wanted;
    for (const auto* backend : backends) {
        wanted.insert(backend->endpoints.begin(), backend->endpoints.end());
    }
    std::erase_if(turns_, [&backends](const auto& turn) {
        return std::none_of(backends.begin(), backends.end(), [&turn](const auto* backend) {
            return backend->name == turn.first;
        });
    });
    pool_.drop_idle_if(
        [&wanted](const Upstream& upstream) { return !wanted.contains(upstream.endpoint); });
}

std::vector<Upstream> EdgePod::turn(const services::IngressBackend& backend) {
    const auto& all = backend.endpoints;
    std::vector<Upstream> chosen;
    if (!all.empty()) {
        const auto first = turns_[backend.name]++;
        const auto count = std::min(all.size(), kUpstreamTriesMax);
        chosen.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            chosen.push_back({all[(first + i) % all.size()]});
        }
        speak_http2(chosen, backend.http2);
    }
    return chosen;
}

std::string EdgePod::asked_text(
    const mesh::Request& request, const HttpClient& client, const std::string& host) {
    return request.method + " " + (client.tls ? "https://" : "http://") +
           host.substr(0, kEdgeLogHostMax) + request.target.substr(0, kEdgeLogTargetMax);
}

mesh::Request EdgePod::forwarded(const mesh::Request& request, const HttpClient& client) {
    return mesh::forward_request(
        request,
        {client.address.address.to_string(),
         client.tls ? "https" : "http",
         client.port,
         make_request_id()});
}

HttpProxy::Refusal
EdgePod::failed(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const {
    using Cause = UpstreamExchange::Cause;
    int status = 502;
    if (failure.cause == Cause::NoSocket) {
        status = 503;
    } else if (failure.cause == Cause::ConnectTimeout || failure.cause == Cause::Silence) {
        status = 504;
    }
    return {status, failure.text + " at " + endpoint.to_string()};
}

mesh::Response EdgePod::reply(const Refusal& refusal, const mesh::Request* /*request*/) const {
    mesh::Response response;
    response.status = refusal.status;
    response.headers = {{"server", server_}, {"content-type", "text/plain"}};
    for (const auto& field : refusal.fields) {
        response.headers.set(field.name, field.value);
    }
    response.body = std::to_string(refusal.status) + " " +
                    std::string(mesh::reason_phrase(refusal.status)) + ": " +
                    refusal.text.substr(0, kEdgeReplyTextMax) + "\n";
    return response;
}

void EdgePod::log(
    const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) {
    const Exchange exchange{pod_->identity, pod_->ready, client.port, client.address, {}};
    pod_->log.add(access_log_line(exchange, what, status, body_bytes));
}

} // namespace labctl::dataplane
