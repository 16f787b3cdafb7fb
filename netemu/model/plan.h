#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "netemu/model/network.h"
#include "netemu/model/nft_change.h"
#include "netemu/model/observed.h"

/// The difference between what is wanted and what was observed, as an ordered list of small typed
/// operations: plain data that can be printed, counted, tested and applied.
namespace netemu {

struct CreateNamespace {
    std::string ns;
    NamespaceRole role = NamespaceRole::Pod;
    std::vector<SysctlSpec> sysctls;
};
struct DeleteNamespace {
    std::string ns;
};
/// Creates a link with its MAC address, MTU, master and up flag. Addresses are operations of their
/// own. For a VethSpec both ends come to be; the peer's flags and addresses follow in ConfigureLink
/// of its own. For lo and for a VethPeerSpec, "create" means to bring what is there to the wanted
/// state.
struct CreateLink {
    std::string ns;
    LinkSpec link; // its addresses are ignored here
};
/// Changes MTU, up flag or master of an existing link to those of `link`.
struct ChangeLink {
    std::string ns;
    LinkSpec link;
};
/// A link that is gone already is not an error: its peer, or the link that carried it, may have
/// taken it along. When this is done its name and index are free, unlike after DeleteNamespace,
/// which the kernel carries out in the background; so the outer end of a veth is deleted before its
/// peer's namespace.
struct DeleteLink {
    std::string ns;
    std::string name;
};
/// Puts the root queueing discipline of `shaper` on a link, in the place of the one that is there;
/// with Shaper::None takes it off. `mtu` is the link's.
struct SetShaper {
    std::string ns;
    std::string link;
    Shaper shaper = Shaper::None;
    Impairment impairment;
    std::uint32_t mtu = 1500;
};
/// Takes the port out of the networks in `gone`, and puts it into those in `added`, also where it
/// is in one of them in another way.
struct SetPortVlans {
    std::string ns;
    std::string link;
    std::vector<std::uint16_t> gone;
    std::vector<PortVlan> added;
};
/// Gives a WireGuard device its key and port. Its peers stay.
struct SetWireguard {
    std::string ns;
    std::string link;
    WireguardKey key;
    std::uint16_t port = 0;
};
/// Adds the peer, or brings the one that is there to this endpoint and these addresses, which it
/// takes from any other peer that has them. Its session stays.
struct SetWireguardPeer {
    std::string ns;
    std::string link;
    WireguardPeer peer;
};
/// One that is gone already is not an error.
struct RemoveWireguardPeer {
    std::string ns;
    std::string link;
    WireguardKey key;
};
struct AddAddress {
    std::string ns;
    std::string link;
    IpPrefix address;
};
/// An address that is gone already is not an error: secondary addresses go with their primary.
struct DeleteAddress {
    std::string ns;
    std::string link;
    IpPrefix address;
};
struct AddRoute {
    std::string ns;
    RouteSpec route;
};
struct DeleteRoute {
    std::string ns;
    RouteSpec route;
};
/// Adds or replaces permanent neighbours. The list may be shared between many operations.
struct AddNeighbours {
    std::string ns;
    std::shared_ptr<const std::vector<NeighbourSpec>> entries;
};
struct DeleteNeighbour {
    std::string ns;
    NeighbourSpec entry;
};
struct AddFdb {
    std::string ns;
    FdbSpec entry;
};
struct DeleteFdb {
    std::string ns;
    FdbSpec entry;
};
/// Creates the table, or replaces it whole. In one transaction, unless it is so large (thousands of
/// objects) that the kernel would need seconds for one, or does not take one that large from an
/// ordinary user: then its base chains come last, so no packet meets a part of it.
struct ReplaceTable {
    std::string ns;
    NftTable table;
};
/// Changes a table that is there, in one transaction. The change may be shared between namespaces.
struct ChangeTable {
    std::string ns;
    NftChangePtr change; // not null
    NftIdentity after;   // of the table when this is done; observation says so later
};
struct DeleteTable {
    std::string ns;
    NftFamily family = NftFamily::Ip;
    std::string name;
};

/// Creates a virtual server with its real servers.
struct AddVirtualServer {
    std::string ns;
    VirtualServer server;
};
/// Gives one that is there another scheduler or persistence; its real servers stay.
struct ChangeVirtualServer {
    std::string ns;
    VirtualServer server; // its real servers are ignored here
};
/// With its real servers. One that is gone already is not an error.
struct DeleteVirtualServer {
    std::string ns;
    VirtualServerKey key;
};
struct AddRealServer {
    std::string ns;
    VirtualServerKey key;
    RealServer server;
};
/// Another weight.
struct ChangeRealServer {
    std::string ns;
    VirtualServerKey key;
    RealServer server;
};
/// One that is gone already is not an error. Its connections end with their next packet, where
/// net/ipv4/vs/expire_nodest_conn is 1.
struct DeleteRealServer {
    std::string ns;
    VirtualServerKey key;
    RealServer server; // its weight is ignored
};

using Operation = std::variant<
    CreateNamespace,
    DeleteNamespace,
    CreateLink,
    ChangeLink,
    DeleteLink,
    SetShaper,
    SetPortVlans,
    SetWireguard,
    SetWireguardPeer,
    RemoveWireguardPeer,
    AddAddress,
    DeleteAddress,
    AddRoute,
    DeleteRoute,
    AddNeighbours,
    DeleteNeighbour,
    AddFdb,
    DeleteFdb,
    ReplaceTable,
    ChangeTable,
    DeleteTable,
    AddVirtualServer,
    ChangeVirtualServer,
    DeleteVirtualServer,
    AddRealServer,
    ChangeRealServer,
    DeleteRealServer>;

struct Plan {
    std::vector<Operation> operations;
    [[nodiscard]] bool empty() const { return operations.empty(); }
};

/// Which namespace an operation works in.
const std::string& namespace_of(const Operation& operation);

/// One line for people, close to the command of ip(8), bridge(8) or nft(8) that would do the same:
/// "node/node-1: ip link add cni0 type bridge". Virtual servers have ipvsadm(8)'s, WireGuard
/// wg(8)'s.
std::string describe(const Operation& operation);

/// Counts for the last line of `labctl plan`: {"create namespace": 12, "delete link": 1, ...}.
std::map<std::string, std::size_t> summarize(const Plan& plan);

/// What must be done to get from `observed` to `desired`. Deterministic. Order: deletions (those of
/// virtual servers in all namespaces first), then namespaces (underlay, external, nodes, pods),
/// then per namespace bridges and veths (a veth's peer namespace exists by then), then per
/// namespace its lo, peers, tunnels and VLANs, networks of ports, addresses, peers of WireGuard,
/// routes, neighbours, FDB entries, virtual servers and tables. All operations of one namespace
/// that may be batched stand next to each other. A link is recreated when its kind, index, MAC
/// address, VXLAN or VLAN attributes or peer differ; everything else changes in place. A table is
/// changed if the observation holds what it contains now (expected_observation), and replaced
/// otherwise. Tables that change in the same way in many namespaces share one NftChange. Throws
/// Error when a veth's peer or the link that a device stands on is not wanted. What we did not ask
/// for and did not make (a learned ARP entry, the kernel's own local routes) is left alone; a lo
/// that is not listed is brought down.
Plan make_plan(const DesiredState& desired, const ObservedState& observed);

/// What observation would find right after `desired` was applied to an empty host; so
/// make_plan(d, expected_observation(d)) is empty.
ObservedState expected_observation(const DesiredState& desired);

} // namespace netemu
