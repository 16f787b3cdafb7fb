#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/stream_socket.h"
#include "labctl/dataplane/upstream.h"
#include "labctl/dataplane/upstream_call.h"
#include "labctl/dataplane/upstream_stream.h"
#include "mesh/http/h2_streams.h"

namespace labctl::dataplane {

class UpstreamPool;

/// A connection to an endpoint that requests share (HTTP/2). Belongs to the loop's thread; not to
/// be destroyed by what it calls.
class UpstreamSession final : private StreamListener, private mesh::H2Listener {
public:
    /// A request on it. Both are parted by `detach`, by `on_session_lost`, or with the end of the
    /// stream.
    class Call {
    public:
        Call() = default;
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

        /// The connection is there: now it is time for `request`.
        virtual void on_session_ready() = 0;
        /// There is none (any more).
        virtual void on_session_lost(const UpstreamFailure& failure) = 0;
        virtual void on_stream_head(const mesh::Response& head, bool ends) = 0;
        virtual void on_stream_body(std::string_view piece) = 0;
        virtual void on_stream_end(const mesh::Headers& trailers) = 0;
        virtual void on_stream_reset(std::uint32_t code) = 0;
        virtual void on_stream_drained() = 0;
        virtual void on_caught_up() = 0;

    protected:
        ~Call() = default;
    };

    /// `pool` outlives this. What is sent and not acknowledged within `connect` ends it.
    UpstreamSession(
        netemu::EventLoop& loop,
        UpstreamPool& pool,
        Upstream upstream,
        std::chrono::seconds connect);
    UpstreamSession(const UpstreamSession&) = delete;
    UpstreamSession& operator=(const UpstreamSession&) = delete;
    ~UpstreamSession();

    [[nodiscard]] const Upstream& upstream() const { return upstream_; }
    /// Whether one more request can have a place: it is not over, nor retired, nor full.
    [[nodiscard]] bool has_room() const;
    /// Whether nothing is under way on it.
    [[nodiscard]] bool is_idle() const { return calls_.empty() && waiting_.empty(); }
    [[nodiscard]] netemu::Clock::time_point idle_since() const { return idle_since_; }
    /// Whether it can be thrown away.
    [[nodiscard]] bool is_over() const { return phase_ == Phase::Over; }
    /// Whether it has carried an answer.
    [[nodiscard]] bool is_proven() const { return used_; }

    /// The call hears `on_session_ready` in here, or when there is a connection.
    void attach(Call& call);
    /// The call's stream, if it has one, is cancelled.
    void detach(Call& call);
    /// No further requests; it ends with the last that is under way.
    void retire();
    void close();

    std::int32_t request(Call& call, const mesh::Request& head, bool ends);
    [[nodiscard]] mesh::H2Streams& streams() { return *streams_; }
    /// Sends what the streams have to say.
    void flush();
    [[nodiscard]] std::uint64_t sent_total() const { return stream_ ? stream_->sent_total() : 0; }

private:
    enum class Phase : std::uint8_t { New, Connecting, Open, Over };

    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override { flush(); }
    void on_connected() override;
    void on_h2_response(std::int32_t stream, const mesh::Response& head, bool ends) override;
    void on_h2_body(std::int32_t stream, std::string_view piece) override;
    void on_h2_end(std::int32_t stream, const mesh::Headers& trailers) override;
    void on_h2_reset(std::int32_t stream, std::uint32_t code) override;
    void on_h2_drained(std::int32_t stream) override;
    void connect();
    void socket_arrived(netemu::UniqueFd socket);
    void lose(UpstreamFailure::Cause cause, const std::string& text);
    [[nodiscard]] Call* call_of(std::int32_t stream) const;
    void forget(std::int32_t stream);
    void note_idle();

    netemu::EventLoop& loop_;
    UpstreamPool& pool_;
    Upstream upstream_;
    std::chrono::seconds connect_;
    Phase phase_ = Phase::New;
    bool retired_ = false;
    bool feeding_ = false;
    bool flushing_ = false;
    bool used_ = false; // an answer has come
    std::optional<std::uint32_t> order_;
    std::shared_ptr<UpstreamStream> stream_;
    std::unique_ptr<mesh::H2Streams> streams_;
    std::vector<Call*> waiting_; // for the connection
    std::unordered_map<std::int32_t, Call*> calls_;
    std::vector<std::int32_t> touched_; // streams of which something has been told while it feeds
    netemu::Clock::time_point idle_since_;
};

} // namespace labctl::dataplane
