#include "labctl/api/status_error.h"
#include "labctl/compile/pod_target.h"
#include "labctl/supervisor/routes.h"
#include "netemu/model/plan.h"

/// What is asked of a running lab: probes, plans, explanations, the way into a target.
namespace labctl::supervisor {

using api::Json;

void Routes::probe(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto list = lab_.probe(
        probe::parse_requests(request.json()),
        [exchange](const std::vector<probe::Result>& results) {
            exchange->reply_document(200, probe::results_text(results));
        });
    exchange->on_disconnect([this, list] { lab_.stop_probes(list); });
}

void Routes::plan(const ApiRequest& /*request*/, const ExchangePtr& exchange) {
    const auto drift = lab_.drift();
    Json lines = Json::array();
    for (const auto& operation : drift.operations) {
        lines.push_back(netemu::describe(operation));
    }
    auto operations = netemu::summarize(drift);
    for (const auto& [node, differences] : lab_.rule_drift()) {
        ++operations["restore iptables rules"];
        for (const auto& difference : differences) {
            lines.push_back(difference);
        }
    }
    exchange->reply(200, {{"lines", lines}, {"operations", operations}});
}

/// A connection's way, that of a request for a URL through sidecars, or what becomes of a name or
/// of a URL at a Gateway or an Ingress controller. With `wire`, and for a name, something is really
/// sent, so that takes a while.
void Routes::explain(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto question = request.json();
    const auto to = question.value("to", "");
    const bool url = to.starts_with("http://") || to.starts_with("https://");
    if (url && lab_.is_gateway_url(question)) {
        exchange->reply(200, lab_.explain_gateway(question));
        return;
    }
    if (url && !lab_.is_service_url(question)) {
        exchange->reply(200, lab_.explain_ingress(question));
        return;
    }
    if (to.starts_with("dns://")) {
        lab_.explain_dns(
            question, [exchange](const Json& answer) { exchange->reply(200, answer); });
        return;
    }
    with_proxied(exchange, [this, question, url, exchange](Proxied clients) {
        auto explanation = lab_.explain(question, std::move(clients));
        if (!api::bool_at(question, "wire", false) || url) {
            exchange->reply(200, explanation);
            return;
        }
        lab_.explain_by_packet(std::move(explanation), [exchange](const Json& answer) {
            exchange->reply(200, answer);
        });
    });
}

void Routes::affinity(const ApiRequest& request, const ExchangePtr& exchange) {
    with_proxied(exchange, [this, ns = request.parameter("namespace"), exchange](Proxied clients) {
        exchange->reply(200, lab_.affinity(ns, std::move(clients)));
    });
}

/// Goes on when the proxies of the userspace mode have told whom they remember: nobody is there to
/// catch an error then.
void Routes::with_proxied(const ExchangePtr& exchange, std::function<void(Proxied)> go_on) {
    lab_.ask_proxies([exchange, go_on = std::move(go_on)](Proxied clients) {
        try {
            go_on(std::move(clients));
        } catch (const netemu::Error& error) {
            exchange->reply(http_status(error), status_object(error));
        }
    });
}

void Routes::target(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto body = request.json();
    auto entry = lab_.enter(body.at("target"), body.value("namespace", "default"));
    std::vector<netemu::UniqueFd> fds;
    fds.push_back(std::move(entry.pidfd));
    exchange->reply_with_fds(
        {{"hostname", entry.hostname},
         {"environment", entry.environment},
         {"warnings", entry.warnings}},
        std::move(fds));
}

/// Which pod is meant by the name of a pod, workload or Service.
void Routes::pod_target(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto of = request.parameter("of");
    const auto pod = compile::find_pod_target(lab_.store(), of, request.parameter("namespace"));
    if (!pod) {
        throw api::StatusError::not_found("pods", of);
    }
    exchange->reply(200, {{"namespace", pod->ns()}, {"name", pod->name()}});
}

} // namespace labctl::supervisor
