#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// What a stock holds at first of each kind, and at most.
inline constexpr std::size_t kStockUdpFirst = 16;
inline constexpr std::size_t kStockUdpMax = 512;
inline constexpr std::size_t kStockTcpFirst = 4;
inline constexpr std::size_t kStockTcpMax = 64;
inline constexpr std::size_t kStockWaitersMax = 4096;

/// Sockets of one namespace, from which a DNS pod asks its upstreams. The child can make none, so
/// the supervisor makes them ahead; the stock grows while it runs short. A datagram socket comes
/// back and is used again, with another source port each time (RFC 5452 section 9.2): a socket that
/// was never bound lets go of its port when it is disconnected (connect(2), AF_UNSPEC). A stream
/// socket is used once. Belongs to the loop's thread.
class SocketStock {
public:
    /// Asks the supervisor for `count` more; `domain` and `type` as socket(2) has them.
    using Order = std::function<void(int domain, int type, std::size_t count)>;

    SocketStock(netemu::EventLoop& loop, Order order);
    SocketStock(const SocketStock&) = delete;
    SocketStock& operator=(const SocketStock&) = delete;
    ~SocketStock();

    /// Sockets of a family will be needed.
    void prepare(int domain);
    /// A new socket, unbound.
    void add(netemu::UniqueFd socket);
    /// An empty one if there is none now.
    netemu::UniqueFd take(int domain, int type);
    void give_back(netemu::UniqueFd socket);

    /// Calls `go(true)` when a question can be asked in that family, at once if it can be now;
    /// `go(false)` if there are no sockets for `patience`, or too many wait.
    void when_stocked(int domain, std::chrono::milliseconds patience, std::function<void(bool)> go);

private:
    struct Shelf {
        int domain;
        int type;
        std::vector<netemu::UniqueFd> sockets;
        std::size_t owned = 0;   // with those that are in use
        std::size_t ordered = 0; // and not there yet
    };
    struct Waiter {
        int domain;
        std::uint64_t number;
        std::function<void(bool)> go;
        netemu::EventLoop::TimerId timer;
    };

    [[nodiscard]] Shelf& shelf(int domain, int type);
    [[nodiscard]] bool stocked(int domain);
    void restock(Shelf& shelf);
    void serve_waiters();
    void give_up(std::uint64_t number);

    netemu::EventLoop& loop_;
    Order order_;
    std::array<Shelf, 4> shelves_;
    std::deque<Waiter> waiters_;
    std::uint64_t next_number_ = 1;
    netemu::EventLoop::TimerId wake_ = 0;
};

} // namespace labctl::dataplane
