#include <algorithm>
#include <map>
#include <optional>

#include "labctl/compile/bgp_sessions.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology.h"

namespace labctl::compile {

namespace {

constexpr std::uint32_t kFirstRackAs = 65001; // for private use (RFC 6996)

class Racks {
public:
    Racks(const ClusterConfig& config, const BgpShutDowns& down, std::vector<BgpSpeaker>& speakers)
        : topology_(*config.topology), down_(down), speakers_(speakers) {}

    void run() {
        find_racks();
        number_routers();
        const auto others = speakers_.size();
        speakers_.reserve(others + numbers_.size()); // sessions are made by their places
        for (std::size_t i = 0; i < others; ++i) {
            note_speaker(i);
        }
        for (const auto& [device, number] : numbers_) {
            add_router(device, number);
        }
        for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
            connect_segment(topology_.segments[i]);
        }
    }

private:
    [[nodiscard]] bool speaks(std::size_t device) const {
        const auto& each = topology_.devices[device];
        return each.kind == DeviceKind::Router && !each.nat;
    }

    /// Routers that have nodes in common are of one rack, which has the number of its first one.
    void find_racks() {
        for (std::size_t i = 0; i < topology_.devices.size(); ++i) {
            if (topology_.devices[i].kind != DeviceKind::Node) {
                continue;
            }
            std::optional<std::size_t> rack;
            for (const auto& end : topology_.routers_of({i, 0})) {
                const auto known = racks_.find(end.device);
                const auto here = known == racks_.end() ? end.device : known->second;
                rack = std::min(rack.value_or(here), here);
            }
            for (const auto& end : topology_.routers_of({i, 0})) {
                join(end.device, *rack);
            }
        }
    }

    void join(std::size_t router, std::size_t rack) {
        const auto [known, fresh] = racks_.try_emplace(router, rack);
        const auto before = known->second;
        for (auto& [device, each] : racks_) {
            each = !fresh && each == before ? rack : each;
        }
    }

    /// Racks first, in the order of their routers, then all others.
    void number_routers() {
        std::map<std::size_t, std::uint32_t> of_racks;
        auto next = kFirstRackAs;
        for (const auto& [device, rack] : racks_) {
            const auto [number, fresh] = of_racks.try_emplace(rack, next);
            next += fresh ? 1 : 0;
            numbers_[device] = number->second;
        }
        for (std::size_t i = 0; i < topology_.devices.size(); ++i) {
            if (speaks(i) && !numbers_.contains(i)) {
                numbers_[i] = next++;
            }
        }
    }

    /// A node, which is of its rack, or the outside.
    void note_speaker(std::size_t number) {
        auto& speaker = speakers_[number];
        const auto* device = topology_.find_ns(speaker.ns);
        if (device == nullptr) {
            return;
        }
        const auto place = static_cast<std::size_t>(device - topology_.devices.data());
        by_device_[place] = number;
        if (device->kind == DeviceKind::Node) {
            speaker.services_inside = true;
            for (const auto& end : topology_.routers_of({place, 0})) {
                speaker.as_number = numbers_.at(end.device);
            }
        }
    }

    void add_router(std::size_t number, std::uint32_t as_number) {
        const auto& device = topology_.devices[number];
        BgpSpeaker speaker;
        speaker.name = device.name;
        speaker.ns = device.ns;
        speaker.as_number = as_number;
        speaker.reflects = true;
        speaker.transit = true;
        for (const auto& interface : device.interfaces) {
            if (!interface.addresses.empty()) {
                speaker.router_id = router_id_of(interface.addresses.front().address);
                break;
            }
        }
        by_device_[number] = speakers_.size();
        speakers_.push_back(std::move(speaker));
    }

    /// Every router with all others there; those of one rack have the nodes in common.
    void connect_segment(const TopologySegment& segment) {
        for (std::size_t i = 0; i < segment.members.size(); ++i) {
            for (std::size_t j = i + 1; j < segment.members.size(); ++j) {
                connect_members(segment.members[i], segment.members[j]);
            }
        }
    }

    void connect_members(const TopologyEnd& one, const TopologyEnd& other) {
        const auto first = by_device_.find(one.device);
        const auto second = by_device_.find(other.device);
        const bool routers = speaks(one.device) || speaks(other.device);
        if (first == by_device_.end() || second == by_device_.end() || !routers) {
            return;
        }
        auto& a = speakers_[first->second];
        auto& b = speakers_[second->second];
        if (a.transit && b.transit && a.as_number == b.as_number) {
            return;
        }
        connect_speakers(
            {&a, topology_.at(one).addresses},
            {&b, topology_.at(other).addresses},
            {kind_of(b), kind_of(a)},
            down_);
    }

    /// As Calico names the sessions of its BGPPeers, by whom they are with.
    static const char* kind_of(const BgpSpeaker& peer) {
        return peer.transit ? "Router_" : "Node_";
    }

    const Topology& topology_;
    const BgpShutDowns& down_;
    std::vector<BgpSpeaker>& speakers_;
    std::map<std::size_t, std::size_t> racks_;     // of routers
    std::map<std::size_t, std::uint32_t> numbers_; // autonomous systems of routers
    std::map<std::size_t, std::size_t> by_device_; // places in speakers_
};

} // namespace

void add_racks(
    const ClusterConfig& config, const BgpShutDowns& down, std::vector<BgpSpeaker>& speakers) {
    Racks(config, down, speakers).run();
}

} // namespace labctl::compile
