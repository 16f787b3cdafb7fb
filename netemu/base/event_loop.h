#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "netemu/base/unique_fd.h"

namespace netemu {

using Clock = std::chrono::steady_clock;

/// Microseconds from `start` until now.
std::uint64_t micros_since(Clock::time_point start);

/// A single-threaded epoll loop. All members but `wake` belong to the thread that runs it. A
/// callback may add and remove descriptors and timers, including its own. An exception that leaves
/// a callback leaves `run` too: whoever owns the loop decides.
class EventLoop {
public:
    /// Called with the epoll(7) event mask (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP).
    using FdCallback = std::function<void(std::uint32_t events)>;
    using TimerCallback = std::function<void()>;
    using TimerId = std::uint64_t;

    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    /// Watches `fd`, which stays the caller's; remove it before closing it.
    void add(int fd, std::uint32_t events, FdCallback callback);
    void modify(int fd, std::uint32_t events);
    void remove(int fd);
    [[nodiscard]] bool watches(int fd) const;

    /// Runs `callback` once at `deadline`.
    TimerId at(Clock::time_point deadline, TimerCallback callback);
    TimerId after(std::chrono::microseconds delay, TimerCallback callback);
    /// Forgets the timer; no effect if it has run or never was.
    void cancel(TimerId id);

    /// Runs until `stop`.
    void run();
    /// One round: waits at most `timeout` for something and dispatches it. Returns whether anything
    /// ran.
    bool run_once(std::chrono::milliseconds timeout);
    void stop() { stopped_ = true; }
    [[nodiscard]] bool stopped() const { return stopped_; }

private:
    struct Watch {
        FdCallback callback;
        std::uint64_t key =
            0; // descriptor and serial number: tells a reused descriptor from its predecessor
    };
    struct Timer {
        TimerId id;
        TimerCallback callback;
    };

    bool run_timers();
    [[nodiscard]] int wait_ms(std::chrono::milliseconds limit) const;

    UniqueFd epoll_;
    std::uint32_t next_serial_ = 1;
    std::unordered_map<int, std::shared_ptr<Watch>> watches_;
    std::multimap<Clock::time_point, Timer> timers_;
    std::unordered_map<TimerId, Clock::time_point> timer_deadlines_;
    TimerId next_timer_ = 1;
    bool stopped_ = false;
};

} // namespace netemu
