#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "labctl/dataplane/inner_packet.h"

/// Packets as a TUN device with a vnet header hands them over: with checksums that are still to be
/// finished, and in pieces larger than the MTU that are still to be cut (struct virtio_net_hdr of
/// linux/virtio_net.h).
namespace labctl::dataplane {

inline constexpr std::size_t kVnetHeader = 10;
inline constexpr std::size_t kTunPacketMax = 65535;

struct VnetHeader {
    bool needs_checksum = false;
    enum class Cut : std::uint8_t { No, Tcp4, Tcp6, Udp, Unknown } cut = Cut::No;
    std::uint16_t header_size = 0; // of a packet that is to be cut: with its transport header
    std::uint16_t piece_size = 0;  // payload of each piece
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0; // from there
};
/// `bytes` has at least kVnetHeader bytes.
[[nodiscard]] VnetHeader read_vnet(std::span<const std::uint8_t> bytes);
void write_vnet(const VnetHeader& header, std::uint8_t* to);

/// One's complement sum of the bytes on top of `sum`, not folded (RFC 1071).
[[nodiscard]] std::uint64_t
checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum = 0);
[[nodiscard]] std::uint16_t checksum_fold(std::uint64_t sum);
/// That of the pseudo header (RFC 9293, section 3.1; RFC 8200, section 8.1).
[[nodiscard]] std::uint64_t pseudo_sum(const InnerPacket& packet, std::size_t transport_size);

/// Finishes the checksum that begins at `start`; false if it is not within the packet.
[[nodiscard]] bool
finish_checksum(std::span<std::uint8_t> packet, std::size_t start, std::size_t offset);

/// A large packet of TCP or UDP, to be cut into pieces as the stack would have done it.
class PacketCutter {
public:
    /// nullopt if header and packet do not belong together. `packet` stays the caller's.
    static std::optional<PacketCutter>
    make(const VnetHeader& vnet, const InnerPacket& inner, std::span<const std::uint8_t> packet);

    [[nodiscard]] std::size_t pieces() const { return pieces_; }
    [[nodiscard]] std::size_t size_of(std::size_t piece) const;
    /// Writes the whole packet of a piece, size_of bytes.
    void write(std::size_t piece, std::uint8_t* to) const;
    /// The same but for the checksum of TCP or UDP: there is the sum of the pseudo header, for
    /// whoever gets the packet with a vnet header of `checksum_left`.
    void write_without_checksum(std::size_t piece, std::uint8_t* to) const;
    /// `link`: bytes in front of the packet.
    [[nodiscard]] VnetHeader checksum_left(std::size_t link) const;

private:
    std::uint8_t* write_all_but_checksum(std::size_t piece, std::uint8_t* to) const;
    void fix_ip(std::size_t piece, std::size_t size, std::uint8_t* to) const;
    void fix_tcp(std::size_t piece, std::uint8_t* to) const;

    std::span<const std::uint8_t> packet_;
    const InnerPacket* inner_ = nullptr;
    std::size_t header_ = 0;
    std::size_t piece_ = 0;
    std::size_t pieces_ = 0;
    bool tcp_ = false;
};

} // namespace labctl::dataplane
