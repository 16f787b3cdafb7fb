#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/stream_socket.h"
#include "labctl/dataplane/upstream_pool.h"
#include "mesh/http/message.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {

/// How long an endpoint may take to accept, and may be silent (nginx: proxy_connect_timeout 5s,
/// proxy_read_timeout 60s of ingress-nginx).
inline constexpr std::chrono::seconds kUpstreamConnectTimeout{5};
inline constexpr std::chrono::seconds kUpstreamSilenceTimeout{60};

/// One request of a proxy to an endpoint, and its answer. An endpoint that does not
/// accept is passed over for the next one. Callbacks are made one after the other, and of them only
/// `ready` from within a member (`begin`); the object may not be destroyed by them
/// (UpstreamPool::bury). Belongs to the loop's thread.
class UpstreamExchange final : private StreamListener {
public:
    /// What became of a request that has no answer.
    enum class Cause : std::uint8_t {
        NoSocket, // none could be had
        Connect,  // no endpoint has accepted, or none in time
        ConnectTimeout,
        Tls,      // the handshake failed at the last one that was tried
        Closed,   // the connection broke before the answer
        NoAnswer, // what came is no answer
        Silence,  // nothing came for too long
        BrokeOff, // the head of the answer has been told: nothing else can be said to the client
    };
    struct Failure {
        Cause cause = Cause::BrokeOff;
        std::string text; // why
    };
    struct Events {
        /// The request's head is on its way: its body may follow.
        std::function<void()> ready;
        std::function<void(const mesh::Response& head)> head;
        std::function<void(std::string_view piece)> body;
        std::function<void(const mesh::Headers& trailers)> end;
        /// Also when an upgraded connection is lost, or has ended both ways.
        std::function<void(const Failure& failure)> failed;
        std::function<void()> caught_up; // all that has come so far has been told
        std::function<void()> drained;   // see StreamSocket
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
    /// Bytes of the body, framed already; after 101 whatever the client says.
    void send(std::string_view bytes);
    /// Sends it with the next `send` or `flush`.
    void put(std::string_view bytes);
    void flush();
    /// The client's end of an upgraded connection.
    void send_end();
    /// The whole request is sent: without this, the connection cannot be used again.
    void request_complete() { request_complete_ = true; }
    void pause(bool paused);
    [[nodiscard]] bool full() const { return stream_ != nullptr && stream_->full(); }
    /// The endpoint that is tried, or answers.
    [[nodiscard]] const netemu::Endpoint& endpoint() const { return current().endpoint; }

private:
    enum class Phase : std::uint8_t { Waiting, Connecting, Answering, Raw, Over };

    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override;
    void on_connected() override;
    void try_current();
    void try_again();
    void socket_arrived(netemu::UniqueFd socket);
    void connect_failed(Cause cause, const std::string& why);
    void take_answer(std::string_view bytes);
    void tell_head();
    void broken(const std::string& why);
    void finish_answer(bool reusable);
    void fail(Cause cause, const std::string& text);
    void drop_stream();
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
    std::shared_ptr<UpstreamStream> stream_;
    mesh::ResponseParser parser_;
    std::optional<std::uint32_t> order_; // of a socket that has not come
    netemu::EventLoop::TimerId next_try_ = 0;
    netemu::Clock::time_point since_; // when the endpoint last did something, or was asked to
    std::uint64_t sent_seen_ = 0;     // by `expire`
    bool reused_ = false;             // the connection has carried a request before
    bool repeated_ = false;           // the request has been sent before
    bool answered_ = false;           // bytes of an answer came
    bool head_told_ = false;
    bool request_complete_ = false;
    bool paused_ = false;
};

} // namespace labctl::dataplane
