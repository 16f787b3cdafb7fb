#include "netemu/kernel/capture_set.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>

#include <poll.h>

#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"

namespace netemu {

namespace {

constexpr std::size_t kHeldBytesMax = 256U << 20U;

std::uint64_t wall_clock_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

} // namespace

std::size_t CaptureSet::add(UniqueFd socket, std::size_t ring_bytes, CapturePlace place) {
    const auto number = members_.size();
    members_.push_back({TapReader(std::move(socket), ring_bytes, number)});
    places_.push_back(std::move(place));
    ++alive_;
    return number;
}

std::size_t CaptureSet::add(Tap tap, CapturePlace place) {
    place.link_type = tap.link_type;
    place.mac = tap.mac;
    return add(std::move(tap.socket), tap.ring_bytes, std::move(place));
}

bool CaptureSet::wait(int also_fd, std::chrono::milliseconds timeout) {
    std::vector<pollfd> fds;
    fds.push_back({also_fd, POLLIN, 0}); // a negative one is passed over
    for (const auto& member : members_) {
        fds.push_back({member.gone ? -1 : member.reader.fd(), POLLIN, 0});
    }
    const auto limit =
        std::clamp<std::int64_t>(timeout.count(), 0, std::numeric_limits<int>::max());
    if (::poll(fds.data(), fds.size(), static_cast<int>(limit)) < 0 && errno != EINTR) {
        throw SysError("wait for packets", errno);
    }
    return fds.front().revents != 0;
}

void CaptureSet::collect() {
    for (auto& member : members_) {
        member.reader.read([this](CapturedPacket&& packet) {
            pending_bytes_ += packet.bytes.size();
            pending_.push_back(std::move(packet));
        });
    }
}

std::vector<CapturedPacket> CaptureSet::cut_off(std::uint64_t horizon_ns) {
    std::stable_sort(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
        return a.time_ns < b.time_ns;
    });
    const auto end = std::find_if(pending_.begin(), pending_.end(), [&](const auto& packet) {
        return packet.time_ns > horizon_ns;
    });
    std::vector<CapturedPacket> ready(
        std::make_move_iterator(pending_.begin()), std::make_move_iterator(end));
    pending_.erase(pending_.begin(), end);
    for (const auto& packet : ready) {
        pending_bytes_ -= packet.bytes.size();
    }
    return ready;
}

std::vector<CapturedPacket> CaptureSet::take() {
    constexpr std::uint64_t kHoldNs = kHoldMs * std::uint64_t{1'000'000};
    const auto begin = wall_clock_ns();
    collect();
    const bool at_once = members_.size() == 1 || pending_bytes_ > kHeldBytesMax;
    return cut_off(at_once ? std::numeric_limits<std::uint64_t>::max() : begin - kHoldNs);
}

std::vector<CapturedPacket> CaptureSet::finish() {
    constexpr std::chrono::milliseconds kLast(3 * kTapDelayMs);
    const auto deadline = Clock::now() + kLast;
    for (auto now = Clock::now(); now < deadline && !all_gone(); now = Clock::now()) {
        wait(-1, std::chrono::ceil<std::chrono::milliseconds>(deadline - now));
        collect();
        newly_gone();
    }
    collect();
    return cut_off(std::numeric_limits<std::uint64_t>::max());
}

std::vector<std::size_t> CaptureSet::newly_gone() {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (!members_[i].gone && members_[i].reader.gone()) {
            members_[i].gone = true;
            --alive_;
            result.push_back(i);
        }
    }
    return result;
}

TapStatistics CaptureSet::statistics(std::size_t place) {
    return members_.at(place).reader.statistics();
}

} // namespace netemu
