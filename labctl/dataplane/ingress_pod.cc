#include "labctl/dataplane/ingress_pod.h"

#include <utility>

#include "mesh/http/forward.h"

namespace labctl::dataplane {
namespace {

std::string no_rule(const services::IngressDecision& decision) {
    if (decision.rule == nullptr) {
        return "no Ingress has a rule for the host \"" + decision.host + "\"";
    }
    return "no path of the host \"" + decision.host + "\" takes \"" + decision.path + "\"";
}

} // namespace

IngressPod::IngressPod(
    netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets)
    : EdgePod(loop, std::move(pod), std::move(sockets), "labctl-ingress"),
      rules_(std::make_shared<const IngressRules>()) {
}

IngressPod::~IngressPod() = default;

void IngressPod::set_rules(std::shared_ptr<const IngressRules> rules) {
    rules_ = std::move(rules);
    std::vector<const services::IngressBackend*> backends;
    for (const auto& backend : rules_->table.backends) {
        backends.push_back(&backend);
    }
    forget_others(backends);
}

std::shared_ptr<const mesh::TlsServerConfig> IngressPod::tls(std::uint16_t /*port*/) const {
    return rules_->tls;
}

HttpProxy::Decision IngressPod::decide(const mesh::Request& request, const HttpClient& client) {
    Decision decision;
    const auto authority = mesh::request_authority(request);
    decision.story = asked_text(request, client, authority);
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
    decision.head = forwarded(request, client);
    return decision;
}

} // namespace labctl::dataplane
