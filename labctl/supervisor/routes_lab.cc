#include "labctl/api/status_error.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/report/overview.h"
#include "labctl/supervisor/routes.h"
#include "labctl/supervisor/routes_json.h"

/// The lab as a whole: its start, and what it looks like.
namespace labctl::supervisor {

using api::Json;
using api::StatusError;

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
    lab_.when_settled(deadline, [this, exchange] { finish_start(exchange); });
}

void Routes::finish_start(const ExchangePtr& exchange) {
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

/// Every kind that `get` can list, those that are only stored included. Of kinds with one name,
/// that of the lab's mesh comes first.
void Routes::kinds(const ExchangePtr& exchange) {
    Json list = Json::array();
    const auto& store = lab_.store();
    const auto& mesh = lab_.config().mesh_profile;
    for (const bool preferred : {true, false}) {
        for (const auto& info : api::kinds()) {
            const bool of_linkerd =
                mesh == "linkerd" && api::group_of(info.api_version) == "policy.linkerd.io";
            if (of_linkerd != preferred) {
                continue;
            }
            list.push_back(
                {{"kind", info.kind},
                 {"apiVersion", info.api_version},
                 {"plural", info.plural},
                 {"namespaced", info.namespaced},
                 {"typed", true},
                 {"count", store.list(info.kind).size()}});
        }
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

} // namespace labctl::supervisor
