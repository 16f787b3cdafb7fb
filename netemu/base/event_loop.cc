#include "netemu/base/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/epoll.h>

#include "netemu/base/error.h"

namespace netemu {

std::uint64_t micros_since(Clock::time_point start) {
    const auto elapsed = Clock::now() - start;
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count());
}

EventLoop::EventLoop()
    : epoll_(check_syscall("create an epoll instance", ::epoll_create1(EPOLL_CLOEXEC))) {
}

EventLoop::~EventLoop() = default;

namespace {

constexpr unsigned kSerialShift = 32;

epoll_event make_event(std::uint32_t events, std::uint64_t key) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    return event;
}

} // namespace

void EventLoop::add(int fd, std::uint32_t events, FdCallback callback) {
    const auto key =
        (std::uint64_t{next_serial_++} << kSerialShift) | static_cast<std::uint32_t>(fd);
    auto event = make_event(events, key);
    check_syscall(
        "watch descriptor " + std::to_string(fd),
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event));
    watches_[fd] = std::make_shared<Watch>(Watch{std::move(callback), key});
}

void EventLoop::modify(int fd, std::uint32_t events) {
    const auto found = watches_.find(fd);
    auto event = make_event(events, found == watches_.end() ? 0 : found->second->key);
    check_syscall(
        "change the watch of descriptor " + std::to_string(fd),
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event));
}

void EventLoop::remove(int fd) {
    if (watches_.erase(fd) > 0) {
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    }
}

bool EventLoop::watches(int fd) const {
    return watches_.contains(fd);
}

EventLoop::TimerId EventLoop::at(Clock::time_point deadline, TimerCallback callback) {
    const auto id = next_timer_++;
    timers_.emplace(deadline, Timer{id, std::move(callback)});
    timer_deadlines_.emplace(id, deadline);
    return id;
}

EventLoop::TimerId EventLoop::after(std::chrono::microseconds delay, TimerCallback callback) {
    return at(Clock::now() + delay, std::move(callback));
}

void EventLoop::cancel(TimerId id) {
    const auto found = timer_deadlines_.find(id);
    if (found == timer_deadlines_.end()) {
        return;
    }
    const auto [first, last] = timers_.equal_range(found->second);
    const auto timer =
        std::find_if(first, last, [id](const auto& entry) { return entry.second.id == id; });
    if (timer != last) {
        timers_.erase(timer);
    }
    timer_deadlines_.erase(found);
}

void EventLoop::run() {
    stopped_ = false;
    while (!stopped_) {
        run_once(std::chrono::hours(1));
    }
}

int EventLoop::wait_ms(std::chrono::milliseconds limit) const {
    if (timers_.empty()) {
        return static_cast<int>(limit.count());
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, limit.count()));
}

bool EventLoop::run_once(std::chrono::milliseconds timeout) {
    constexpr std::size_t kEventsMax = 256;
    std::array<epoll_event, kEventsMax> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsMax, wait_ms(timeout));
    if (count < 0 && errno != EINTR) {
        throw SysError("wait for events", errno);
    }
    bool ran = false;
    for (int i = 0; i < count && !stopped_; ++i) {
        const auto& event = events.at(static_cast<std::size_t>(i));
        const auto found =
            watches_.find(static_cast<int>(static_cast<std::uint32_t>(event.data.u64)));
        if (found == watches_.end() || found->second->key != event.data.u64) {
            continue; // removed, or its number reused, by an earlier callback of this round
        }
        const auto watch = found->second; // the callback may remove itself
        watch->callback(event.events);
        ran = true;
    }
    return run_timers() || ran;
}

bool EventLoop::run_timers() {
    bool ran = false;
    const auto now = Clock::now();
    while (!timers_.empty() && timers_.begin()->first <= now && !stopped_) {
        auto timer = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        timer_deadlines_.erase(timer.id);
        timer.callback();
        ran = true;
    }
    return ran;
}

} // namespace netemu
