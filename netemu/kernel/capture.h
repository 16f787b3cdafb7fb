#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "netemu/base/unique_fd.h"
#include "netemu/kernel/kernel.h"
#include "netemu/model/packet.h"

/// Taps: packet sockets that see what passes one interface (packet(7)).
namespace netemu {

/// How much a tap keeps.
struct TapOptions {
    std::uint32_t snap_bytes = 262144;  // of each packet
    std::size_t ring_bytes = 4U << 20U; // memory of the kernel for packets that nobody read yet
};

inline constexpr std::size_t kRingBytesMax = 64U << 20U;

/// An opened tap. It collects from the moment it was made; the descriptor may be handed to another
/// process. While it is open its network namespace lives.
struct Tap {
    UniqueFd socket;
    std::uint16_t link_type = kLinkTypeEthernet;
    MacAddress mac;
    std::uint32_t mtu = 0;
    std::size_t ring_bytes = 0; // as it was made: a reader must know
};

/// Opens a tap on an interface of a namespace of that kernel. Throws Error when there is no such
/// namespace, SysError with ENODEV when it has no such interface, UnsupportedError (exit 4) when
/// this kernel has no packet sockets, UsageError for an interface that is neither Ethernet nor IP.
Tap open_tap(
    Kernel& kernel, const std::string& ns, const std::string& link, const TapOptions& options);

struct TapStatistics {
    std::uint64_t seen = 0;    // packets that passed, the dropped ones included
    std::uint64_t dropped = 0; // that the kernel had no room for
};

/// Reads a tap through memory that it shares with the kernel. Needs no privilege. One thread.
class TapReader {
public:
    using Sink = std::function<void(CapturedPacket&& packet)>;

    /// `place` is what packets will say; `ring_bytes` that of the Tap. Throws SysError.
    TapReader(UniqueFd socket, std::size_t ring_bytes, std::size_t place);
    TapReader(TapReader&& other) noexcept;
    TapReader& operator=(TapReader&&) = delete;
    TapReader(const TapReader&) = delete;
    TapReader& operator=(const TapReader&) = delete;
    ~TapReader();

    /// Readable (EPOLLIN) when there are packets, EPOLLERR when the interface is gone.
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// Hands over what is there, in the order of time; returns how many. A packet is there at most
    /// kTapDelayMs after it passed.
    std::size_t read(const Sink& sink);
    /// Whether the interface is still there; finds out by asking the socket.
    [[nodiscard]] bool gone();
    /// Since the beginning.
    TapStatistics statistics();

private:
    void read_block(const std::uint8_t* block, const Sink& sink);

    UniqueFd socket_;
    std::uint8_t* ring_ = nullptr;
    std::size_t blocks_ = 0;
    std::size_t next_ = 0;
    std::size_t place_;
    bool gone_ = false;
    TapStatistics statistics_;
};

/// The kernel hands over a block of packets that is not full after this time.
inline constexpr int kTapDelayMs = 10;

} // namespace netemu
