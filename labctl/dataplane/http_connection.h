#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/http_course.h"
#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/proxied_connection.h"
#include "labctl/dataplane/upstream_exchange.h"
#include "mesh/http/forward.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {

/// One client's connection to a proxy of HTTP: reads requests, has the HttpProxy say where each
/// goes, passes it on and its answer back, piece by piece. Speaks HTTP/1.1 and 1.0, and whatever an
/// upgrade (WebSocket) makes of it. What cannot be read as
/// a request is answered with 400 or 408.
/// Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class HttpConnection final : public ProxiedConnection, private ClientListener {
public:
    using Closed = std::function<void(HttpConnection& connection)>;

    /// `proxy` outlives this. Takes over from whoever has heard what `stream` tells.
    HttpConnection(
        netemu::EventLoop& loop,
        HttpProxy& proxy,
        HttpClient client,
        std::unique_ptr<ClientStream> stream,
        Closed closed);
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;
    ~HttpConnection() override;

    /// Begins with a stream that has not been started, and with bytes that its socket has had.
    void start(std::string_view bytes);
    /// Begins with what a stream has told already: bytes, and perhaps that there are no more.
    void take_over(std::string_view plain, bool has_ended);
    /// No request is taken behind the one that is under way.
    void retire();
    void expire(netemu::Clock::time_point now) override;

private:
    enum class Phase : std::uint8_t { Reading, Relaying, Raw, Draining, Closed };

    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_secured() override;
    void on_client_drained() override;
    void on_client_finished() override;
    void take(std::string_view bytes);
    void take_body(std::string_view piece);
    void expire_relaying(netemu::Clock::time_point now);
    /// Whether to read on.
    void pace();

    void route();
    void relay(HttpProxy::Decision decision);
    void
    exchange(std::vector<Upstream> candidates, mesh::Request sent, HttpProxy::Patience patience);

    // With an HttpCourse: http_course.cc.
    void begin_course(HttpProxy::Decision decision);
    void after_delay();
    void next_try();
    void make_try(HttpCourse::Try made);
    [[nodiscard]] bool
    tries_again(const UpstreamExchange::Failure* failure, const mesh::Response* head);
    void out_of_time(bool of_one_try);
    void keep_for_retries(std::string_view bytes);
    void request_complete();
    void request_over();
    void next_request();

    void upstream_ready();
    void answer_head(const mesh::Response& head);
    [[nodiscard]] mesh::Response client_head(
        const mesh::Response& head, int version_minor, mesh::BodyFraming framing, bool keep_alive);
    void answer_body(std::string_view piece);
    void answer_end(const mesh::Headers& trailers);
    void answer_failed(const UpstreamExchange::Failure& failure);
    void raw_from_server(std::string_view bytes);

    void reply(const HttpProxy::Refusal& refusal);
    void finish();
    void close();
    void drop_exchange();
    void log(int status, const std::string& more);
    void count(int status, std::string_view more);

    /// A request that has an HttpCourse.
    struct Run {
        explicit Run(netemu::EventLoop& of_loop) : loop(of_loop) {}
        Run(const Run&) = delete;
        Run& operator=(const Run&) = delete;
        ~Run();

        netemu::EventLoop& loop;
        std::shared_ptr<HttpCourse> course;
        mesh::Request head;
        std::string story;   // without what is about one try
        std::string body;    // framed, as far as it has come
        bool is_kept = true; // `body` is all of that
        bool tried = false;
        netemu::EventLoop::TimerId all_timer = 0;
        netemu::EventLoop::TimerId each_timer = 0;
        netemu::EventLoop::TimerId wait_timer = 0;
    };

    netemu::EventLoop& loop_;
    HttpProxy& proxy_;
    HttpClient client_;
    Closed closed_;
    std::unique_ptr<ClientStream> stream_;
    Phase phase_ = Phase::Reading;
    netemu::Clock::time_point last_active_;
    std::uint64_t sent_seen_ = 0; // by `expire`

    // The request that is under way.
    mesh::RequestParser parser_;
    std::string held_; // what the client has sent behind it
    bool routed_ = false;
    bool continued_ = false;
    bool request_complete_ = false;
    bool input_ended_ = false;
    bool waits_to_drain_ = false; // the next request is taken when this answer is read
    std::string story_;           // where it goes, for the log
    mesh::BodyFraming request_framing_ = mesh::BodyFraming::None;
    std::string body_waiting_; // framed; the endpoint is not there yet

    // Its answer.
    std::shared_ptr<UpstreamExchange> upstream_;
    std::shared_ptr<void> lease_; // see HttpProxy::Decision
    std::vector<mesh::Header> answer_fields_;
    std::unique_ptr<Run> run_;
    bool upstream_ready_ = false;
    netemu::Clock::time_point relayed_at_{}; // when its head was there
    netemu::Clock::time_point answered_at_{};
    HttpTally* tally_ = nullptr; // of this request
    std::uint64_t request_bytes_ = 0;
    mesh::BodyFraming answer_framing_ = mesh::BodyFraming::None;
    bool keep_alive_ = false;
    bool retired_ = false;
    int status_ = 0;
    std::size_t body_bytes_ = 0;
    bool server_ended_ = false; // of an upgraded connection
    netemu::EventLoop::TimerId next_timer_ = 0;
};

} // namespace labctl::dataplane
