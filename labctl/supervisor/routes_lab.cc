#include <algorithm>
#include <cstdlib>

#include "labctl/api/status_error.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/report/overview.h"
#include "labctl/supervisor/routes.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

using api::Json;
using api::StatusError;

namespace {

constexpr std::string_view kGroup = "labctl.dev";

Json report_json(const ChangeReport& report) {
    Json items = Json::array();
    for (const auto& item : report.objects) {
        items.push_back(
            {{"kind", item.key.kind},
             {"namespace", item.key.ns},
             {"name", item.key.name},
             {"action", item.action}});
    }
    return {
        {"objects", items},
        {"operations", report.operations},
        {"lines", report.lines},
        {"warnings", report.warnings},
        {"elapsedMicros", report.elapsed_us}};
}

api::Object object_from(const Json& entry) {
    api::Object object{entry.at("object"), {}};
    if (const auto source = entry.find("source"); source != entry.end()) {
        object.source = {
            source->value("file", ""), source->value("line", 0), source->value("column", 0)};
    }
    return object;
}

std::vector<api::Object> objects_from(const Json& list) {
    std::vector<api::Object> objects;
    objects.reserve(list.size());
    for (const auto& entry : list) {
        objects.push_back(object_from(entry));
    }
    return objects;
}

api::ObjectKey key_from(const Json& json) {
    return {json.at("kind"), json.value("namespace", ""), json.at("name")};
}

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
        {"GET", "bgp", false, [&] { exchange->reply(200, lab_.bgp()); }},
        {"GET", "bird-log", false, [&] { bird_log(request, exchange); }},
        {"GET", "faults", false, [&] { exchange->reply(200, lab_.faults()); }},
        {"GET", "plan", false, [&] { plan(request, exchange); }},
        {"GET", "drops", false, [&] { drops(request, exchange); }},
        {"POST", "target", false, [&] { target(request, exchange); }},
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
             const auto fault = lab_.inject_fault(request.json());
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

void Routes::start(const ApiRequest& request, const ExchangePtr& exchange) {
    if (lab_.started()) {
        throw StatusError::conflict("labs", lab_.paths().name, "the lab is up already");
    }
    const auto body = request.json();
    const auto deadline =
        netemu::Clock::now() + std::chrono::milliseconds(body.value("waitMs", std::int64_t{30000}));
    exchange->start_stream("application/json");
    const auto step = [&](const std::string& text, std::uint64_t microseconds) {
        exchange->send_line({{"step", text}, {"micros", microseconds}});
        exchange->flush();
    };
    const auto keep_alive = [&] {
        if (exchange->client_gone()) {
            throw netemu::Error("the client that started the lab has gone");
        }
    };
    try {
        lab_.start(object_from(body.at("lab")), objects_from(body.at("objects")), step, keep_alive);
    } catch (const netemu::Error& error) {
        exchange->send_line({{"error", status_object(error)}});
        exchange->finish();
        exchange->flush();
        shut_down_(true); // the journal of an earlier run stays
        return;
    }
    exchange->on_disconnect([this] { shut_down_(false); });
    lab_.when_settled(deadline, [this, exchange, deadline] { finish_start(exchange, deadline); });
}

void Routes::finish_start(const ExchangePtr& exchange, netemu::Clock::time_point /*deadline*/) {
    if (const auto status = lab_.bgp_summary(); !status.is_null()) {
        const auto micros = status.at("firstConvergedMicros").get<std::uint64_t>();
        if (micros != 0) {
            exchange->send_line(
                {{"step",
                  "routes learned by BGP: " + status.at("speakers").dump() + " speakers, " +
                      status.at("sessions").dump() + " sessions"},
                 {"micros", micros}});
        }
    }
    exchange->send_line({{"ready", true}, {"pending", lab_.pending()}});
    exchange->finish();
    exchange->flush();
}

void Routes::status(const ExchangePtr& exchange) {
    Json body{
        {"kind", "LabStatus"},
        {"apiVersion", "labctl.dev/v1"},
        {"name", lab_.paths().name},
        {"phase", lab_.started() ? "Running" : "Starting"},
        {"version", LABCTL_VERSION}};
    if (lab_.started()) {
        lab_.describe(body);
    }
    exchange->reply(200, body);
}

namespace {

/// A command that works in this lab and shows what it is for.
std::string suggestion(const store::Store& objects, const std::string& lab) {
    if (!objects.list("Check").empty()) {
        return "labctl check --lab " + lab;
    }
    if (objects.list("Node").empty()) {
        return "labctl get links --lab " + lab;
    }
    const auto pods = objects.list("Pod");
    if (pods.size() < 2) {
        return "labctl get all -A --lab " + lab;
    }
    const auto name = [](const api::Object& pod) { return pod.ns() + "/" + pod.name(); };
    return "labctl probe " + name(*pods.front()) + " icmp://pod:" + name(*pods.back()) + " --lab " +
           lab;
}

} // namespace

/// What is up, ready to be read: a lab of a thousand pods would be megabytes of objects for one
/// screen of text.
void Routes::overview(const ApiRequest& request, const ExchangePtr& exchange) {
    std::vector<api::ObjectPtr> objects;
    for (const auto* kind :
         {"Node",
          "Pod",
          "Service",
          "Ingress",
          "Deployment",
          "ReplicaSet",
          "StatefulSet",
          "DaemonSet",
          "Job"}) {
        const auto list = lab_.store().list(kind);
        objects.insert(objects.end(), list.begin(), list.end());
    }
    report::OverviewInput input;
    input.objects = objects;
    for (const auto& outside : compile::external_addresses(lab_.config())) {
        input.external_ip =
            input.external_ip.empty() ? outside.address.to_string() : input.external_ip;
    }
    input.colour = request.parameter("color") == "1";
    for (const auto& [address, name] : compile::underlay_names(lab_.config())) {
        if (name.starts_with("node/") || name == "external") {
            continue;
        }
        if (input.devices.empty() || input.devices.back().first != name) {
            input.devices.emplace_back(name, "");
        }
        auto& addresses = input.devices.back().second;
        addresses += (addresses.empty() ? "" : ", ") + address.to_string();
    }
    exchange->reply(
        200,
        {{"text", report::overview(input)}, {"next", suggestion(lab_.store(), lab_.paths().name)}});
}

/// Every kind that `get` can list, those that are only stored included.
void Routes::kinds(const ExchangePtr& exchange) {
    Json list = Json::array();
    const auto& store = lab_.store();
    for (const auto& info : api::kinds()) {
        list.push_back(
            {{"kind", info.kind},
             {"apiVersion", info.api_version},
             {"plural", info.plural},
             {"namespaced", info.namespaced},
             {"typed", true},
             {"count", store.list(info.kind).size()}});
    }
    for (const auto& kind : store.kinds()) {
        const auto objects = store.list(kind);
        if (!api::find_kind(kind) && !objects.empty()) {
            list.push_back(
                {{"kind", kind},
                 {"apiVersion", objects[0]->api_version()},
                 {"plural", api::guess_plural(kind)},
                 {"namespaced", !objects[0]->ns().empty()},
                 {"typed", false},
                 {"count", objects.size()}});
        }
    }
    exchange->reply(200, {{"kinds", list}});
}

void Routes::apply(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto body = request.json();
    exchange->reply(
        200,
        report_json(lab_.apply(objects_from(body.at("objects")), body.value("dryRun", false))));
}

void Routes::delete_many(const ApiRequest& request, const ExchangePtr& exchange) {
    std::vector<api::ObjectKey> keys;
    const auto body = request.json(); // outlives the loop over a part of it
    for (const auto& entry : body.at("objects")) {
        keys.push_back(key_from(entry));
    }
    std::optional<std::int64_t> grace;
    if (const auto seconds = body.value("gracePeriodSeconds", Json());
        seconds.is_number_integer()) {
        grace = seconds.get<std::int64_t>();
    }
    const auto report = lab_.remove(keys, grace);
    auto reply = report_json(report);
    reply["resourceVersion"] = std::to_string(lab_.store().revision());
    reply["terminating"] = Json::array();
    for (const auto& key : report.terminating) {
        reply["terminating"].push_back({{"namespace", key.ns}, {"name", key.name}});
    }
    exchange->reply(200, reply);
}

void Routes::label(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto body = request.json();
    exchange->reply(
        200, lab_.label(key_from(body), body.at("labels"), body.value("overwrite", false))->body);
}

void Routes::probe(const ApiRequest& request, const ExchangePtr& exchange) {
    lab_.probe(
        probe::parse_requests(request.json()),
        [exchange](const std::vector<probe::Result>& results) {
            exchange->reply_document(200, probe::results_text(results));
        });
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

/// A connection's way, or what becomes of a name or of a URL at an Ingress controller. With `wire`,
/// and for a name, something is really sent, so that takes a while.
void Routes::explain(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto question = request.json();
    const auto to = question.value("to", "");
    if (to.starts_with("http://") || to.starts_with("https://")) {
        exchange->reply(200, lab_.explain_ingress(to));
        return;
    }
    if (to.starts_with("dns://")) {
        lab_.explain_dns(
            question, [exchange](const Json& answer) { exchange->reply(200, answer); });
        return;
    }
    with_proxied(exchange, [this, question, exchange](Proxied clients) {
        auto explanation = lab_.explain(question, std::move(clients));
        if (!api::bool_at(question, "wire", false)) {
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

/// Of a router or of the outside; that of a node is where nodes are.
void Routes::bird_log(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto ns = request.parameter("of");
    auto* log = lab_.bird_logs(ns);
    if (log == nullptr) {
        throw StatusError(404, "NotFound", "'" + ns + "' speaks no BGP and so has no log");
    }
    const auto lines = request.parameter("tailLines");
    exchange->start_stream("text/plain; charset=utf-8");
    exchange->send_text(log->tail(lines.empty() ? -1 : std::atoi(lines.c_str())));
    exchange->finish();
}

/// The last packets that rules have dropped; with `watch` those that follow, too.
void Routes::drops(const ApiRequest& request, const ExchangePtr& exchange) {
    auto& log = lab_.watch_drops();
    auto& story = lab_.drop_story();
    const auto flag = request.parameter("watch");
    if (flag != "1" && flag != "true") {
        Json items = Json::array();
        for (const auto& dropped : log.recent()) {
            items.push_back(story.to_json(dropped));
        }
        exchange->reply(200, {{"items", items}, {"lost", log.lost()}, {"problem", log.problem()}});
        return;
    }
    if (!log.problem().empty()) {
        throw StatusError(501, "NotImplemented", "drops are not seen: " + log.problem());
    }
    exchange->start_stream("application/json");
    // The exchange holds the callback that ends the watch, so the watch must not hold the exchange.
    const std::weak_ptr<Exchange> weak = exchange;
    const auto id = log.follow([weak, &story](const std::vector<const DroppedPacket*>& packets) {
        if (const auto stream = weak.lock()) {
            for (const auto* packet : packets) {
                stream->send_line(story.to_json(*packet));
            }
        }
    });
    exchange->on_disconnect([&log, id] { log.unfollow(id); });
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

} // namespace labctl::supervisor
