#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/ipvs.h"
#include "netemu/model/network.h"

/// What is there: values read back from the kernel. Never mixed with what is wanted (network.h).
namespace netemu {

struct LinkInfo {
    std::string name;
    std::uint32_t index = 0;
    std::string kind; // "bridge", "veth", "vxlan", "geneve", "ipip", "wireguard", "vlan", "dummy",
                      // "tun", or empty for lo
    std::string master; // name, or empty
    MacAddress mac;
    std::uint32_t mtu = 0;
    bool up = false;               // IFF_UP
    bool hairpin = false;          // of a bridge's port
    bool vlan_filtering = false;   // of a bridge
    std::vector<PortVlan> vlans{}; // of a port of a bridge that filters; in order of their ids
    std::optional<VxlanSpec> vxlan;
    std::optional<TunSpec> tun;
    std::optional<ExternalTunnelSpec> external;
    std::optional<IpipSpec> ipip;
    std::optional<WireguardSpec> wireguard; // `roams` is false
    std::optional<VlanSpec> vlan;
    Shaper shaper = Shaper::None;    // its root queueing discipline, if it is one of ours
    Impairment impairment;           // that this does; of a Tbf rate and queue
    std::vector<IpPrefix> addresses; // without those the kernel gives itself (127.0.0.1, ::1)
};

/// A table that is there. Its contents are compared by the digest of what we last made of it, which
/// the kernel cannot change along with the table, so the Kernel keeps it, and by how much is really
/// in it: so what somebody flushed, deleted or added by hand is noticed. Not noticed is what
/// somebody exchanged for as much of something else. A table that was not made by us, or was made
/// anew by somebody, has no digest.
struct NftTableInfo {
    NftFamily family = NftFamily::Ip;
    std::string name;
    std::string digest;
    NftCounts counts;
    /// What the table contains, where that is known: in expected observations. With it a difference
    /// is a ChangeTable, without it the table is replaced.
    std::shared_ptr<const NftTable> contents{};
    /// Does not look at `contents`.
    bool operator==(const NftTableInfo& other) const {
        return family == other.family && name == other.name && digest == other.digest &&
               counts == other.counts;
    }
};

struct NamespaceInfo {
    NamespaceRole role = NamespaceRole::Pod;
    std::map<std::string, LinkInfo> links; // by name
    std::vector<RouteSpec> routes;         // main table, not those of protocol "kernel"; sorted
    std::vector<NeighbourSpec> neighbours; // permanent ones; sorted
    std::shared_ptr<const std::vector<NeighbourSpec>>
        segment_neighbours;   // only in expected observations
    std::vector<FdbSpec> fdb; // permanent VXLAN entries; sorted
    std::vector<NftTableInfo> tables;
    std::vector<VirtualServer> virtual_servers{}; // sorted
};

struct ObservedState {
    std::map<std::string, NamespaceInfo> namespaces;
};

/// The digest that is stored with a table: hexadecimal, 16 characters, stable across runs.
std::string table_digest(const NftTable& table);

} // namespace netemu
