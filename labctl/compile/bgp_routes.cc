#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/bgp_speakers.h"
#include "labctl/compile/network_view.h"
#include "netemu/model/route_protocol.h"

/// What BIRD must learn, found by letting each announcement travel as BGP lets it.
namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;

/// A route as one speaker has it from a neighbour, or as its own.
struct BgpPath {
    std::vector<std::uint32_t> systems; // AS_PATH, the nearest first
    bool own = false;
    bool internal = false;    // learned in the own autonomous system
    bool from_client = false; // of a reflector (RFC 4456, 6)
    std::string origin;       // who announced it first
    IpAddress next_hop;
    const BgpSession* by = nullptr; // of the speaker that has it

    bool operator==(const BgpPath&) const = default;
    [[nodiscard]] bool as_good_as(const BgpPath& other) const {
        return own == other.own && systems.size() == other.systems.size() &&
               internal == other.internal;
    }
    /// RFC 4271, 9.1.2.2, with what there is of it here: the shorter way, then what comes from
    /// outside.
    [[nodiscard]] bool better_than(const BgpPath& other) const {
        if (own != other.own) {
            return own;
        }
        if (systems.size() != other.systems.size()) {
            return systems.size() < other.systems.size();
        }
        return !internal && other.internal;
    }
};

/// Sessions that are up, by the place of the speaker.
class BgpGraph {
public:
    struct Edge {
        const BgpSession* session;
        std::size_t peer;
        const BgpSession* end; // the peer's side of it
    };

    explicit BgpGraph(const std::vector<BgpSpeaker>& speakers) {
        std::map<std::pair<IpAddress, IpAddress>, std::pair<std::size_t, const BgpSession*>> ends;
        for (std::size_t i = 0; i < speakers.size(); ++i) {
            for (const auto& session : speakers[i].sessions) {
                ends[{session.local, session.address}] = {i, &session};
            }
        }
        edges_.resize(speakers.size());
        for (std::size_t i = 0; i < speakers.size(); ++i) {
            for (const auto& session : speakers[i].sessions) {
                const auto end = ends.find({session.address, session.local});
                if (end != ends.end() && !session.disabled && !end->second.second->disabled) {
                    edges_[i].push_back({&session, end->second.first, end->second.second});
                }
            }
        }
    }

    [[nodiscard]] const std::vector<Edge>& of(std::size_t speaker) const { return edges_[speaker]; }

private:
    std::vector<std::vector<Edge>> edges_;
};

/// One prefix, from all who announce it.
class Announcement {
public:
    Announcement(
        const std::vector<BgpSpeaker>& speakers,
        const BgpGraph& graph,
        const IpPrefix& prefix,
        bool service)
        : speakers_(speakers), graph_(graph), prefix_(prefix), service_(service),
          heard_(speakers.size()) {}

    void run() {
        for (std::size_t i = 0; i < speakers_.size(); ++i) {
            const auto& own = service_ ? speakers_[i].services : speakers_[i].pods;
            if (std::find(own.begin(), own.end(), prefix_) != own.end()) {
                BgpPath path;
                path.own = true;
                path.origin = speakers_[i].name;
                heard_[i][nullptr] = path;
            }
        }
        // Each round takes news one speaker further; more than all of them it never goes.
        for (std::size_t round = 0; round <= speakers_.size() && tell_all(); ++round) {
        }
    }

    /// The next hops that a speaker's kernel gets, all that are equally good.
    [[nodiscard]] std::vector<IpAddress> next_hops(std::size_t speaker) const {
        std::vector<IpAddress> hops;
        const auto* best = best_of(speaker);
        if (best == nullptr || best->own) {
            return hops;
        }
        for (const auto& [session, path] : heard_[speaker]) {
            if (path.as_good_as(*best)) {
                hops.push_back(path.next_hop);
            }
        }
        return hops;
    }

private:
    using Heard = std::map<const BgpSession*, BgpPath>; // by the session that brought it

    [[nodiscard]] const BgpPath* best_of(std::size_t speaker) const {
        const BgpPath* best = nullptr;
        for (const auto& [session, path] : heard_[speaker]) {
            if (best == nullptr || path.better_than(*best)) {
                best = &path;
            }
        }
        return best;
    }

    /// True when somebody has heard something new.
    bool tell_all() {
        std::vector<Heard> next(speakers_.size());
        for (std::size_t i = 0; i < speakers_.size(); ++i) {
            if (const auto own = heard_[i].find(nullptr); own != heard_[i].end()) {
                next[i].insert(*own);
            }
        }
        for (std::size_t i = 0; i < speakers_.size(); ++i) {
            const auto* best = best_of(i);
            if (best == nullptr) {
                continue;
            }
            for (const auto& edge : graph_.of(i)) {
                tell(speakers_[i], edge, *best, next);
            }
        }
        const bool news = next != heard_;
        heard_ = std::move(next);
        return news;
    }

    [[nodiscard]] bool
    may_tell(const BgpSpeaker& speaker, const BgpSession& session, const BgpPath& path) const {
        if (session.address.family() != prefix_.address.family() || path.by == &session) {
            return false;
        }
        if (session.as_number != speaker.as_number) {
            return speaker.transit || path.own;
        }
        if (path.own) {
            return !service_ || speaker.services_inside;
        }
        return speaker.reflects && (!path.internal || path.from_client || session.client);
    }

    void tell(
        const BgpSpeaker& speaker,
        const BgpGraph::Edge& edge,
        const BgpPath& path,
        std::vector<Heard>& next) const {
        const auto& session = *edge.session;
        if (!may_tell(speaker, session, path)) {
            return;
        }
        const auto& hearer = speakers_[edge.peer];
        const bool loops = path.origin == hearer.name ||
                           std::find(path.systems.begin(), path.systems.end(), hearer.as_number) !=
                               path.systems.end();
        if (loops) {
            return;
        }
        BgpPath told = path;
        told.own = false;
        told.by = edge.end;
        told.internal = session.as_number == speaker.as_number;
        told.from_client = edge.end->client;
        if (!told.internal) {
            told.systems.insert(told.systems.begin(), speaker.as_number);
        }
        const bool same_segment = path.by != nullptr && path.by->local == session.local;
        const bool keeps = told.internal ? path.internal : same_segment;
        if (path.own || !keeps) {
            told.next_hop = session.local;
        }
        next[edge.peer][edge.end] = std::move(told);
    }

    const std::vector<BgpSpeaker>& speakers_;
    const BgpGraph& graph_;
    IpPrefix prefix_;
    bool service_;
    std::vector<Heard> heard_; // by speaker
};

} // namespace

namespace {

/// What BIRD makes of a next hop: the way to it where the speaker has one, as BIRD resolves
/// recursive routes, one route for each of several equally long.
void append_ways(
    const BgpSpeaker& speaker,
    const IpPrefix& prefix,
    const IpAddress& hop,
    std::vector<netemu::RouteSpec>& routes) {
    const auto way =
        std::find_if(speaker.ways.begin(), speaker.ways.end(), [&](const netemu::RouteSpec& each) {
            return each.destination == IpPrefix::host(hop);
        });
    if (way == speaker.ways.end()) {
        routes.push_back({prefix, hop, kEth0, false, netemu::kRouteByBird});
        return;
    }
    routes.push_back({prefix, way->gateway, way->link, way->onlink, netemu::kRouteByBird});
    for (const auto& more : way->more) {
        routes.push_back({prefix, more.gateway, more.link, false, netemu::kRouteByBird});
    }
}

} // namespace

std::map<std::string, std::vector<netemu::RouteSpec>>
expected_bgp_routes(const std::vector<BgpSpeaker>& speakers) {
    std::map<std::string, std::vector<netemu::RouteSpec>> routes;
    std::set<std::pair<IpPrefix, bool>> prefixes; // and whether it is of Services
    for (const auto& speaker : speakers) {
        routes[speaker.ns];
        for (const auto& prefix : speaker.pods) {
            prefixes.emplace(prefix, false);
        }
        for (const auto& prefix : speaker.services) {
            prefixes.emplace(prefix, true);
        }
    }
    const BgpGraph graph(speakers);
    for (const auto& [prefix, service] : prefixes) {
        Announcement announcement(speakers, graph, prefix, service);
        announcement.run();
        for (std::size_t i = 0; i < speakers.size(); ++i) {
            for (const auto& hop : announcement.next_hops(i)) {
                append_ways(speakers[i], prefix, hop, routes[speakers[i].ns]);
            }
        }
    }
    for (auto& [ns, list] : routes) {
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
    }
    return routes;
}

} // namespace labctl::compile
