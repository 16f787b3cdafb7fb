#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "labctl/dataplane/upstream_call.h"
#include "labctl/dataplane/upstream_pool.h"
#include "labctl/dataplane/upstream_session.h"

namespace labctl::dataplane {

/// An UpstreamCall in HTTP/2: one stream of a connection that it shares.
class UpstreamHttp2Call final : public UpstreamCall, private UpstreamSession::Call {
public:
    /// `pool` and `listener` outlive this.
    UpstreamHttp2Call(
        UpstreamPool& pool, const UpstreamAsked& asked, UpstreamCallListener& listener);
    UpstreamHttp2Call(const UpstreamHttp2Call&) = delete;
    UpstreamHttp2Call& operator=(const UpstreamHttp2Call&) = delete;
    ~UpstreamHttp2Call() override;

    void begin() override;
    void abandon() override;
    void send_body(std::string_view piece) override;
    void end_request(const mesh::Headers& trailers) override;
    void send_raw(std::string_view /*bytes*/) override {} // there are no upgrades
    void end_raw() override {}
    void flush() override;
    void pause(bool paused) override;
    [[nodiscard]] bool full() const override;
    [[nodiscard]] std::size_t unsent() const override;
    [[nodiscard]] std::uint64_t sent_total() const override;

private:
    enum class Phase : std::uint8_t { Waiting, Answering, Over };

    void on_session_ready() override;
    void on_session_lost(const UpstreamFailure& failure) override;
    void on_stream_head(const mesh::Response& head, bool ends) override;
    void on_stream_body(std::string_view piece) override;
    void on_stream_end(const mesh::Headers& trailers) override;
    void on_stream_reset(std::uint32_t code) override;
    void on_stream_drained() override;
    void on_caught_up() override;
    void fail(const UpstreamFailure& failure, bool may_repeat);

    UpstreamPool& pool_;
    Upstream upstream_;
    const mesh::Request& head_; // NOLINT: see UpstreamAsked
    bool has_body_;
    bool fresh_;
    std::chrono::seconds connect_;
    UpstreamCallListener& listener_;
    Phase phase_ = Phase::Waiting;
    std::shared_ptr<UpstreamSession> session_;
    std::int32_t stream_ = 0;
    std::uint64_t given_ = 0; // bytes of the body
    bool reused_ = false;     // the connection has carried answers before
    bool answered_ = false;
    bool request_complete_ = false;
    bool paused_ = false;
};

} // namespace labctl::dataplane
