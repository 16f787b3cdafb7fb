#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/http_connection.h"
#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/http_relay.h"
#include "mesh/http/forward.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {

/// A client that speaks HTTP/1.1 or 1.0, and whatever an upgrade (WebSocket) makes of it: one
/// request after the other. What cannot be read as a request is answered with 400 or 408.
class Http1Connection final : public HttpConnection, private RelayClient {
public:
    Http1Connection(
        netemu::EventLoop& loop,
        HttpProxy& proxy,
        HttpClient client,
        std::unique_ptr<ClientStream> stream,
        Closed closed);
    Http1Connection(const Http1Connection&) = delete;
    Http1Connection& operator=(const Http1Connection&) = delete;
    ~Http1Connection() override;

    void retire() override;
    void expire(netemu::Clock::time_point now) override;

private:
    /// Answering: a request is under way, or its answer is still to be read by the client.
    enum class Phase : std::uint8_t { Reading, Answering, Raw, Draining, Closed };

    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_secured() override;
    void on_client_drained() override;
    void on_client_finished() override;

    void invite_body() override;
    void begin_answer(mesh::Response head, bool ends) override;
    void answer_body(std::string_view piece) override;
    void end_answer(const mesh::Headers& trailers) override;
    void answer_here(mesh::Response answer, bool may_go_on) override;
    void break_off() override;
    void become_raw(const mesh::Response& head) override;
    void answer_raw(std::string_view bytes) override;
    void end_raw() override { finish(); }
    void flush() override { stream_->flush(); }
    [[nodiscard]] bool is_full() const override { return stream_->full(); }
    void pace() override;

    void take(std::string_view bytes);
    void listen_to_body();
    void begin_request();
    void refuse_unread(const std::string& what, const HttpProxy::Refusal& refusal);
    void expire_answering(netemu::Clock::time_point now);
    void request_over();
    void next_request();
    void finish();
    void close();
    void drop_relay();

    Phase phase_ = Phase::Reading;
    netemu::Clock::time_point last_active_;
    std::uint64_t sent_seen_ = 0; // by `expire`
    bool input_ended_ = false;
    bool retired_ = false;

    // The request that is under way.
    mesh::RequestParser parser_;
    std::shared_ptr<HttpRelay> relay_;
    std::string held_; // what the client has sent behind it
    bool has_begun_ = false;
    bool is_complete_ = false;
    bool continued_ = false;

    // Its answer.
    mesh::BodyFraming answer_framing_ = mesh::BodyFraming::None;
    bool keep_alive_ = false;
    bool waits_to_drain_ = false; // the next request is taken when this answer is read
    bool server_ended_ = false;   // of an upgraded connection
    netemu::EventLoop::TimerId next_timer_ = 0;
};

} // namespace labctl::dataplane
