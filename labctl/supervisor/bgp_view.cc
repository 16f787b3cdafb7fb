#include <algorithm>
#include <ctime>

#include "labctl/supervisor/bgp.h"

/// What BIRD itself says, as JSON.
namespace labctl::supervisor {

namespace {

constexpr auto kViewPatience = std::chrono::milliseconds(2000);

std::vector<BirdAnswer>
ask_speakers(const std::vector<compile::BgpSpeaker>& speakers, const std::string& run_dir) {
    std::vector<BirdQuestion> questions;
    questions.reserve(speakers.size());
    for (const auto& speaker : speakers) {
        questions.push_back(
            {Bgp::directory(run_dir, speaker.ns), {"show protocols all", "show route all"}});
    }
    return ask_birds(questions, kViewPatience);
}

api::Json session_json(const std::string& speaker, const BirdSession& session, std::int64_t now) {
    api::Json json{
        {"node", speaker},
        {"protocol", session.protocol},
        {"peer", session.peer},
        {"peerAddress", session.address},
        {"asNumber", session.as_number},
        {"localAsNumber", session.local_as},
        {"state", session.state},
        {"ageSeconds", std::max<std::int64_t>(now - session.since, 0)},
        {"received", session.received},
        {"sent", session.sent}};
    if (!session.error.empty()) {
        json["lastError"] = session.error;
    }
    return json;
}

api::Json route_json(const std::string& speaker, const BirdRoute& route, const BirdView& view) {
    api::Json json{
        {"node", speaker},
        {"destination", route.destination.to_string()},
        {"type", route.type},
        {"gateways", route.gateways},
        {"interface", route.interface},
        {"protocol", route.protocol},
        {"origin", route.origin},
        {"best", route.best}};
    const auto session =
        std::find_if(view.sessions.begin(), view.sessions.end(), [&](const BirdSession& each) {
            return each.protocol == route.protocol;
        });
    if (session != view.sessions.end()) {
        json["from"] = session->peer;
        json["asPath"] = route.as_path;
        json["nextHop"] = route.next_hop;
    }
    return json;
}

} // namespace

api::Json Bgp::describe() const {
    const auto answers = ask_speakers(speakers_, parts_.run_dir);
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    api::Json sessions = api::Json::array();
    api::Json routes = api::Json::array();
    api::Json errors = api::Json::object();
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& speaker = speakers_[i].name;
        if (!answers[i].error.empty()) {
            errors[speaker] = answers[i].error;
        }
        auto view = read_bird(answers[i].lines);
        for (const auto& session : view.sessions) {
            sessions.push_back(session_json(speaker, session, now));
        }
        std::sort(view.routes.begin(), view.routes.end(), [](const auto& a, const auto& b) {
            return std::tie(a.destination, b.best, a.protocol) <
                   std::tie(b.destination, a.best, b.protocol);
        });
        for (const auto& route : view.routes) {
            routes.push_back(route_json(speaker, route, view));
        }
    }
    return {{"sessions", sessions}, {"routes", routes}, {"errors", errors}};
}

std::map<std::string, BirdView> Bgp::views() const {
    const auto answers = ask_speakers(speakers_, parts_.run_dir);
    std::map<std::string, BirdView> views;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].error.empty()) {
            views.emplace(speakers_[i].ns, read_bird(answers[i].lines));
        }
    }
    return views;
}

} // namespace labctl::supervisor
