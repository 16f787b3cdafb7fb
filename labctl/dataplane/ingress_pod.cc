#include "labctl/dataplane/ingress_pod.h"

#include <algorithm>
#include <set>
#include <utility>

#include "labctl/dataplane/request_id.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/forward.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kIngressLogTargetMax = 200;
constexpr std::size_t kIngressLogHostMax = 255;
constexpr std::size_t kIngressReplyTextMax = 1000;

std::string no_rule(const services::IngressDecision& decision) {
    if (decision.rule == nullptr) {
        return "no Ingress has a rule for the host \"" + decision.host + "\"";
    }
    return "no path of the host \"" + decision.host + "\" takes \"" + decision.path + "\"";
}

} // namespace

IngressPod::IngressPod(
    netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets)
    : pod_(std::move(pod)), rules_(std::make_shared<const IngressRules>()),
      pool_(loop, std::move(sockets)) {
}

IngressPod::~IngressPod() = default;

void IngressPod::set_rules(std::shared_ptr<const IngressRules> rules) {
    rules_ = std::move(rules);
    const auto& backends = rules_->table.backends;
    std::set<netemu::Endpoint> wanted;
    for (const auto& backend : backends) {
        wanted.insert(backend.endpoints.begin(), backend.endpoints.end());
    }
    std::erase_if(turns_, [&backends](const auto& turn) {
        return std::none_of(backends.begin(), backends.end(), [&turn](const auto& backend) {
            return backend.name == turn.first;
        });
    });
    pool_.drop_idle_if(
        [&wanted](const Upstream& upstream) { return !wanted.contains(upstream.endpoint); });
}

std::vector<Upstream> IngressPod::turn(const services::IngressBackend& backend) {
    const auto& all = backend.endpoints;
    std::vector<Upstream> chosen;
    if (!all.empty()) {
        const auto first = turns_[backend.name]++;
        const auto count = std::min(all.size(), kUpstreamTriesMax);
        chosen.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            chosen.push_back({all[(first + i) % all.size()]});
        }
    }
    return chosen;
}

HttpProxy::Decision IngressPod::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    const auto authority = mesh::request_authority(request);
    decision.story = request.method + " " + (client.tls ? "https://" : "http://") +
                     authority.substr(0, kIngressLogHostMax) +
                     request.target.substr(0, kIngressLogTargetMax);
    const auto refuse = [&decision](int status, std::string text, bool may_go_on = true) {
        decision.refusal = {status, std::move(text), may_go_on};
        return std::move(decision);
    };
    if (!mesh::is_authority(authority)) {
        return refuse(400, "the host is no proper name or address", false);
    }
    const auto routed = services::route_ingress(rules_->table, authority, request.path());
    if (!routed) {
        return refuse(400, "the request target is no path, or leads above the root");
    }
    if (!routed->backend) {
        return refuse(404, no_rule(*routed));
    }
    const auto& backend = rules_->table.backends.at(*routed->backend);
    if (routed->matched != nullptr) {
        decision.story += " (" + routed->matched->ingress + ": " +
                          (routed->rule->empty() ? "*" : *routed->rule) + " " +
                          routed->matched->path + ")";
    } else {
        decision.story += " (default backend)";
    }
    decision.story += " -> " + backend.name;
    if (backend.endpoints.empty()) {
        return refuse(503, backend.problem);
    }
    decision.candidates = turn(backend);
    decision.head = mesh::forward_request(
        request,
        {client.address.address.to_string(),
         client.tls ? "https" : "http",
         client.port,
         make_request_id()});
    return decision;
}

HttpProxy::Refusal IngressPod::failed(
    const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const {
    using Cause = UpstreamExchange::Cause;
    int status = 502;
    if (failure.cause == Cause::NoSocket) {
        status = 503;
    } else if (failure.cause == Cause::ConnectTimeout || failure.cause == Cause::Silence) {
        status = 504;
    }
    return {status, failure.text + " at " + endpoint.to_string()};
}

mesh::Response IngressPod::reply(const Refusal& refusal, const mesh::Request* /*request*/) const {
    mesh::Response response;
    response.status = refusal.status;
    response.headers = {{"server", "labctl-ingress"}, {"content-type", "text/plain"}};
    response.body = std::to_string(refusal.status) + " " +
                    std::string(mesh::reason_phrase(refusal.status)) + ": " +
                    refusal.text.substr(0, kIngressReplyTextMax) + "\n";
    return response;
}

void IngressPod::log(
    const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) {
    const Exchange exchange{pod_->identity, pod_->ready, client.port, client.address, {}};
    pod_->log.add(access_log_line(exchange, what, status, body_bytes));
}

} // namespace labctl::dataplane
