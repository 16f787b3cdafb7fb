#include <algorithm>
#include <variant>

#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/vlans.h"
#include "netemu/kernel/netem.h"
#include "netemu/model/cable.h"
#include "netemu/model/impairment.h"

/// The links of the underlay, and what this kernel can do to them.
namespace labctl::supervisor {

bool Lab::has_netem() const {
    if (!has_netem_) {
        has_netem_ = netemu::has_netem();
    }
    return *has_netem_;
}

namespace {

/// The far end of a cable; nullptr for a link that is none, or not its first end.
const netemu::LinkSpec*
far_end_of(const netemu::DesiredState& desired, const netemu::LinkSpec& link) {
    const auto end = netemu::cable_peer(link.kind);
    if (!end) {
        return nullptr;
    }
    const auto& links = desired.namespaces.at(end->ns).links;
    const auto found = std::find_if(
        links.begin(), links.end(), [&](const auto& each) { return each.name == end->link; });
    return found == links.end() ? nullptr : &*found;
}

api::Json link_counters_json(const dataplane::LinkCounters& counters) {
    return {
        {"delivered", counters.delivered},
        {"deliveredBytes", counters.delivered_bytes},
        {"lost", counters.lost},
        {"duplicated", counters.duplicated},
        {"reordered", counters.reordered},
        {"corrupted", counters.corrupted},
        {"queueDrops", counters.queue_drops},
        {"undelivered", counters.undelivered}};
}

} // namespace

void Lab::note_cables(const netemu::DesiredState& desired) {
    cables_.clear();
    for (const auto& [name, ns] : desired.namespaces) {
        for (const auto& link : ns.links) {
            const auto* far = far_end_of(desired, link);
            const auto* tap = std::get_if<netemu::TapSpec>(&link.kind);
            if (far != nullptr && tap != nullptr) {
                cables_.push_back(
                    {{{{name, link.name, link.impairment},
                       {tap->peer_namespace, far->name, far->impairment}}}});
            }
        }
    }
}

/// When their devices are there.
void Lab::serve_links() {
    dataplane_->serve_links(cables_);
}

api::Json Lab::links() const {
    const auto desired = desired_state();
    auto items = api::Json::array();
    const auto end_json = [this](const std::string& ns, const netemu::LinkSpec& link) {
        api::Json json{
            {"place", ns},
            {"interface", link.name},
            {"up", link.up},
            {"impairment", netemu::to_text(link.impairment)}};
        if (const auto* counters = dataplane_->link_counters(ns, link.name)) {
            json["counters"] = link_counters_json(*counters);
        }
        return json;
    };
    for (const auto& [name, ns] : desired.namespaces) {
        for (const auto& link : ns.links) {
            const auto* far = far_end_of(desired, link);
            if (far == nullptr) {
                continue;
            }
            const std::string other = netemu::cable_peer(link.kind)->ns;
            const bool userspace = std::holds_alternative<netemu::TapSpec>(link.kind);
            if (!other.starts_with("pod/")) {
                auto& item = items.emplace_back(link_vlans(ns, link));
                item.update(link_vlans(desired.namespaces.at(other), *far));
                item.update(
                    {{"a", end_json(name, link)},
                     {"b", end_json(other, *far)},
                     {"mtu", link.mtu},
                     {"emulation", userspace ? "userspace" : "none"}});
            }
        }
    }
    return {{"kind", "LinkList"}, {"apiVersion", "labctl.dev/v1"}, {"items", std::move(items)}};
}

} // namespace labctl::supervisor
