#include "labctl/supervisor/routes.h"

#include <algorithm>

#include "labctl/api/status_error.h"
#include "labctl/supervisor/routes_json.h"

namespace labctl::supervisor {

using api::Json;
using api::StatusError;

namespace {

constexpr std::string_view kGroup = "labctl.dev";

} // namespace

void Routes::handle(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto& path = request.path;
    if (path.size() == 1 && (path[0] == "healthz" || path[0] == "livez" || path[0] == "readyz")) {
        exchange->reply_text(200, "ok");
        return;
    }
    if (path.size() == 1 && path[0] == "version") {
        exchange->reply(
            200,
            {{"major", "1"},
             {"minor", "34"},
             {"gitVersion", std::string("v1.34.0+labctl-") + LABCTL_VERSION}});
        return;
    }
    if (lab_verb(request, exchange)) {
        return;
    }
    if (!lab_.started()) {
        throw StatusError(503, "ServiceUnavailable", "the lab is not built yet");
    }
    const bool api_root = !path.empty() && (path[0] == "api" || path[0] == "apis");
    if (api_root && request.method == "GET" &&
        (path.size() <= 2 || (path[0] == "apis" && path.size() == 3))) {
        discover(request, exchange);
        return;
    }
    if (path.size() >= 2 && path[0] == "openapi" && path[1] == "v3") {
        openapi(request, exchange);
        return;
    }
    const auto resource = parse(path);
    if (!resource) {
        throw StatusError(404, "NotFound", "the server could not find the requested resource");
    }
    objects(request, *resource, exchange);
}

/// POST /apis/labctl.dev/v1/VERB and GET for what only reads.
bool Routes::lab_verb(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto& path = request.path;
    if (path.size() != 4 || path[0] != "apis" || path[1] != kGroup || path[2] != "v1") {
        return false;
    }
    for (const auto& verbs :
         {reading_verbs(request, exchange), changing_verbs(request, exchange)}) {
        for (const auto& verb : verbs) {
            if (path[3] != verb.name || request.method != verb.method) {
                continue;
            }
            if (!verb.before_start && !lab_.started()) {
                throw StatusError(503, "ServiceUnavailable", "the lab is not built yet");
            }
            verb.run();
            return true;
        }
    }
    return false; // labs and checks are ordinary resources
}

/// Whoever wanted it broken has gone.
void Routes::heal_abandoned(const std::string& fault) {
    try {
        (void)lab_.heal_faults({{"id", fault}});
    } catch (const netemu::UsageError&) { // NOLINT(bugprone-empty-catch): it is healed already
    }
}

std::vector<Routes::Verb>
Routes::reading_verbs(const ApiRequest& request, const ExchangePtr& exchange) {
    return {
        {"GET", "status", true, [&] { status(exchange); }},
        {"GET", "overview", false, [&] { overview(request, exchange); }},
        {"GET", "kinds", false, [&] { kinds(exchange); }},
        {"POST", "probe", false, [&] { probe(request, exchange); }},
        {"POST", "explain", false, [&] { explain(request, exchange); }},
        {"GET", "dns-queries", false, [&] { dns_queries(exchange); }},
        {"GET", "affinity", false, [&] { affinity(request, exchange); }},
        {"GET", "links", false, [&] { exchange->reply(200, lab_.links()); }},
        {"POST",
         "taps",
         false,
         [&] {
             auto taps = lab_.open_taps(request.json());
             exchange->reply_with_fds(taps.description, std::move(taps.sockets));
         }},
        {"GET",
         "cni",
         false,
         [&] {
             exchange->reply(
                 200, lab_.explain_cni(request.parameter("pod"), request.parameter("namespace")));
         }},
        {"GET", "identities", false, [&] { exchange->reply(200, lab_.identities()); }},
        {"GET",
         "mesh",
         false,
         [&] {
             exchange->reply(
                 200,
                 lab_.describe_mesh(
                     {request.parameter("kind"),
                      request.parameter("namespace"),
                      request.parameter("name")}));
         }},
        {"GET", "bgp", false, [&] { exchange->reply(200, lab_.bgp()); }},
        {"GET", "bird-log", false, [&] { bird_log(request, exchange); }},
        {"GET", "faults", false, [&] { exchange->reply(200, lab_.faults()); }},
        {"GET", "plan", false, [&] { plan(request, exchange); }},
        {"GET", "drops", false, [&] { drops(request, exchange); }},
        {"POST", "target", false, [&] { target(request, exchange); }},
        {"GET", "pod", false, [&] { pod_target(request, exchange); }},
    };
}

std::vector<Routes::Verb>
Routes::changing_verbs(const ApiRequest& request, const ExchangePtr& exchange) {
    return {
        {"POST", "start", true, [&] { start(request, exchange); }},
        {"POST", "apply", false, [&] { apply(request, exchange); }},
        {"POST", "delete", false, [&] { delete_many(request, exchange); }},
        {"POST", "label", false, [&] { label(request, exchange); }},
        {"POST",
         "faults",
         false,
         [&] {
             const auto question = request.json();
             const auto fault = lab_.inject_fault(question);
             if (question.value("whileConnected", false)) {
                 exchange->on_closed([this, id = fault.at("id")] { heal_abandoned(id); });
             }
             const auto reply = [exchange, fault] { exchange->reply(200, fault); };
             fault.at("verb") == "bgp" ? lab_.when_routed(reply) : reply();
         }},
        {"POST",
         "heal",
         false,
         [&] {
             const auto healed = lab_.heal_faults(request.json());
             const auto reply = [exchange, healed] { exchange->reply(200, healed); };
             const bool bgp = std::ranges::any_of(
                 healed.at("items"), [](const Json& each) { return each.at("verb") == "bgp"; });
             bgp ? lab_.when_routed(reply) : reply();
         }},
        {"POST",
         "cni",
         false,
         [&] { exchange->reply(200, lab_.serve_cni(request.json(), request.fds)); }},
        {"POST", "repair", false, [&] { exchange->reply(200, report_json(lab_.repair())); }},
        {"POST",
         "proxy-mode",
         false,
         [&] {
             exchange->reply(200, report_json(lab_.set_proxy_mode(request.json().at("mode"))));
         }},
        {"POST",
         "shutdown",
         true,
         [&] {
             const bool keep = api::bool_at(request.json(), "keepJournal", false);
             lab_.end_cni([this, exchange, keep] {
                 exchange->reply(200, {{"status", "Success"}});
                 exchange->flush();
                 shut_down_(keep);
             });
         }},
    };
}

} // namespace labctl::supervisor
