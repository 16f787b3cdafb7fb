#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/ingress_pod.h"
#include "labctl/dataplane/upstream_exchange.h"
#include "mesh/http/forward.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {

/// One client's connection to an Ingress controller: reads requests, has the rules say where each
/// goes, passes it on and its answer back, piece by piece. Speaks HTTP/1.1 and 1.0, and whatever an
/// upgrade (WebSocket) makes of it. What it answers by itself says why: 400, 404, 408, 502, 503,
/// 504.
/// Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class IngressConnection {
public:
    struct Accepted {
        netemu::UniqueFd socket;
        netemu::Endpoint client;
        std::uint16_t port = 0; // that it has connected to
        bool tls = false;
    };
    using Closed = std::function<void(IngressConnection& connection)>;

    /// `pod` outlives this.
    IngressConnection(netemu::EventLoop& loop, IngressPod& pod, Accepted accepted, Closed closed);
    IngressConnection(const IngressConnection&) = delete;
    IngressConnection& operator=(const IngressConnection&) = delete;
    ~IngressConnection();

    void start(std::string_view bytes);
    /// Closes it if nothing has happened for too long.
    void expire(netemu::Clock::time_point now);

private:
    enum class Phase : std::uint8_t { Reading, Relaying, Raw, Draining, Closed };

    void received(std::string_view bytes);
    void take(std::string_view bytes);
    void take_body(std::string_view piece);
    void client_ended();
    void client_failed(const std::string& why);
    void client_drained();
    void client_finished();
    void expire_relaying(netemu::Clock::time_point now);
    /// Whether to read on.
    void pace();

    void route();
    void relay(const services::IngressBackend& backend);
    void request_complete();
    void request_over();
    void next_request();

    void upstream_ready();
    void answer_head(const mesh::Response& head);
    void answer_body(std::string_view piece);
    void answer_end(const mesh::Headers& trailers);
    void answer_failed(const UpstreamExchange::Failure& failure);
    void raw_from_server(std::string_view bytes);

    /// `may_go_on`: another request may follow, if all else is well too.
    void reply(int status, const std::string& text, bool may_go_on = true);
    void finish();
    void close();
    void drop_exchange();
    void log(int status, const std::string& more);
    [[nodiscard]] Exchange exchange() const;

    netemu::EventLoop& loop_;
    IngressPod& pod_;
    netemu::Endpoint client_;
    std::uint16_t port_;
    bool tls_;
    Closed closed_;
    ClientStream stream_;
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
    std::shared_ptr<const IngressRules> rules_; // of its decision
    std::string story_;                         // where it goes, for the log
    mesh::BodyFraming request_framing_ = mesh::BodyFraming::None;
    std::string body_waiting_; // framed; the endpoint is not there yet

    // Its answer.
    std::shared_ptr<UpstreamExchange> upstream_;
    bool upstream_ready_ = false;
    mesh::BodyFraming answer_framing_ = mesh::BodyFraming::None;
    bool keep_alive_ = false;
    int status_ = 0;
    std::size_t body_bytes_ = 0;
    bool server_ended_ = false; // of an upgraded connection
    netemu::EventLoop::TimerId next_timer_ = 0;
};

} // namespace labctl::dataplane
