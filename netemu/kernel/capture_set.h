#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "netemu/kernel/capture.h"
#include "netemu/model/packet.h"

namespace netemu {

/// Several taps, read as one stream of packets in the order of time. To see what a probe does:
/// open taps, `add` them, probe, `finish`. One thread.
class CaptureSet {
public:
    /// The packets of this tap say the number that is returned: places are numbered in order.
    std::size_t add(UniqueFd socket, std::size_t ring_bytes, CapturePlace place);
    std::size_t add(Tap tap, CapturePlace place);

    [[nodiscard]] const std::vector<CapturePlace>& places() const { return places_; }

    /// Waits until a tap has packets or has lost its interface, `also_fd` is readable or hung up
    /// (-1: none), a signal came, or `timeout` is over. Returns whether it was `also_fd`.
    bool wait(int also_fd, std::chrono::milliseconds timeout);

    /// The packets that are there, oldest first. With several taps the youngest are held back for
    /// kHoldMs, since another tap may still bring an older one.
    std::vector<CapturedPacket> take();
    /// Waits for what the kernel still holds, at most a few times kTapDelayMs, and gives all that
    /// is left.
    std::vector<CapturedPacket> finish();

    /// Places whose interface is gone since the last call. They give no more packets.
    std::vector<std::size_t> newly_gone();
    /// Whether no tap is left.
    [[nodiscard]] bool all_gone() const { return alive_ == 0; }

    TapStatistics statistics(std::size_t place);

    static constexpr int kHoldMs = 10 * kTapDelayMs;

private:
    struct Member {
        TapReader reader;
        bool gone = false;
    };

    void collect();
    std::vector<CapturedPacket> cut_off(std::uint64_t horizon_ns);

    std::vector<Member> members_;
    std::vector<CapturePlace> places_;
    std::vector<CapturedPacket> pending_;
    std::size_t pending_bytes_ = 0;
    std::size_t alive_ = 0;
};

} // namespace netemu
