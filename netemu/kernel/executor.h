#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "netemu/kernel/ipvs_codec.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/namespace_table.h"
#include "netemu/kernel/nft_program.h"

namespace netemu {

/// Carries out one plan: turns its operations into netlink messages and sends those of one
/// namespace together. One object per plan. The thread is at home whenever a member returns or
/// throws, and whenever `progress` is called.
///
/// The operations of a namespace are collected until one of another namespace comes, a batch is
/// full, or an operation of another kind needs its place; so an error is noticed a batch later, and
/// what follows in the same batch is done nevertheless.
class Executor {
public:
    Executor(NamespaceTable& table, const Plan& plan, const Kernel::Progress& progress);

    void run();

    // One operation each. For std::visit.
    void operator()(const CreateNamespace& operation);
    void operator()(const DeleteNamespace& operation);
    void operator()(const CreateLink& operation);
    void operator()(const ChangeLink& operation);
    void operator()(const DeleteLink& operation);
    void operator()(const SetShaper& operation);
    void operator()(const SetPortVlans& operation);
    void operator()(const SetWireguard& operation);
    void operator()(const SetWireguardPeer& operation);
    void operator()(const RemoveWireguardPeer& operation);
    void operator()(const AddAddress& operation);
    void operator()(const DeleteAddress& operation);
    void operator()(const AddRoute& operation);
    void operator()(const DeleteRoute& operation);
    void operator()(const AddNeighbours& operation);
    void operator()(const DeleteNeighbour& operation);
    void operator()(const AddFdb& operation);
    void operator()(const DeleteFdb& operation);
    void operator()(const ReplaceTable& operation);
    void operator()(const ChangeTable& operation);
    void operator()(const DeleteTable& operation);
    void operator()(const AddVirtualServer& operation);
    void operator()(const ChangeVirtualServer& operation);
    void operator()(const DeleteVirtualServer& operation);
    void operator()(const AddRealServer& operation);
    void operator()(const ChangeRealServer& operation);
    void operator()(const DeleteRealServer& operation);

private:
    struct Port {
        std::string ns;
        std::uint32_t index;
    };

    /// Makes `ns` the one that messages are collected for.
    LiveNamespace& go_to(const std::string& ns);
    void flush();
    /// The batch of IPVS's messages of `ns`, and the number of their family.
    IpvsBatch servers_of(const std::string& ns, std::span<const int> tolerated);
    /// The same of WireGuard's.
    GenericBatch wireguard_of(const std::string& ns, std::span<const int> tolerated);
    void check(const Batch& batch, const std::vector<NetlinkFailure>& failures);
    /// Sends a program in transactions of at most `messages_max` messages, as few as possible; what
    /// is refused with one of `tolerated` is done.
    void send_program(
        const std::string& ns,
        const NftProgram& program,
        std::size_t messages_max,
        std::span<const int> tolerated);
    /// Sends one piece of it.
    void send_piece(
        LiveNamespace& live,
        const NftProgram& program,
        const NftProgram::Piece& piece,
        std::span<const int> tolerated);
    void remember_carrier(const std::string& ns, const LinkSpec& link);
    void remember_tap(const std::string& ns, const LinkSpec& link);
    void join_taps();
    /// Has the kernel deal with pending carrier changes now, so that the first packet is not
    /// dropped.
    void settle(const std::vector<Port>& ports);
    /// Waits until the IPv6 addresses of this plan take packets: a worker of the kernel enters them
    /// into the routing table and joins their multicast groups (addrconf_dad_work), which takes it
    /// long on a busy machine. Gives up after a second: addresses of links that are down stay away.
    void await_addresses();
    /// Has the peers of this plan make their sessions, now that packets can pass, and waits for
    /// them. Of each two the one with the greater key begins, and keeps the session alive: where
    /// both begin at the same moment, neither's handshake succeeds, and the next comes after 5 s
    /// (wireguard.com/protocol). Gives up after a second: a peer may be out of reach.
    void open_sessions();
    bool is_local(const std::string& ns, const IpAddress& address);
    /// Spares the tunnels of this plan what they do not need (link_offload.h).
    void tune_tunnels();
    void configure(LiveNamespace& ns, const LinkSpec& link);
    void create_tun(LiveNamespace& ns, const LinkSpec& link);
    void put_fallback_aside(LiveNamespace& ns, const std::string& name);
    void report(bool last);
    /// Where deletions go wrong because there is nothing left to delete, they are done.
    void tolerate_absence();
    std::optional<std::uint32_t> index_if_there(const std::string& ns, const std::string& link);
    /// Deletes the links of all DeleteLink operations from here on that are of one namespace.
    std::size_t delete_links(std::size_t first);

    NamespaceTable& table_;
    const Plan& plan_;
    const Kernel::Progress& progress_;
    NamespaceScope scope_;
    Batch batch_;
    Batch servers_;   // what goes to IPVS
    Batch wireguard_; // what goes to WireGuard
    LiveNamespace* current_ = nullptr;
    std::string current_name_;
    std::size_t at_ = 0;          // the operation that is being carried out
    NftChangePtr encoded_change_; // of the last ChangeTable: many nodes get the same one
    std::optional<NftProgram> change_program_;
    std::size_t pieces_sent_ = 0; // of the last program
    std::vector<Port> ports_;
    std::vector<Port> bridges_;
    struct Tunnel {
        std::string ns;
        std::string link;
    };
    std::vector<Tunnel> tunnels_; // that need no generic receive offload
    struct TapEnd {
        std::string ns;
        std::string link;
        TapSpec tap;
    };
    std::vector<TapEnd> taps_; // that were made or changed
    struct Added {
        std::string ns;
        IpAddress address;
    };
    std::vector<Added> addresses_; // of IPv6
    struct Peer {
        std::string ns;
        std::string link;
        WireguardKey key;
    };
    std::vector<Peer> peers_; // of WireGuard devices
};

} // namespace netemu
