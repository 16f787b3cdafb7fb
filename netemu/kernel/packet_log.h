#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/base/unique_fd.h"

namespace netemu {

class Kernel;

/// A packet that a rule with `log group N` has seen, as far as its headers were copied.
struct LoggedPacket {
    std::chrono::system_clock::time_point time; // when it was read
    std::string prefix;                         // of the rule; at most 127 bytes
    std::string in_link;       // the port of a bridge rather than the bridge; empty: none (output)
    std::string out_link;      // likewise; empty: none (input)
    std::uint8_t protocol = 0; // IPPROTO_*
    Endpoint source;           // port 0 where the protocol has none, or in a later fragment
    Endpoint destination;
    std::uint8_t tcp_flags = 0; // as in the header: 0x02 SYN, 0x10 ACK
    std::uint8_t icmp_type = 0; // of ICMP and ICMPv6
    std::uint16_t echo_id = 0;  // of echo requests and replies
    std::uint16_t echo_sequence = 0;
};

/// Reads the headers at the beginning of an IP packet: the network header, the known extension
/// headers of IPv6 (RFC 8200 section 4.1), and of TCP, UDP, SCTP, ICMP and ICMPv6 what LoggedPacket
/// has. What is cut short keeps its default; nullopt when not even the addresses are there. Only
/// these members are set. The bytes may be anything.
std::optional<LoggedPacket> read_headers(std::span<const std::uint8_t> bytes);

/// Listens to one group of the kernel's packet log (nfnetlink_log, `log group N` of nft(8)) in one
/// namespace. Every packet is told at once (threshold 1), its first kPacketBytes alone. There is
/// one listener of a group in a namespace at most. Closing it has the kernel forget the group.
class PacketLog {
public:
    static constexpr std::size_t kPacketBytes = 128;
    using Each = std::function<void(const LoggedPacket& packet)>;

    /// Takes a socket of AF_NETLINK, NETLINK_NETFILTER that was made in the namespace,
    /// non-blocking. Throws SysError: EPERM when somebody listens already, or without CAP_NET_ADMIN
    /// over the namespace; EINVAL or EOPNOTSUPP when this kernel has no packet log.
    PacketLog(UniqueFd socket, std::uint16_t group);
    /// The same in a namespace of a lab.
    PacketLog(Kernel& kernel, const std::string& ns, std::uint16_t group);

    /// To be watched for EPOLLIN, level-triggered.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Hands over what waits, at most kReadsMax packets of it. Never blocks.
    void read(const Each& each);
    static constexpr std::size_t kReadsMax = 512;

    /// Packets that were logged but found no room in the socket's buffer.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    void configure(std::uint16_t group);
    /// One message of the kernel; returns its error number, or nullopt when it is no answer.
    std::optional<int> take(std::span<const char> bytes, const Each& each);
    std::string link_name(std::uint32_t index);

    UniqueFd fd_;
    std::vector<LoggedPacket> early_; // came while the group was being set up
    std::unordered_map<std::uint32_t, std::string> links_;
    std::optional<std::uint32_t> sequence_; // of the last packet
    std::uint64_t lost_ = 0;
};

} // namespace netemu
