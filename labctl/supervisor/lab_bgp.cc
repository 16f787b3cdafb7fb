#include <algorithm>

#include "labctl/compile/bgp_speakers.h"
#include "labctl/supervisor/bgp.h"
#include "labctl/supervisor/faults.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/route_protocol.h"

/// What BGP has to do with a lab: the daemons, their faults, and the routes that they bring.
namespace labctl::supervisor {

namespace {

constexpr const char* kBgpComponent = "bird";
constexpr auto kFaultSeen = std::chrono::seconds(15); // a session that is taken up takes a second

/// "leaf-1" of "router/leaf-1".
std::string speaker_name(const std::string& text) {
    return text.substr(text.find('/') + 1); // all of it without a slash
}

std::string speaker_of(const Target& target) {
    return target.object ? target.object->name() : speaker_name(target.name);
}

} // namespace

void Lab::start_bgp() {
    if (!cluster_->config().bgp) {
        return;
    }
    bgp_ = std::make_unique<Bgp>(Bgp::Parts{
        loop_,
        *kernel_,
        paths_.run_dir,
        [this](const std::string& ns) -> Sandbox& { return runtime_->host_sandbox(ns); },
        [this](const std::vector<std::string>& names) { runtime_->make_host_sandboxes(names); },
        [this] { check_settled(); },
        [this](const std::string& speaker, const char* reason, const std::string& text) {
            if (const auto node = store_.get({"Node", "", speaker})) {
                const std::string_view word = reason;
                const bool bad = word == "BGPSessionDown" || word == "BirdEnded";
                bad ? cluster_->warn(kBgpComponent, *node, reason, text)
                    : cluster_->note(kBgpComponent, *node, reason, text);
            }
        }});
    runtime_->on_sandbox_gone([this](const std::string& ns) { bgp_->sandbox_gone(ns); });
    update_bgp();
}

void Lab::update_bgp() {
    if (!bgp_) {
        return;
    }
    compile::BgpShutDowns down;
    for (const auto& [number, active] : faults_->all()) {
        if (active.fault.verb == api::Fault::Verb::Bgp) {
            down.emplace(speaker_of(active.target), speaker_name(active.fault.peer));
        }
    }
    bgp_->update(compile::bgp_speakers(store_, cluster_->config(), down));
}

void Lab::check_bgp_fault(const api::Fault& fault, const Target& target) const {
    if (!bgp_) {
        throw netemu::UsageError(
            "nobody speaks BGP in this lab: its routes are static",
            "spec.cni: {overlay: none, routing: bgp} has them learned");
    }
    std::vector<std::string> peers;
    for (const auto& speaker : bgp_->speakers()) {
        for (const auto& session : speaker.sessions) {
            const bool known = std::find(peers.begin(), peers.end(), session.peer) != peers.end();
            if (speaker.name == speaker_of(target) && !known) {
                peers.push_back(session.peer);
            }
        }
    }
    if (std::find(peers.begin(), peers.end(), speaker_name(fault.peer)) == peers.end()) {
        throw netemu::UsageError(
            "'" + target.name + "' has no session with '" + fault.peer + "'",
            peers.empty() ? "it speaks no BGP" : "it has some with " + netemu::join(peers, ", "));
    }
}

void Lab::when_routed(std::function<void()> callback) {
    if (bgp_) {
        bgp_->when_converged(kFaultSeen, std::move(callback));
    } else {
        callback();
    }
}

api::Json Lab::bgp() const {
    if (!bgp_) {
        return {{"enabled", false}};
    }
    auto json = bgp_->describe();
    const auto& config = *cluster_->config().bgp;
    json["enabled"] = true;
    json["topology"] = compile::to_text(config.topology);
    json["asNumber"] = config.as_number;
    json["summary"] = bgp_->summary();
    json["pending"] = bgp_->pending();
    return json;
}

api::Json Lab::bgp_summary() const {
    return bgp_ ? bgp_->summary() : api::Json();
}

/// The routes that the kernel has of BIRD, as a part of the network, and whom they are from.
explain::RouteNotes Lab::add_bgp_routes(netemu::DesiredState& network) const {
    explain::RouteNotes notes;
    if (!bgp_) {
        return notes;
    }
    const auto views = bgp_->views();
    for (const auto& speaker : bgp_->speakers()) {
        auto& routes = network.namespaces.at(speaker.ns).routes;
        for (const auto& route : kernel_->read_routes(speaker.ns, netemu::kRouteByBird)) {
            routes.push_back(route);
        }
        const auto view = views.find(speaker.ns);
        if (view == views.end()) {
            continue;
        }
        for (const auto& route : view->second.routes) {
            const auto& sessions = view->second.sessions;
            const auto from =
                std::find_if(sessions.begin(), sessions.end(), [&](const BirdSession& each) {
                    return each.protocol == route.protocol;
                });
            if (route.best && from != sessions.end()) {
                notes[{speaker.ns, route.destination}] = "learned by BGP from " + from->peer;
            }
        }
    }
    return notes;
}

std::map<std::string, std::string> Lab::pending() const {
    auto pending = pending_pods();
    if (bgp_) {
        pending.merge(bgp_->pending());
    }
    return pending;
}

LogBuffer* Lab::bird_logs(const std::string& ns) {
    return bgp_ ? bgp_->logs(ns) : nullptr;
}

} // namespace labctl::supervisor
