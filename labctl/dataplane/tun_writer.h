#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "labctl/dataplane/inner_packet.h"
#include "labctl/dataplane/tun_packet.h"

namespace labctl::dataplane {

/// Gives packets to a TUN device with a vnet header. Pieces of one TCP flow that follow each other
/// are put together again first, so that the stack sees them once: what a network card's driver
/// does with what it receives (Documentation/networking/segmentation-offloads.rst, GRO).
class TunWriter {
public:
    TunWriter();

    /// Writes the packet, now or with the ones that come next. `packet` holds exactly what the IP
    /// header says.
    void write(int tun, const InnerPacket& inner, std::span<const std::uint8_t> packet);
    /// Writes what waits.
    void flush();

private:
    [[nodiscard]] static std::size_t
    payload_at(const InnerPacket& inner, std::span<const std::uint8_t> packet);
    [[nodiscard]] bool
    continues(const InnerPacket& inner, std::span<const std::uint8_t> packet) const;
    void append(std::span<const std::uint8_t> payload, std::uint8_t flags);
    void begin(int tun, const InnerPacket& inner, std::span<const std::uint8_t> packet);
    void finish_headers();

    std::vector<std::uint8_t> bytes_; // the vnet header, and a packet
    std::size_t size_ = 0;            // of the packet; 0: none waits
    int tun_ = -1;
    InnerPacket inner_;
    std::size_t header_ = 0; // of IP and TCP; 0: nothing may be put behind it
    std::size_t piece_ = 0;  // payload of each piece but the last
    std::size_t pieces_ = 0;
    std::uint32_t next_ = 0; // sequence number
};

} // namespace labctl::dataplane
