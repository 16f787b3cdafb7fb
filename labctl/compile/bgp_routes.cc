#include <algorithm>
#include <map>

#include "labctl/compile/bgp_speakers.h"
#include "labctl/compile/network_view.h"
#include "netemu/model/route_protocol.h"

/// What BIRD must learn, found by letting each announcement travel as BGP lets it.
namespace labctl::compile {

namespace {

using netemu::IpPrefix;

/// How a speaker came to know a route: whom it may tell follows from it (RFC 4271, 9.2; RFC 4456,
/// 6).
enum class Learned { Own, FromClient, FromPeer };

class Announcement {
public:
    using Speakers = std::map<std::string, const BgpSpeaker*>;

    Announcement(
        const Speakers& speakers,
        const IpPrefix& prefix,
        bool service,
        std::map<std::string, std::vector<netemu::RouteSpec>>& routes)
        : speakers_(speakers), prefix_(prefix), service_(service), routes_(routes) {}

    void tell(const BgpSpeaker& origin) {
        known_[origin.name] = Learned::Own;
        origin_ = &origin;
        spread(origin, Learned::Own);
    }

private:
    /// The session of the other end: it must not be shut down there either.
    static const BgpSession* other_end(const BgpSpeaker& speaker, const BgpSession& session) {
        const auto found = std::find_if(
            speaker.sessions.begin(), speaker.sessions.end(), [&](const BgpSession& each) {
                return each.address == session.local;
            });
        return found == speaker.sessions.end() ? nullptr : &*found;
    }

    [[nodiscard]] bool
    may_tell(const BgpSpeaker& speaker, const BgpSession& session, Learned learned) const {
        if (session.disabled || session.address.family() != prefix_.address.family()) {
            return false;
        }
        if (session.as_number != speaker.as_number) {
            return learned == Learned::Own && !speaker.pods.empty();
        }
        if (service_) {
            return false;
        }
        return learned == Learned::Own || learned == Learned::FromClient || session.client;
    }

    void spread(const BgpSpeaker& speaker, Learned learned) {
        for (const auto& session : speaker.sessions) {
            if (!may_tell(speaker, session, learned) ||
                (learned != Learned::Own && !speaker.reflects)) {
                continue;
            }
            const auto peer = speakers_.find(session.peer);
            if (peer == speakers_.end()) {
                continue;
            }
            const auto* end = other_end(*peer->second, session);
            if (end == nullptr || end->disabled || known_.contains(session.peer)) {
                continue;
            }
            hear(*peer->second, *end);
        }
    }

    void hear(const BgpSpeaker& speaker, const BgpSession& from) {
        known_[speaker.name] = from.client ? Learned::FromClient : Learned::FromPeer;
        const auto next = std::find_if(
            origin_->sessions.begin(), origin_->sessions.end(), [&](const BgpSession& each) {
                return each.local.family() == prefix_.address.family();
            });
        if (next != origin_->sessions.end()) {
            routes_[speaker.ns].push_back(
                {prefix_, next->local, kEth0, false, netemu::kRouteByBird});
        }
        spread(speaker, known_[speaker.name]);
    }

    const Speakers& speakers_;
    const IpPrefix& prefix_;
    bool service_;
    std::map<std::string, std::vector<netemu::RouteSpec>>& routes_;
    const BgpSpeaker* origin_ = nullptr;
    std::map<std::string, Learned> known_;
};

} // namespace

std::map<std::string, std::vector<netemu::RouteSpec>>
expected_bgp_routes(const std::vector<BgpSpeaker>& speakers) {
    Announcement::Speakers by_name;
    std::map<std::string, std::vector<netemu::RouteSpec>> routes;
    for (const auto& speaker : speakers) {
        by_name.emplace(speaker.name, &speaker);
        routes[speaker.ns];
    }
    for (const auto& speaker : speakers) {
        for (const auto& prefix : speaker.pods) {
            Announcement(by_name, prefix, false, routes).tell(speaker);
        }
        for (const auto& prefix : speaker.services) {
            Announcement(by_name, prefix, true, routes).tell(speaker);
        }
    }
    for (auto& [ns, list] : routes) {
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
    }
    return routes;
}

} // namespace labctl::compile
