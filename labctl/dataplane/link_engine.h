#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "labctl/dataplane/link_queue.h"
#include "labctl/dataplane/packet_room.h"
#include "labctl/dataplane/tun_writer.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Links of the underlay that no kernel carries: what is read from the TAP device at one end is
/// written to that at the other, when and how the LinkQueue of that way says. Belongs to the loop's
/// thread. Nothing runs while nothing is sent.
class LinkEngine {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    /// Makes a timer, so before system calls are restricted.
    LinkEngine(netemu::EventLoop& loop, Reply reply);
    LinkEngine(const LinkEngine&) = delete;
    LinkEngine& operator=(const LinkEngine&) = delete;
    ~LinkEngine();

    /// Carries out the records of a message of the supervisor.
    void handle(std::string_view message, std::vector<netemu::UniqueFd>& fds);

private:
    using Time = LinkQueue::Time;

    /// From one end to the other.
    struct Way {
        Way(std::uint64_t seed, LinkMemory& memory) : queue(seed, memory) {}

        LinkQueue queue;
        int from = -1; // TAP devices
        int to = -1;
        std::optional<Time> scheduled; // its place in due_
        bool told = true;              // of the counters
        std::size_t given = 0;         // frames, in this turn
        bool busy = false;             // it was many in the last
    };
    struct Link {
        std::uint32_t id = 0;
        std::array<netemu::UniqueFd, 2> taps;
        std::array<std::unique_ptr<Way>, 2> ways; // from each end
    };

    void add_link(WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd);
    void change_link(WireReader& record);
    void remove_link(std::uint32_t id);

    void read_tap(Way& way);
    void take(Way& way, std::span<const std::uint8_t> frame);
    void release_due();
    void release(Way& way, Time now);
    void give(Way& way, std::span<const std::uint8_t> frame, const FrameShape& shape);
    void end_turn(Way& way);
    void schedule(Way& way);
    void arm();

    void count(Way& way);
    void tell();

    netemu::EventLoop& loop_;
    Reply reply_;
    netemu::UniqueFd timer_;
    std::optional<Time> armed_;
    Time not_before_; // nothing is released by the timer
    LinkMemory memory_;
    std::map<std::uint32_t, std::unique_ptr<Link>> links_;
    std::set<std::pair<Time, Way*>> due_; // ways on which something waits, by when it is due
    TunWriter writer_;
    PacketRoom frame_; // that is read from a TAP device
    netemu::EventLoop::TimerId tell_timer_ = 0;
};

} // namespace labctl::dataplane
