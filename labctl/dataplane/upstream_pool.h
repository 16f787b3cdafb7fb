#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "labctl/dataplane/upstream.h"
#include "labctl/dataplane/upstream_session.h"
#include "labctl/dataplane/upstream_stream.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Connections to endpoints that a proxying pod keeps open for the next request, and for how long
/// (nginx: keepalive 320 of each worker, keepalive_timeout 60s).
inline constexpr std::size_t kIdleUpstreamsMax = 256;
inline constexpr std::chrono::seconds kIdleUpstreamSeconds{60};

/// The connections of one proxying pod to others: new sockets, which the supervisor makes in the
/// pod's namespace, and connections that wait for their next request. Belongs to the loop's thread.
class UpstreamPool {
public:
    using SocketArrived = std::function<void(netemu::UniqueFd socket)>;
    /// An order of a socket is known by its number.
    struct Sockets {
        std::function<std::uint32_t(netemu::Family family, SocketArrived)> order;
        std::function<void(std::uint32_t number)> cancel;
    };

    UpstreamPool(netemu::EventLoop& loop, Sockets sockets);
    UpstreamPool(const UpstreamPool&) = delete;
    UpstreamPool& operator=(const UpstreamPool&) = delete;
    ~UpstreamPool();

    /// An open connection that waits for a request, or none. Nothing has come on it since its last
    /// answer: neither its end, nor bytes that would be taken for the answer to the next request.
    [[nodiscard]] std::shared_ptr<UpstreamStream> take_idle(const Upstream& upstream);
    /// Takes over from the stream's listener.
    void keep_idle(std::shared_ptr<UpstreamStream> stream);
    /// A connection for one more request of HTTP/2, which others may use as well; a new one if it
    /// is to be `fresh` or none has room. Of a new one, see UpstreamSession about `connect`.
    [[nodiscard]] std::shared_ptr<UpstreamSession>
    session(const Upstream& upstream, std::chrono::seconds connect, bool fresh);
    [[nodiscard]] bool has_idle() const { return idle_count_ > 0 || !sessions_.empty(); }
    /// Closes what has waited too long. To be called once a second or so while there is any.
    void expire(netemu::Clock::time_point now);
    /// Closes the idle connections to one; those that are shared, when nothing is under way on
    /// them.
    void drop_idle(const Upstream& upstream);
    /// The same to all for which it is true.
    void drop_idle_if(const std::function<bool(const Upstream& upstream)>& unwanted);

    /// Calls back with a new socket, or with none if there is none to be had. Returns the order's
    /// number, for `cancel_order`.
    std::uint32_t order_socket(netemu::Family family, SocketArrived arrived);
    void cancel_order(std::uint32_t number) { sockets_.cancel(number); }

    /// Destroys it in the loop's next turn: for what may not be destroyed by its own callbacks.
    void bury(std::shared_ptr<void> thing);

private:
    /// Whatever happens on it is its end: nothing has been asked.
    struct Idle final : StreamListener {
        explicit Idle(UpstreamPool& owner) : pool(owner) {}
        void on_received(std::string_view /*bytes*/) override { pool.forget_idle(this); }
        void on_ended() override { pool.forget_idle(this); }
        void on_failed(int /*error*/) override { pool.forget_idle(this); }

        UpstreamPool& pool;
        std::shared_ptr<UpstreamStream> stream;
        netemu::Clock::time_point since;
    };
    using IdleList = std::vector<std::shared_ptr<Idle>>; // those that have waited longest first

    using SessionList = std::vector<std::shared_ptr<UpstreamSession>>;

    void forget_idle(const Idle* idle);
    void forget_sessions_that_are_over(SessionList& list);

    netemu::EventLoop& loop_;
    Sockets sockets_;
    std::map<Upstream, IdleList> idle_;
    std::size_t idle_count_ = 0;
    std::map<Upstream, SessionList> sessions_;
    std::vector<std::shared_ptr<void>> buried_;
    netemu::EventLoop::TimerId burial_ = 0;
};

} // namespace labctl::dataplane
