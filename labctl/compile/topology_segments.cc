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

/// Sets of switches that are joined to each other.
class SwitchSets {
public:
    explicit SwitchSets(std::size_t devices) : parent_(devices) {
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    }
    std::size_t root(std::size_t device) {
        while (parent_[device] != device) {
            device = parent_[device] = parent_[parent_[device]];
        }
        return device;
    }
    /// False when they were joined already.
    bool join(std::size_t one, std::size_t other) {
        const auto a = root(one);
        const auto b = root(other);
        parent_[std::max(a, b)] = std::min(a, b);
        return a != b;
    }

private:
    std::vector<std::size_t> parent_;
};

class Wiring {
public:
    Wiring(const TopologyDraft& draft, TopologyProblems& problems)
        : draft_(draft), problems_(problems), sets_(draft.devices.size()),
          names_(draft.devices.size()) {}

    Topology run() {
        for (const auto& device : draft_.devices) {
            topology_.devices.push_back(
                {device.kind, device.name, device_namespace(device.kind, device.name), {}, {}, {}});
        }
        join_switches();
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

    /// A circle of switches would carry one broadcast for ever: they speak no spanning tree.
    void join_switches() {
        for (const auto& link : draft_.links) {
            const auto one = link.ends[0].device;
            const auto other = link.ends[1].device;
            if (is_switch(one) && is_switch(other) && !sets_.join(one, other)) {
                problems_.add(
                    link.path,
                    "this link closes a circle of switches: a broadcast would run round it for "
                    "ever",
                    "leave it out, or make routers of the switches");
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

    std::size_t segment_of(const DraftLink& link) {
        const auto one = link.ends[0].device;
        const auto other = link.ends[1].device;
        if (!is_switch(one) && !is_switch(other)) {
            auto& segment = topology_.segments.emplace_back();
            segment.name = draft_.devices[one].name + "--" + draft_.devices[other].name;
            return topology_.segments.size() - 1;
        }
        const auto root = sets_.root(is_switch(one) ? one : other);
        const auto [known, is_new] = by_root_.try_emplace(root, topology_.segments.size());
        if (is_new) {
            auto& segment = topology_.segments.emplace_back();
            segment.name = draft_.devices[root].name;
            for (std::size_t i = 0; i < draft_.devices.size(); ++i) {
                if (is_switch(i) && sets_.root(i) == root) {
                    segment.switches.push_back(i);
                }
            }
        }
        return known->second;
    }

    void add_link(const DraftLink& draft) {
        const auto segment = segment_of(draft);
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
            interface.segment = segment;
            if (device.has_addresses()) {
                add_member(segment, link.ends[i], end);
            }
        }
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
    std::map<std::size_t, std::size_t> by_root_; // segments of switches
    Topology topology_;
};

} // namespace

Topology wire_topology(const TopologyDraft& draft, TopologyProblems& problems) {
    return Wiring(draft, problems).run();
}

} // namespace labctl::compile
