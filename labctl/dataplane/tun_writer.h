#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tun_packet.h"

namespace labctl::dataplane {

/// Gives packets to a TUN device with a vnet header. Pieces of one TCP flow that follow each other,
/// and datagrams of one size from one socket to another, are put together again first, so that the
/// stack sees them once: what a network card's driver does with what it receives
/// (Documentation/networking/segmentation-offloads.rst, GRO).
class TunWriter {
public:
    TunWriter();

    /// Writes the packet, now or with the ones that come next. `packet` holds exactly what the IP
    /// header says.
    void write(int tun, const InnerPacket& inner, std::span<const std::uint8_t> packet);
    /// The same for a frame of a TAP device, with its vnet header, which stays as it is if nothing
    /// can be put behind it. `link`: bytes in front of the packet of IP.
    void write_frame(
        int tap, const InnerPacket& inner, std::span<const std::uint8_t> frame, std::size_t link);
    /// Writes what waits.
    void flush();
    /// How many packets devices did not take since the last call.
    std::size_t take_refused() { return std::exchange(refused_, 0); }

private:
    [[nodiscard]] static std::size_t
    payload_at(const InnerPacket& inner, std::span<const std::uint8_t> packet);
    /// A packet of IP, and what is in front of it: the vnet header, and of a frame more.
    struct Parts {
        std::span<const std::uint8_t> lead;
        std::span<const std::uint8_t> packet;
    };
    void write_parts(int tun, const InnerPacket& inner, const Parts& parts);
    [[nodiscard]] bool continues(const InnerPacket& inner, const Parts& parts) const;
    void append(std::span<const std::uint8_t> payload, std::uint8_t flags);
    void begin(int tun, const InnerPacket& inner, const Parts& parts);
    void append_piece(std::span<const std::uint8_t> payload);
    [[nodiscard]] bool follows_tcp(std::span<const std::uint8_t> packet) const;
    [[nodiscard]] bool is_udp() const;
    [[nodiscard]] VnetHeader finish_headers();
    void write_pieces(const VnetHeader& vnet);

    std::vector<std::uint8_t> bytes_; // the lead, and a packet
    std::size_t lead_ = 0;            // its size
    std::size_t size_ = 0;            // of the packet; 0: none waits
    std::size_t refused_ = 0;         // packets
    int tun_ = -1;
    InnerPacket inner_;
    std::size_t header_ = 0; // of IP and transport; 0: nothing may be put behind it
    std::size_t piece_ = 0;  // payload of each piece but the last
    std::size_t pieces_ = 0;
    std::uint32_t next_ = 0;        // sequence number
    std::vector<std::uint8_t> one_; // vnet header and packet, where pieces are written one by one
    bool joins_udp_ = true;         // until the kernel refuses: Linux takes that since 6.2
};

} // namespace labctl::dataplane
