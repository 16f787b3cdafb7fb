#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/kernel/netlink_socket.h"
#include "netemu/kernel/packet_log.h"
#include "netemu/model/nft.h"

namespace netemu {

class Kernel;

/// One step of a packet through the rules of a namespace, as the kernel tells it (nft(8), MONITOR:
/// `nft monitor trace`).
struct TracedStep {
    enum class Kind : std::uint8_t {
        Rule,   // that matched and said something of the packet's fate
        Return, // an end of a chain that was jumped to
        Policy, // of a base chain that nothing had ended
    };
    Kind kind = Kind::Rule;
    std::uint32_t id = 0; // the same for all steps of one packet in one namespace
    NftFamily family = NftFamily::Ip;
    std::string table;
    std::string chain;
    std::uint64_t handle = 0; // of the rule
    std::string verdict;      // in the words of nft(8): "accept", "drop", "jump x", "continue"
    /// The packet as it was there, with its devices; where the kernel tells it: at the first step.
    std::optional<LoggedPacket> packet;
    /// TCP's sequence number, with `packet`: it stays when addresses are translated.
    std::optional<std::uint32_t> tcp_sequence;
};

/// Which packets to trace: those to this address, and port if it has one, of that protocol.
struct TraceFilter {
    std::uint8_t protocol = 0; // IPPROTO_*
    Endpoint to;
    bool operator==(const TraceFilter&) const = default;
};

/// Has the kernel tell the way of packets through the rules of one namespace, while it exists: the
/// tables that set `meta nftrace` belong to its socket (NFT_TABLE_F_OWNER, since Linux 5.12), so
/// they are gone with it, whatever becomes of this process. Tracing slows down the packets that it
/// is about, and no others but by one rule.
class PacketTrace {
public:
    /// The name of those tables, in the families inet and bridge.
    static constexpr const char* kTable = "labctl-trace";
    using Each = std::function<void(const TracedStep& step)>;

    /// Throws SysError: EPERM without CAP_NET_ADMIN over the namespace, EINVAL or EOPNOTSUPP when
    /// this kernel has no such tables; Error when there is no such namespace.
    PacketTrace(Kernel& kernel, const std::string& ns, const std::vector<TraceFilter>& filters);

    /// Hands over what the kernel has told since, in its order. The kernel tells a step before the
    /// packet goes on, so when a packet has been answered all of its steps are here. Never blocks.
    void read(const Each& each);

private:
    void add_table(NftFamily family, const std::vector<TraceFilter>& filters);

    std::string ns_;
    NetlinkSocket socket_;
};

/// Reads a NFT_MSG_TRACE message, without the names of devices; nullopt for families that the model
/// does not know.
std::optional<TracedStep> decode_trace(const nlmsghdr* message);

} // namespace netemu
