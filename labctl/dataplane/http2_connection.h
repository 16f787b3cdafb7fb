#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/http_connection.h"
#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/http_relay.h"
#include "mesh/http/h2_streams.h"

namespace labctl::dataplane {

/// A client that speaks HTTP/2 (RFC 9113), by prior knowledge or by ALPN: many requests at a time,
/// each of which goes its own way. A stream that cannot be read is reset, or answered with 431; a
/// connection that cannot, ends with GOAWAY.
class Http2Connection final : public HttpConnection, private mesh::H2Listener {
public:
    Http2Connection(
        netemu::EventLoop& loop,
        HttpProxy& proxy,
        HttpClient client,
        std::unique_ptr<ClientStream> stream,
        Closed closed);
    Http2Connection(const Http2Connection&) = delete;
    Http2Connection& operator=(const Http2Connection&) = delete;
    ~Http2Connection() override = default;

    void retire() override;
    void expire(netemu::Clock::time_point now) override;

private:
    /// A request and its answer, until the client has all of it.
    class Stream final : public RelayClient {
    public:
        Stream(Http2Connection& connection, std::int32_t id, const mesh::Request& head);

        void begin(bool ends);
        [[nodiscard]] HttpRelay& relay() { return relay_; }
        /// Closes it if the client does not go on with it.
        void expire(netemu::Clock::time_point now);

        void invite_body() override;
        void begin_answer(mesh::Response head, bool ends) override;
        void answer_body(std::string_view piece) override;
        void end_answer(const mesh::Headers& trailers) override;
        void answer_here(mesh::Response answer, bool may_go_on) override;
        void break_off() override;
        void become_raw(const mesh::Response& /*head*/) override {} // HTTP/2 has no upgrades
        void answer_raw(std::string_view /*bytes*/) override {}
        void end_raw() override {}
        void flush() override { connection_.flush(); }
        [[nodiscard]] bool is_full() const override;
        void pace() override;

    private:
        Http2Connection& connection_; // NOLINT: it owns this
        std::int32_t id_;
        mesh::Request head_;
        bool has_body_ = false;
        HttpRelay relay_;
        std::size_t unsent_seen_ = 0; // by `expire`
        netemu::Clock::time_point last_active_;
    };

    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_drained() override;
    void on_client_finished() override;

    void on_h2_request(std::int32_t id, const mesh::Request& head, bool ends) override;
    void on_h2_too_large(std::int32_t id) override;
    void on_h2_body(std::int32_t id, std::string_view piece) override;
    void on_h2_end(std::int32_t id, const mesh::Headers& trailers) override;
    void on_h2_reset(std::int32_t id, std::uint32_t code) override;
    void on_h2_drained(std::int32_t id) override;
    void on_h2_closed(std::int32_t id) override;

    std::shared_ptr<Stream> add_stream(std::int32_t id, const mesh::Request& head);
    [[nodiscard]] Stream* find(std::int32_t id) const;
    void forget(std::int32_t id);
    void flush();
    void put_output();
    void pace();
    void end_all(const std::string& why);
    void finish();
    void close();

    mesh::H2Streams session_;
    std::unordered_map<std::int32_t, std::shared_ptr<Stream>> streams_;
    std::vector<std::int32_t> touched_; // streams whose body has come while it feeds
    bool feeding_ = false;
    bool flushing_ = false;
    bool retired_ = false;
    bool input_ended_ = false;
    bool finishing_ = false; // what has been given is sent, and the client's end waited for
    bool closed_now_ = false;
    netemu::Clock::time_point last_active_;
    std::uint64_t sent_seen_ = 0; // by `expire`
};

} // namespace labctl::dataplane
