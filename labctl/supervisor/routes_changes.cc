#include "labctl/supervisor/routes.h"
#include "labctl/supervisor/routes_json.h"

/// Changes of many objects at once; those of one are in routes_objects.cc.
namespace labctl::supervisor {

using api::Json;

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
    std::vector<api::ObjectKey> keys;
    for (const auto& entry : body.at("objects")) {
        keys.push_back(key_from(entry));
    }
    lab_.label(keys, body.at("labels"), body.value("overwrite", false));
    exchange->reply(200, {{"status", "Success"}});
}

} // namespace labctl::supervisor
