#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "labctl/compile/network_view.h"
#include "labctl/compile/topology_draft.h"
#include "netemu/model/interface_name.h"

/// Which devices share a segment, and what their interfaces are called.
namespace labctl::compile {

namespace {

/// Behind those of a node's own devices (cni0, its tunnel, kube-ipvs0).
constexpr std::uint32_t kFurtherPortIndex = 40;

/// What a switch has for a port of which the lab file says nothing, where it keeps networks apart.
constexpr std::uint16_t kDefaultVlan = 1;

/// Sets of switches' networks that are joined to each other.
class SwitchSets {
public:
    SwitchVlan root(SwitchVlan place) {
        for (auto above = parent(place); above != place; above = parent(place)) {
            place = above;
        }
        return place;
    }
    /// False when they were joined already.
    bool join(const SwitchVlan& one, const SwitchVlan& other) {
        const auto a = root(one);
        const auto b = root(other);
        parent_[std::max(a, b)] = std::min(a, b);
        return a != b;
    }
    /// All that are joined to this one, with it.
    std::vector<SwitchVlan> with(const SwitchVlan& place) {
        std::vector<SwitchVlan> all;
        const auto wanted = root(place);
        for (const auto& [each, above] : parent_) {
            if (root(each) == wanted) {
                all.push_back(each);
            }
        }
        return all;
    }

private:
    SwitchVlan parent(const SwitchVlan& place) {
        return parent_.try_emplace(place, place).first->second;
    }

    std::map<SwitchVlan, SwitchVlan> parent_;
};

/// What crosses a link: all that has no tag, or one network with its tag.
struct Lane {
    std::uint16_t tag = 0;  // 0: without
    std::uint16_t vlan = 0; // as the lab file says; 0: it does not
};

std::vector<Lane> lanes_of(const DraftLink& link) {
    std::vector<Lane> lanes;
    if (link.trunk.empty() || link.vlan != 0) {
        lanes.push_back({0, link.vlan});
    }
    for (const auto& each : link.trunk) {
        lanes.push_back({each.id, each.id});
    }
    return lanes;
}

class Wiring {
public:
    Wiring(const TopologyDraft& draft, TopologyProblems& problems)
        : draft_(draft), problems_(problems), names_(draft.devices.size()) {}

    Topology run() {
        for (const auto& device : draft_.devices) {
            topology_.devices.push_back(
                {device.kind, device.name, device_namespace(device.kind, device.name), {}, {}, {}});
        }
        find_filters();
        for (const auto& link : draft_.links) {
            join_switches(link);
        }
        name_given();
        for (const auto& link : draft_.links) {
            add_link(link);
        }
        check_eth0();
        return std::move(topology_);
    }

private:
    [[nodiscard]] bool is_switch(std::size_t device) const {
        return draft_.devices[device].kind == DeviceKind::Switch;
    }

    /// A switch keeps networks apart if it lists some, or a link of it says of one.
    void find_filters() {
        for (std::size_t i = 0; i < draft_.devices.size(); ++i) {
            topology_.devices[i].filters = !draft_.devices[i].vlans.empty();
        }
        for (const auto& link : draft_.links) {
            for (const auto& end : link.ends) {
                auto& device = topology_.devices[end.device];
                const bool says = link.vlan != 0 || !link.trunk.empty();
                device.filters = device.filters || (is_switch(end.device) && says);
            }
        }
    }

    /// Where a lane ends at a switch.
    [[nodiscard]] SwitchVlan place_of(std::size_t device, const Lane& lane) const {
        const bool filters = topology_.devices[device].filters;
        return {device, !filters ? std::uint16_t{0} : lane.vlan != 0 ? lane.vlan : kDefaultVlan};
    }

    /// A circle of switches would carry one broadcast for ever: they speak no spanning tree.
    void join_switches(const DraftLink& link) {
        const auto one = link.ends[0].device;
        const auto other = link.ends[1].device;
        for (const auto& lane : lanes_of(link)) {
            for (const auto device : {one, other}) {
                if (is_switch(device)) {
                    (void)sets_.root(place_of(device, lane)); // now it is known
                }
            }
            const bool both = is_switch(one) && is_switch(other);
            if (both && !sets_.join(place_of(one, lane), place_of(other, lane))) {
                problems_.add(
                    link.path,
                    "this link closes a circle of switches: a broadcast would run round it for "
                    "ever",
                    "leave it out, or make routers of the switches");
                return;
            }
        }
    }

    // --- names

    void name_given() {
        for (const auto& link : draft_.links) {
            for (const auto& end : link.ends) {
                if (end.interface.empty()) {
                    continue;
                }
                const auto& device = draft_.devices[end.device];
                const bool of_node = device.kind == DeviceKind::Node;
                const bool free = end.interface != "lo" && end.interface != "br0" &&
                                  (!of_node || end.interface.starts_with("eth"));
                if (!netemu::is_valid_interface_name(end.interface) || !free) {
                    problems_.add(
                        end.path,
                        "'" + end.interface + "' cannot be the name of an interface of " +
                            device.name,
                        of_node ? "a node's are eth0, eth1, ..."
                                : "at most 15 characters, without slash, colon and spaces");
                } else if (!names_[end.device].insert(end.interface).second) {
                    problems_.add(
                        end.path,
                        device.name + " has an interface '" + end.interface + "' already");
                }
            }
        }
    }

    std::string choose_name(std::size_t device, std::size_t peer) {
        auto& taken = names_[device];
        if (is_switch(device)) {
            auto& names = port_names_[device];
            names.reserve("br0");
            for (const auto& name : taken) {
                names.reserve(name);
            }
            return names.readable("to-", draft_.devices[peer].name);
        }
        for (std::size_t number = 0;; ++number) {
            auto name = "eth" + std::to_string(number);
            if (taken.insert(name).second) {
                return name;
            }
        }
    }

    // --- links and segments

    std::size_t segment_of(const DraftLink& link, const Lane& lane) {
        const auto one = link.ends[0].device;
        const auto other = link.ends[1].device;
        if (!is_switch(one) && !is_switch(other)) {
            auto& segment = topology_.segments.emplace_back();
            segment.name = draft_.devices[one].name + "--" + draft_.devices[other].name +
                           (lane.vlan == 0 ? "" : " VLAN " + std::to_string(lane.vlan));
            return topology_.segments.size() - 1;
        }
        const auto root = sets_.root(place_of(is_switch(one) ? one : other, lane));
        const auto [known, is_new] = by_root_.try_emplace(root, topology_.segments.size());
        if (is_new) {
            auto& segment = topology_.segments.emplace_back();
            segment.name = draft_.devices[root.device].name +
                           (root.vlan == 0 ? "" : " VLAN " + std::to_string(root.vlan));
            segment.switches = sets_.with(root);
        }
        return known->second;
    }

    void add_link(const DraftLink& draft) {
        const auto number = topology_.links.size();
        auto& link = topology_.links.emplace_back();
        link.mtu = draft.mtu;
        link.userspace = draft.userspace;
        link.impairments = draft.impairments;
        for (std::size_t i = 0; i < 2; ++i) {
            const auto& end = draft.ends[i];
            auto& device = topology_.devices[end.device];
            link.ends[i] = {end.device, device.interfaces.size()};
            auto& interface = device.interfaces.emplace_back();
            interface.name = end.interface.empty()
                                 ? choose_name(end.device, draft.ends[1 - i].device)
                                 : end.interface;
            interface.index = index_of(device);
            interface.link = number;
            interface.segment = TopologyInterface::kNoSegment;
        }
        for (const auto& lane : lanes_of(draft)) {
            const auto segment = segment_of(draft, lane);
            for (std::size_t i = 0; i < 2; ++i) {
                add_lane(draft, i, lane, segment);
            }
        }
    }

    /// What of a lane is at one end of its link.
    void add_lane(const DraftLink& draft, std::size_t side, const Lane& lane, std::size_t segment) {
        const auto end = topology_.links.back().ends[side];
        auto& device = topology_.devices[end.device];
        auto& interface = device.interfaces[end.interface];
        if (!device.has_addresses()) {
            interface.segment = std::min(interface.segment, segment);
            if (device.filters) {
                const bool plain = lane.tag == 0;
                interface.port_vlans.push_back({place_of(end.device, lane).vlan, plain, plain});
                std::sort(interface.port_vlans.begin(), interface.port_vlans.end());
            }
        } else if (lane.tag == 0) {
            interface.segment = segment;
            add_member(segment, end, draft.ends[side]);
        } else {
            add_network(draft, side, lane.tag, segment);
        }
    }

    /// One network of an interface, as an interface of its own.
    void
    add_network(const DraftLink& draft, std::size_t side, std::uint16_t tag, std::size_t segment) {
        const auto end = topology_.links.back().ends[side];
        auto& device = topology_.devices[end.device];
        TopologyInterface made;
        made.parent = device.interfaces[end.interface].name;
        made.name = made.parent + "." + std::to_string(tag);
        made.link = device.interfaces[end.interface].link;
        made.segment = segment;
        made.vlan = tag;
        if (!netemu::is_valid_interface_name(made.name) ||
            !names_[end.device].insert(made.name).second) {
            problems_.add(
                draft.ends[side].path,
                "'" + made.name + "' cannot be the name of an interface of " + device.name,
                "it is taken, or longer than 15 characters: give the link's another one");
        }
        device.interfaces.push_back(std::move(made));
        device.interfaces.back().index = index_of(device);
        add_member(segment, {end.device, device.interfaces.size() - 1}, draft.ends[side]);
    }

    static std::uint32_t index_of(const TopologyDevice& device) {
        const auto number = static_cast<std::uint32_t>(device.interfaces.size());
        if (!device.has_addresses()) {
            return kFirstPortIndex + number;
        }
        return number == 1 ? kEth0Index : kFurtherPortIndex + number;
    }

    void add_member(std::size_t segment, const TopologyEnd& end, const DraftEnd& draft) {
        auto& members = topology_.segments[segment].members;
        const bool twice = std::any_of(members.begin(), members.end(), [&](const auto& each) {
            return each.device == end.device;
        });
        if (twice) {
            problems_.add(
                draft.path,
                topology_.devices[end.device].name + " is on the segment of " +
                    topology_.segments[segment].name + " already",
                "a second address there would answer for the first one, too");
        }
        members.push_back(end);
    }

    /// What a node does on the underlay it does by eth0.
    void check_eth0() {
        for (const auto& device : topology_.devices) {
            const bool has_eth0 = std::any_of(
                device.interfaces.begin(), device.interfaces.end(), [](const auto& each) {
                    return each.name == kEth0;
                });
            if (device.kind == DeviceKind::Node && !has_eth0) {
                problems_.add(
                    "spec.underlay.links",
                    "node '" + device.name + "' has no interface eth0",
                    "leave the name out, or call one of them eth0");
            }
        }
    }

    const TopologyDraft& draft_;
    TopologyProblems& problems_;
    SwitchSets sets_;
    std::vector<std::set<std::string>> names_; // of each device
    std::map<std::size_t, netemu::InterfaceNames> port_names_;
    std::map<SwitchVlan, std::size_t> by_root_; // segments of switches
    Topology topology_;
};

} // namespace

Topology wire_topology(const TopologyDraft& draft, TopologyProblems& problems) {
    return Wiring(draft, problems).run();
}

} // namespace labctl::compile
