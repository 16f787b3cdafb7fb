#include <algorithm>
#include <map>
#include <set>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/topology_draft.h"
#include "netemu/base/text.h"

/// The ranges of segments, and the addresses in them.
namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;

constexpr unsigned kSegmentLengthV4 = 24;
constexpr unsigned kSegmentLengthV6 = 64;
constexpr std::uint64_t kSegmentsMax = 65536;

bool same_family(const IpPrefix& one, const IpPrefix& other) {
    return one.address.family() == other.address.family();
}

const IpPrefix* of_family(const std::vector<IpPrefix>& ranges, netemu::Family family) {
    const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const IpPrefix& each) {
        return each.address.family() == family;
    });
    return found == ranges.end() ? nullptr : &*found;
}

/// Addresses that look alike in their last four bytes get different ones on different segments.
netemu::MacAddress interface_mac(const IpAddress& address, std::size_t segment) {
    auto mac = netemu::MacAddress::for_ip(address);
    if (address.is_v6()) {
        mac.bytes[2] = static_cast<std::uint8_t>(segment >> 8U);
        mac.bytes[3] = static_cast<std::uint8_t>(segment);
    }
    return mac;
}

class Addressing {
public:
    Addressing(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems)
        : draft_(draft), topology_(topology), problems_(problems) {}

    void run() {
        find_links();
        given_ranges();
        check_ranges();
        for (auto& segment : topology_.segments) {
            choose_ranges(segment);
        }
        problems_.finish();
        for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
            address_members(i);
        }
        give_macs();
    }

private:
    /// The end as the lab file has it.
    [[nodiscard]] const DraftEnd& written(const TopologyEnd& end) const {
        const auto& interface = topology_.at(end);
        const auto& draft = draft_.links[interface.link];
        const auto side = topology_.links[interface.link].ends[0].device == end.device ? 0U : 1U;
        for (const auto& each : draft.trunk) {
            if (interface.vlan == each.id) {
                return each.ends.at(side);
            }
        }
        return draft.ends.at(side);
    }

    void find_links() {
        for (std::size_t i = 0; i < topology_.links.size(); ++i) {
            links_of_[topology_.at(topology_.links[i].ends[0]).segment].push_back(i);
        }
    }

    // --- ranges

    void given_ranges() {
        for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
            auto& segment = topology_.segments[i];
            for (const auto& place : segment.switches) {
                take_switch_ranges(segment, place);
            }
            for (const auto link : links_of_[i]) {
                const auto& draft = draft_.links[link];
                if (!draft.ranges.empty() && !segment.switches.empty()) {
                    problems_.add(
                        draft.path + ".cidr",
                        "the range of this link is that of the switch",
                        "give it to switch '" + segment.name + "'");
                    continue;
                }
                for (const auto& range : draft.ranges) {
                    take_range(segment, range, draft.path + ".cidr");
                }
            }
            for (const auto& member : segment.members) {
                ranges_of_addresses(segment, written(member));
            }
        }
    }

    /// `cidr` is that of its only network, or of the one of ports of which nothing is said.
    void take_switch_ranges(TopologySegment& segment, const SwitchVlan& place) {
        const auto& draft = draft_.devices[place.device];
        for (const auto& range : place.vlan <= 1 ? draft.ranges : std::vector<IpPrefix>{}) {
            take_range(segment, range, draft.path + ".cidr");
        }
        for (const auto& vlan : draft.vlans) {
            for (const auto& range :
                 vlan.id == place.vlan ? vlan.ranges : std::vector<IpPrefix>{}) {
                take_range(segment, range, vlan.path + ".cidr");
            }
        }
    }

    /// An address that is written with its length says what the segment's range is.
    void ranges_of_addresses(TopologySegment& segment, const DraftEnd& end) {
        for (const auto& address : end.addresses) {
            if (address.length != 0 &&
                of_family(segment.ranges, address.address.family()) == nullptr) {
                take_range(segment, address.network(), end.path);
            }
        }
    }

    void take_range(TopologySegment& segment, const IpPrefix& range, const std::string& path) {
        if (of_family(draft_.ranges, range.address.family()) == nullptr) {
            problems_.add(
                path,
                range.to_string() + ": this underlay has no " +
                    (range.address.is_v4() ? "IPv4" : "IPv6") + " addresses",
                "give spec.underlay.cidr, and with nodes spec.podCIDR, a range of that family, "
                "too");
            return;
        }
        if (const auto* known = of_family(segment.ranges, range.address.family())) {
            if (*known != range) {
                problems_.add(
                    path,
                    range.to_string() + " is not " + known->to_string() +
                        ", the range of the segment of " + segment.name);
            }
            return;
        }
        segment.ranges.push_back(range);
        given_.emplace_back(range, path);
    }

    void check_ranges() {
        for (std::size_t i = 0; i < given_.size(); ++i) {
            const auto& [range, path] = given_[i];
            for (std::size_t j = 0; j < i; ++j) {
                if (range.overlaps(given_[j].first)) {
                    problems_.add(
                        path,
                        range.to_string() + " overlaps " + given_[j].first.to_string() + " (" +
                            given_[j].second + ")",
                        "every segment needs a range of its own");
                }
            }
            for (const auto& foreign : draft_.foreign) {
                if (range.overlaps(foreign)) {
                    problems_.add(
                        path,
                        range.to_string() + " overlaps " + foreign.to_string() +
                            ", a range of pods or Services");
                }
            }
        }
    }

    void choose_ranges(TopologySegment& segment) {
        std::vector<IpPrefix> ranges;
        for (const auto& pool : draft_.ranges) {
            const auto* given = of_family(segment.ranges, pool.address.family());
            if (given != nullptr) {
                ranges.push_back(*given);
            } else if (const auto chosen = next_range(pool)) {
                ranges.push_back(*chosen);
            } else {
                problems_.add(
                    "spec.underlay.cidr",
                    pool.to_string() + " has no room for a range for each of " +
                        std::to_string(topology_.segments.size()) + " segments",
                    pool.address.is_v4() ? "each gets a /24: 172.18.0.0/16 has 256 of them"
                                         : "each gets a /64: fd00:172:18::/48 has 65536 of them");
                problems_.finish();
            }
        }
        segment.ranges = std::move(ranges);
    }

    std::optional<IpPrefix> next_range(const IpPrefix& pool) {
        const unsigned length = pool.address.is_v4() ? kSegmentLengthV4 : kSegmentLengthV6;
        if (pool.length > length) {
            return topology_.segments.size() == 1 ? std::optional(pool) : std::nullopt;
        }
        const auto bits = std::min(length - pool.length, 16U);
        auto& next = next_[pool.address.family()];
        while (next < std::min(kSegmentsMax, std::uint64_t{1} << bits)) {
            const auto range = subnet(pool, length, next++);
            const bool taken = std::any_of(given_.begin(), given_.end(), [&](const auto& each) {
                return each.first.overlaps(range);
            });
            if (!taken) {
                return range;
            }
        }
        return std::nullopt;
    }

    // --- addresses

    void address_members(std::size_t number) {
        auto& segment = topology_.segments[number];
        for (const auto& range : segment.ranges) {
            taken_.clear();
            for (const auto& member : segment.members) {
                take_written(segment, member, range);
            }
            // Routers first, so that a segment's gateway is where people look for it.
            auto members = segment.members;
            std::stable_sort(
                members.begin(), members.end(), [&](const auto& left, const auto& right) {
                    return rank(left) < rank(right);
                });
            for (const auto& member : members) {
                choose_address(segment, member, range);
            }
        }
    }

    [[nodiscard]] int rank(const TopologyEnd& end) const {
        const auto kind = topology_.devices[end.device].kind;
        return kind == DeviceKind::Router ? 0 : kind == DeviceKind::External ? 1 : 2;
    }

    std::vector<IpPrefix>& addresses_of(const TopologyEnd& end) {
        return topology_.devices[end.device].interfaces[end.interface].addresses;
    }

    void
    take_written(const TopologySegment& segment, const TopologyEnd& end, const IpPrefix& range) {
        for (const auto& address : written(end).addresses) {
            if (!same_family(address, range)) {
                continue;
            }
            const auto& path = written(end).path;
            const auto text = address.address.to_string();
            const bool edge = range.length < address.address.bits() - 1 &&
                              (address.address == range.address ||
                               (address.address.is_v4() && address.address == range.last()));
            if (!range.contains(address.address) || edge) {
                problems_.add(
                    path,
                    text + " is no address of a host in " + range.to_string() +
                        ", the range of the segment of " + segment.name);
            } else if (address.length != 0 && address.length != range.length) {
                problems_.add(
                    path,
                    address.to_string() + " has another length than " + range.to_string() +
                        ", the range of the segment of " + segment.name);
            } else if (!taken_.insert(address.address).second) {
                problems_.add(path, text + " is there twice");
            } else {
                addresses_of(end).push_back({address.address, range.length});
            }
        }
    }

    void
    choose_address(const TopologySegment& segment, const TopologyEnd& end, const IpPrefix& range) {
        auto& addresses = addresses_of(end);
        if (of_family(addresses, range.address.family()) != nullptr) {
            return;
        }
        const bool pair = range.length == range.address.bits() - 1; // RFC 3021, RFC 6164
        const std::uint64_t end_offset = range.size() - (range.address.is_v4() && !pair ? 1 : 0);
        for (std::uint64_t offset = pair ? 0 : 1; offset < end_offset; ++offset) {
            const auto address = range.address.plus(offset);
            if (taken_.insert(address).second) {
                addresses.push_back({address, range.length});
                return;
            }
        }
        problems_.add(
            written(end).path,
            range.to_string() + ", the range of the segment of " + segment.name +
                ", has no address left for " + topology_.devices[end.device].name);
    }

    void give_macs() {
        for (auto& device : topology_.devices) {
            for (auto& interface : device.interfaces) {
                if (!interface.addresses.empty()) {
                    interface.mac =
                        interface_mac(interface.addresses.front().address, interface.segment);
                }
            }
            share_macs(device);
        }
        for (std::size_t i = 0; i < topology_.links.size(); ++i) {
            give_port_macs(i);
        }
    }

    /// Networks of an interface have its own address of the link layer, and it has the first of
    /// theirs where it has no address.
    static void share_macs(TopologyDevice& device) {
        for (auto& interface : device.interfaces) {
            for (auto& parent : device.interfaces) {
                if (interface.vlan != 0 && interface.parent == parent.name) {
                    parent.mac = parent.mac == netemu::MacAddress{} ? interface.mac : parent.mac;
                    interface.mac = parent.mac;
                }
            }
        }
    }

    /// A switch's port has that of the other end with another first byte, as everywhere in a lab.
    void give_port_macs(std::size_t number) {
        const auto& ends = topology_.links[number].ends;
        for (std::size_t i = 0; i < 2; ++i) {
            auto& device = topology_.devices[ends[i].device];
            if (device.has_addresses()) {
                continue;
            }
            auto& port = device.interfaces[ends[i].interface];
            const auto& peer = topology_.at(ends[1 - i]);
            if (topology_.devices[ends[1 - i].device].has_addresses()) {
                port.mac = outer_mac(peer.mac);
            } else { // between two switches
                port.mac = netemu::MacAddress{
                    {0x0e,
                     0x59,
                     static_cast<std::uint8_t>(number >> 8U),
                     static_cast<std::uint8_t>(number),
                     0,
                     static_cast<std::uint8_t>(i)}};
            }
        }
    }

    const TopologyDraft& draft_;
    Topology& topology_;
    TopologyProblems& problems_;
    std::map<std::size_t, std::vector<std::size_t>> links_of_; // of a segment
    std::vector<std::pair<IpPrefix, std::string>> given_;
    std::map<netemu::Family, std::uint64_t> next_;
    std::set<IpAddress> taken_; // on the segment that is dealt with
};

} // namespace

void address_topology(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems) {
    Addressing(draft, topology, problems).run();
}

} // namespace labctl::compile
