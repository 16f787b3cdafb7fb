#include <cstdlib>

#include "labctl/api/status_error.h"
#include "labctl/supervisor/routes.h"

/// What the lab has seen by itself: dropped packets, what BIRD says. Queries of DNS: routes_dns.cc.
namespace labctl::supervisor {

using api::Json;
using api::StatusError;

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

} // namespace labctl::supervisor
