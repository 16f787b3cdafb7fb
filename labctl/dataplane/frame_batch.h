#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "labctl/dataplane/packet_room.h"
#include "netemu/base/address.h"

namespace labctl::dataplane {

/// Where a frame goes: by which socket and to whom; on whose behalf.
struct FrameTarget {
    int socket = -1;
    netemu::Endpoint to;
    std::uint32_t tunnel = 0;
    bool operator==(const FrameTarget&) const = default;
};

/// Datagrams on their way out. Those of one size to one target are given to the kernel in one go,
/// which cuts them only where they leave the machine (UDP_SEGMENT of udp(7)).
class FrameBatch {
public:
    /// Called with the target of what could not be sent, how many frames that were and the error.
    using Failed = std::function<void(const FrameTarget&, std::size_t frames, int error)>;

    explicit FrameBatch(Failed failed);

    /// Room for a frame of that size, at most kFrameMax, to be written before the next call.
    std::uint8_t* add(const FrameTarget& target, std::size_t size);
    void flush();

    static constexpr std::size_t kFrameMax = 65507; // RFC 768 over IPv4

private:
    struct Train {
        FrameTarget target;
        std::size_t begin = 0;
        std::size_t size = 0;  // of all frames
        std::size_t frame = 0; // of each but the last, which may be shorter
        std::size_t frames = 0;
    };

    [[nodiscard]] bool fits(const FrameTarget& target, std::size_t size) const;
    void send(const Train& train);
    [[nodiscard]] int send_at_once(const Train& train);
    [[nodiscard]] int send_datagram(const Train& train, std::size_t at, std::size_t size);

    Failed failed_;
    PacketRoom bytes_;
    std::size_t used_ = 0;
    std::vector<Train> trains_;
    bool segments_ = true; // until the kernel refuses
};

} // namespace labctl::dataplane
