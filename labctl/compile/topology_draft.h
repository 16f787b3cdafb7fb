#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "labctl/compile/topology.h"
#include "labctl/compile/topology_read.h"

/// The steps from a lab file to a Topology. Internal to this folder.
namespace labctl::compile {

/// Collects what is wrong, so that all of it is said at once.
class TopologyProblems {
public:
    void add(std::string path, std::string message, std::string hint = {}) {
        all_.push_back({std::move(path), std::move(message), std::move(hint)});
    }
    [[nodiscard]] bool any() const { return !all_.empty(); }
    /// Throws TopologyError if there are any.
    void finish() const;

private:
    std::vector<TopologyProblem> all_;
};

/// A network of a switch, as it lists them.
struct DraftVlan {
    std::uint16_t id = 0;
    std::vector<netemu::IpPrefix> ranges; // `cidr`
    std::string path;
};

struct DraftDevice {
    DeviceKind kind = DeviceKind::Host;
    std::string name;
    std::string path;                     // "spec.underlay.routers[0]", or "" of what nobody wrote
    std::vector<netemu::IpPrefix> ranges; // a switch's `cidr`
    std::vector<DraftVlan> vlans{};       // a switch's
    api::Json nat;                        // as written
    api::Json routes;                     // likewise
};

struct DraftEnd {
    std::size_t device = 0;
    std::string interface;                   // as written, or empty
    std::vector<netemu::IpPrefix> addresses; // likewise; length 0: that of the segment
    std::string path;
};

/// A network that crosses a link with its tag.
struct DraftTrunk {
    std::uint16_t id = 0;
    std::array<DraftEnd, 2> ends; // addresses alone
};

struct DraftLink {
    std::array<DraftEnd, 2> ends;
    std::uint16_t vlan = 0;        // of what crosses it without a tag; 0: not said
    std::vector<DraftTrunk> trunk; // in order of their ids
    std::uint32_t mtu = 1500;
    bool userspace = false;
    std::array<netemu::Impairment, 2> impairments{}; // of what leaves by that end
    std::vector<netemu::IpPrefix> ranges;            // `cidr`
    std::string path;
};

struct TopologyDraft {
    std::vector<DraftDevice> devices;
    std::vector<DraftLink> links;
    std::vector<netemu::IpPrefix> ranges; // to take segments' ranges from; one per family
    std::vector<netemu::IpPrefix> foreign;
    bool routed = true; // routes are computed
};

/// topology_read.cc: devices and links, with the nodes and `external` attached.
TopologyDraft read_draft(const TopologyQuestion& question, TopologyProblems& problems);
/// A range, a list of ranges, or a text with commas.
std::vector<netemu::IpPrefix>
read_topology_ranges(const api::Json& json, const std::string& path, TopologyProblems& problems);

/// topology_links.cc: what a link does to packets: `delay`, `loss` and the others, for both
/// directions, and those of `towards`, for one. `names` are the ends as `endpoints` has them.
void read_impairments(
    const api::Json& link,
    const std::string& path,
    const std::array<std::string, 2>& names,
    DraftLink& draft,
    TopologyProblems& problems);

/// Likewise: who carries a link, by its `emulation` or else that of the underlay. Call it when the
/// MTU is read.
void read_emulation(
    const api::Json& underlay, const api::Json& link, DraftLink& draft, TopologyProblems& problems);

/// topology_vlans.cc: `vlans` of a switch, and `vlan` and `trunk` of a link, whose ends are read.
std::vector<DraftVlan>
read_switch_vlans(const api::Json& json, const std::string& path, TopologyProblems& problems);
void read_link_vlans(
    const api::Json& link,
    const std::vector<DraftDevice>& devices,
    DraftLink& draft,
    TopologyProblems& problems);
/// containerlab's `ipv4: [A, B]` and `ipv6`, one for each end; empty or null for "choose one".
void read_end_addresses(
    const api::Json& json,
    const std::string& path,
    const std::vector<DraftDevice>& devices,
    std::array<DraftEnd, 2>& ends,
    TopologyProblems& problems);

/// topology_segments.cc: devices, links and segments, without addresses.
Topology wire_topology(const TopologyDraft& draft, TopologyProblems& problems);
/// topology_addresses.cc: the ranges of segments and the addresses in them.
void address_topology(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems);
/// topology_routes.cc: `nat`, routes as written, and computed ones.
void route_topology(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems);

} // namespace labctl::compile
