#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labctl/dataplane/stream_socket.h"
#include "labctl/dataplane/upstream_call.h"
#include "labctl/dataplane/upstream_pool.h"
#include "mesh/http/forward.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {

/// An UpstreamCall in HTTP/1.1: has a connection to itself, one that has waited idle or a new one,
/// and leaves it to the next if it is in good order.
class UpstreamHttp1Call final : public UpstreamCall, private StreamListener {
public:
    /// `pool` and `listener` outlive this.
    UpstreamHttp1Call(
        netemu::EventLoop& loop,
        UpstreamPool& pool,
        const UpstreamAsked& asked,
        UpstreamCallListener& listener);
    UpstreamHttp1Call(const UpstreamHttp1Call&) = delete;
    UpstreamHttp1Call& operator=(const UpstreamHttp1Call&) = delete;
    ~UpstreamHttp1Call() override;

    void begin() override;
    void abandon() override;
    void send_body(std::string_view piece) override;
    void end_request(const mesh::Headers& trailers) override;
    void send_raw(std::string_view bytes) override;
    void end_raw() override;
    void flush() override;
    void pause(bool paused) override;
    [[nodiscard]] bool full() const override { return stream_ != nullptr && stream_->full(); }
    [[nodiscard]] std::size_t unsent() const override;
    [[nodiscard]] std::uint64_t sent_total() const override;

private:
    enum class Phase : std::uint8_t { Waiting, Connecting, Answering, Raw, Over };

    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override { listener_.on_call_drained(); }
    void on_connected() override;
    void socket_arrived(netemu::UniqueFd socket);
    void take_answer(std::string_view bytes);
    void tell_head(bool ends);
    void broken(const std::string& why);
    void finish_answer(bool reusable);
    void fail(UpstreamFailure::Cause cause, const std::string& text, bool may_repeat = false);
    void drop_stream();

    netemu::EventLoop& loop_;
    UpstreamPool& pool_;
    Upstream upstream_;
    const mesh::Request& head_; // NOLINT: see UpstreamAsked
    mesh::BodyFraming framing_;
    bool has_body_;
    bool fresh_;
    std::chrono::seconds connect_;
    UpstreamCallListener& listener_;
    Phase phase_ = Phase::Waiting;
    std::shared_ptr<UpstreamStream> stream_;
    mesh::ResponseParser parser_;
    std::optional<std::uint32_t> order_; // of a socket that has not come
    bool reused_ = false;                // the connection has carried a request before
    bool answered_ = false;              // bytes of an answer came
    bool head_told_ = false;
    bool request_complete_ = false;
    bool paused_ = false;
};

} // namespace labctl::dataplane
