#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "labctl/dataplane/upstream_call.h"
#include "labctl/dataplane/upstream_pool.h"
#include "mesh/http/message.h"

namespace labctl::dataplane {

/// How long an endpoint may take to accept, and may be silent (nginx: proxy_connect_timeout 5s,
/// proxy_read_timeout 60s of ingress-nginx).
inline constexpr std::chrono::seconds kUpstreamConnectTimeout{5};
inline constexpr std::chrono::seconds kUpstreamSilenceTimeout{60};

/// One request of a proxy to an endpoint, and its answer. An endpoint that does not
/// accept is passed over for the next one. Callbacks are made one after the other, also from within
/// `begin`, `flush` and `pause`; the object may not be destroyed by them (UpstreamPool::bury).
/// Belongs to the loop's thread.
class UpstreamExchange final : private UpstreamCallListener {
public:
    using Failure = UpstreamFailure;
    using Cause = UpstreamFailure::Cause;
    struct Events {
        /// The request's head is on its way: its body may follow.
        std::function<void()> ready;
        /// `ends`: neither a body nor trailers come.
        std::function<void(const mesh::Response& head, bool ends)> head;
        std::function<void(std::string_view piece)> body;
        std::function<void(const mesh::Headers& trailers)> end;
        /// Also when an upgraded connection is lost, or has ended both ways.
        std::function<void(const Failure& failure)> failed;
        std::function<void()> caught_up; // all that has come so far has been told
        std::function<void()> drained;   // see UpstreamCall
        /// After 101: what the server says, in whatever protocol; "" is its end.
        std::function<void(std::string_view bytes)> raw;
    };

    struct Patience {
        std::chrono::seconds connect = kUpstreamConnectTimeout; // of each
        std::chrono::seconds silence = kUpstreamSilenceTimeout;
    };
    struct Asked {
        std::vector<Upstream> candidates; // in the order of their turns; not empty
        mesh::Request head;
        bool has_body = false; // one will follow the head
        Patience patience{};
    };
    UpstreamExchange(netemu::EventLoop& loop, UpstreamPool& pool, Asked asked, Events events);
    UpstreamExchange(const UpstreamExchange&) = delete;
    UpstreamExchange& operator=(const UpstreamExchange&) = delete;
    ~UpstreamExchange();

    void begin();
    /// Ends it, whatever it is doing: nothing is told any more.
    void abandon();
    /// Gives up what takes too long. To be called once a second or so.
    void expire(netemu::Clock::time_point now);
    /// More of the body, as it is: it is framed as the head and the endpoint's protocol want it.
    void send_body(std::string_view piece);
    /// All of the request has been given. Trailers are sent where there can be some.
    void end_request(const mesh::Headers& trailers);
    /// After 101: whatever the client says, and its end.
    void send_raw(std::string_view bytes);
    void end_raw();
    void flush();
    void pause(bool paused);
    [[nodiscard]] bool full() const { return call_ != nullptr && call_->full(); }
    /// The endpoint that is tried, or answers.
    [[nodiscard]] const netemu::Endpoint& endpoint() const { return current().endpoint; }

private:
    enum class Phase : std::uint8_t { Waiting, Connecting, Answering, Raw, Over };

    void on_call_ready() override;
    void on_call_head(const mesh::Response& head, bool ends) override;
    void on_call_body(std::string_view piece) override;
    void on_call_end(const mesh::Headers& trailers) override;
    void on_call_raw(std::string_view bytes) override;
    void on_call_failed(const UpstreamFailure& failure, bool may_repeat) override;
    void on_call_caught_up() override;
    void on_call_drained() override { events_.drained(); }
    void try_current();
    void try_again();
    void connect_failed(const UpstreamFailure& failure);
    void fail(Cause cause, const std::string& text);
    void drop_call();
    [[nodiscard]] const Upstream& current() const { return candidates_[current_]; }

    netemu::EventLoop& loop_;
    UpstreamPool& pool_;
    std::vector<Upstream> candidates_;
    std::size_t current_ = 0;
    mesh::Request head_;
    bool has_body_;
    Patience patience_;
    Events events_;
    Phase phase_ = Phase::Waiting;
    std::shared_ptr<UpstreamCall> call_;
    netemu::EventLoop::TimerId next_try_ = 0;
    netemu::Clock::time_point since_; // when the endpoint last did something, or was asked to
    std::uint64_t sent_seen_ = 0;     // by `expire`
    bool repeated_ = false;           // the request has been sent before
    bool head_told_ = false;
    bool request_complete_ = false;
    bool paused_ = false;
};

} // namespace labctl::dataplane
