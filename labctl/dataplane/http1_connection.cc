#include "labctl/dataplane/http1_connection.h"

#include <utility>

#include "mesh/http/writer.h"
#include "mesh/tls/session.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHttpHeldMax = 64U << 10U;
constexpr auto kHttpRawIdleMax = 1h;
constexpr char kTlsHandshake = 0x16; // the first byte that a TLS client sends (RFC 8446, 5.1)
constexpr std::size_t kHttpSmallPiece = 4096; // not worth a packet of its own

} // namespace

Http1Connection::Http1Connection(
    netemu::EventLoop& loop,
    HttpProxy& proxy,
    HttpClient client,
    std::unique_ptr<ClientStream> stream,
    Closed closed)
    : HttpConnection(loop, proxy, std::move(client), std::move(stream), std::move(closed)),
      last_active_(netemu::Clock::now()) {
    listen_to_body();
}

Http1Connection::~Http1Connection() {
    loop_.cancel(next_timer_);
}

void Http1Connection::retire() {
    retired_ = true;
    if (phase_ == Phase::Reading && parser_.idle()) {
        finish();
    }
}

// --- time

void Http1Connection::expire(netemu::Clock::time_point now) {
    if (relay_) {
        relay_->expire(now);
    }
    if (std::exchange(sent_seen_, stream_->sent_total()) != stream_->sent_total()) {
        last_active_ = now;
    }
    const auto idle = now - last_active_;
    switch (phase_) {
    case Phase::Reading:
        if (idle > kHttpIdleMax && !parser_.idle()) {
            refuse_unread(
                "a request whose head does not end",
                {408, "the request's head does not end", false});
        } else if (idle > kHttpIdleMax) {
            close();
        }
        return;
    case Phase::Answering:
        return expire_answering(now);
    case Phase::Raw:
        return idle > kHttpRawIdleMax ? close() : void();
    case Phase::Draining: {
        const bool all_sent = stream_->unsent() == 0;
        return idle > (all_sent ? kHttpDrainMax : kHttpIdleMax) ? close() : void();
    }
    case Phase::Closed:
        return;
    }
}

/// While it is the endpoint's turn, UpstreamExchange looks at the clock.
void Http1Connection::expire_answering(netemu::Clock::time_point now) {
    const bool must_read = stream_->unsent() > 0;
    const bool must_write = relay_ && relay_->waits_for_client();
    if (!must_read && !must_write) {
        last_active_ = now;
    } else if (now - last_active_ > kHttpIdleMax && must_read) {
        if (relay_) {
            relay_->end("the client does not read its answer");
        }
        close();
    } else if (now - last_active_ > kHttpIdleMax) {
        relay_->refuse({408, "the request's body does not end", false});
    }
}

void Http1Connection::pace() {
    // More than any answer leaves unsent: the client makes us speak, and does not listen.
    bool paused = stream_->unsent() > 2 * kStreamUnsentMax;
    if (phase_ == Phase::Answering && is_complete_) {
        paused = paused || held_.size() > kHttpHeldMax;
    } else if (relay_) {
        paused = paused || relay_->is_full();
    }
    stream_->pause(paused);
}

// --- what the client says

void Http1Connection::on_client_bytes(std::string_view bytes) {
    const bool within_a_head = phase_ == Phase::Reading && !parser_.idle();
    if (phase_ != Phase::Draining && !within_a_head) {
        last_active_ = netemu::Clock::now();
    }
    if (phase_ == Phase::Raw) {
        relay_->take_raw(bytes);
    } else if (phase_ == Phase::Reading || phase_ == Phase::Answering) {
        take(bytes);
        if (relay_) {
            relay_->flush();
        }
    }
    pace();
}

void Http1Connection::take(std::string_view bytes) {
    while (!bytes.empty() && (phase_ == Phase::Reading || phase_ == Phase::Answering)) {
        if (is_complete_) { // the next one waits for the answer to this one
            held_.append(bytes);
            return;
        }
        if (parser_.idle() && bytes.front() == kTlsHandshake) {
            return refuse_unread(
                "TLS on a port of plain HTTP",
                {400, "this port speaks plain HTTP, and you began with TLS"});
        }
        bytes.remove_prefix(parser_.feed(bytes));
        if (phase_ != Phase::Reading && phase_ != Phase::Answering) {
            return; // answered in the middle of its body
        }
        if (parser_.failed()) {
            return refuse_unread(
                "a request that is no proper HTTP", {parser_.error().status, parser_.error().text});
        }
        if (parser_.head_complete()) {
            begin_request();
        }
        if (parser_.complete() && relay_ && !is_complete_) {
            is_complete_ = true;
            relay_->end_request(parser_.request().trailers);
        }
    }
}

/// Behind the head, but maybe before `take` has seen that it is complete.
void Http1Connection::begin_request() {
    if (std::exchange(has_begun_, true)) {
        return;
    }
    phase_ = Phase::Answering;
    relay_ = std::make_shared<HttpRelay>(loop_, proxy_, client_, static_cast<RelayClient&>(*this));
    const auto relay = relay_; // it may be over in there
    const auto& head = parser_.request();
    relay->begin(head, mesh::body_framing(head) != mesh::BodyFraming::None);
}

void Http1Connection::refuse_unread(const std::string& what, const HttpProxy::Refusal& refusal) {
    if (!relay_) {
        relay_ =
            std::make_shared<HttpRelay>(loop_, proxy_, client_, static_cast<RelayClient&>(*this));
    }
    const auto relay = relay_;
    has_begun_ ? relay->refuse(refusal) : relay->refuse_unread(what, refusal);
}

void Http1Connection::on_client_ended() {
    input_ended_ = true;
    if (phase_ == Phase::Raw) {
        relay_->end_client_raw();
    } else if (phase_ == Phase::Reading) {
        finish();
    } else if (phase_ == Phase::Draining) {
        on_client_finished();
    } else if (phase_ == Phase::Answering && !is_complete_) {
        relay_->end(kClientClosedRequest, "the client has ended in the middle of its request");
        close();
    }
}

/// Of a sidecar, it has been looked at before this takes over.
void Http1Connection::on_client_secured() {
    client_.server_name = stream_->tls()->server_name();
}

void Http1Connection::on_client_failed(const std::string& why) {
    if (!why.empty()) {
        drop_relay();
        proxy_.log(client_, "TLS: " + why, 0, 0);
        phase_ = Phase::Draining; // the alert is on its way
        last_active_ = netemu::Clock::now();
        return;
    }
    if (phase_ == Phase::Raw && input_ended_ && server_ended_) {
        return; // in good order; what the endpoint has not got yet is on its way
    }
    if (relay_) {
        relay_->end(kClientClosedRequest, "the client has gone");
    }
    close();
}

void Http1Connection::on_client_drained() {
    if (waits_to_drain_) {
        waits_to_drain_ = false;
        next_request();
    } else if (relay_) {
        relay_->client_drained();
    }
    pace();
}

/// All is sent, and the end of it.
void Http1Connection::on_client_finished() {
    if (phase_ == Phase::Draining && input_ended_ && stream_->unsent() == 0) {
        close();
    }
}

// --- what is answered

void Http1Connection::invite_body() {
    if (parser_.wants_continue() && !std::exchange(continued_, true)) {
        stream_->send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

void Http1Connection::begin_answer(mesh::Response head, bool ends) {
    const auto& request = parser_.request();
    const auto framing = mesh::body_framing(head, request.method);
    if (ends && framing == mesh::BodyFraming::UntilClose) {
        head.headers.add("content-length", "0");
        answer_framing_ = mesh::BodyFraming::Sized;
    } else {
        answer_framing_ = mesh::client_framing(framing, request.version_minor);
    }
    keep_alive_ = parser_.keep_alive() && is_complete_ && !retired_ &&
                  answer_framing_ != mesh::BodyFraming::UntilClose;
    mesh::frame_response(head, request.version_minor, answer_framing_, keep_alive_);
    stream_->put(mesh::head_bytes(head));
}

void Http1Connection::answer_body(std::string_view piece) {
    const bool chunked = answer_framing_ == mesh::BodyFraming::Chunked;
    if (chunked) {
        stream_->put(mesh::chunk_head_bytes(piece.size()));
    }
    piece.size() < kHttpSmallPiece ? stream_->put(piece) : stream_->send(piece);
    if (chunked) {
        stream_->put("\r\n");
    }
}

void Http1Connection::end_answer(const mesh::Headers& trailers) {
    if (answer_framing_ == mesh::BodyFraming::Chunked) {
        stream_->put(mesh::last_chunk_bytes(trailers));
    }
    stream_->flush();
    drop_relay();
    keep_alive_ ? request_over() : finish();
}

void Http1Connection::answer_here(mesh::Response answer, bool may_go_on) {
    // Of a body, nothing has been read that could be told from the next request.
    const bool known = has_begun_ && !parser_.failed();
    const auto& request = parser_.request();
    keep_alive_ = may_go_on && !retired_ && known && parser_.keep_alive() &&
                  (mesh::body_framing(request) == mesh::BodyFraming::None || is_complete_);
    if (!keep_alive_) {
        answer.headers.add("connection", "close");
    } else if (request.version_minor == 0) {
        answer.headers.add("connection", "keep-alive");
    }
    stream_->send(mesh::to_bytes(answer, known && request.method == "HEAD"));
    drop_relay();
    if (!keep_alive_) {
        return finish();
    }
    // `take` may be at work on this request: the next one begins when it has returned.
    phase_ = Phase::Answering;
    is_complete_ = true;
    next_timer_ = loop_.after(std::chrono::microseconds(0), [this] {
        next_timer_ = 0;
        request_over();
    });
}

void Http1Connection::break_off() {
    stream_->abort();
    close();
}

// --- the next one

/// A client that reads no answers gets no more of them.
void Http1Connection::request_over() {
    if (stream_->full()) {
        waits_to_drain_ = true;
    } else {
        next_request();
    }
}

void Http1Connection::listen_to_body() {
    parser_.on_body([this](std::string_view piece) {
        begin_request();
        if (relay_) {
            relay_->take_body(piece);
        }
    });
}

void Http1Connection::next_request() {
    phase_ = Phase::Reading;
    last_active_ = netemu::Clock::now();
    (void)parser_.take();
    listen_to_body();
    has_begun_ = is_complete_ = continued_ = false;
    const auto bytes = std::exchange(held_, {});
    if (retired_) {
        return finish();
    }
    take(bytes);
    if (relay_) {
        relay_->flush();
    }
    if (phase_ == Phase::Reading && input_ended_) {
        return finish();
    }
    pace();
}

// --- an upgraded connection

void Http1Connection::become_raw(const mesh::Response& head) {
    phase_ = Phase::Raw;
    stream_->send(mesh::head_bytes(head));
    relay_->take_raw(std::exchange(held_, {}));
    if (input_ended_) {
        relay_->end_client_raw();
    }
    pace();
}

void Http1Connection::answer_raw(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    if (bytes.empty()) {
        server_ended_ = true;
        stream_->finish();
        return;
    }
    stream_->send(bytes);
}

// --- the end of a connection

/// Closing with unread input would send RST, which can destroy the answer on its way (RFC 9112
/// section 9.6).
void Http1Connection::finish() {
    drop_relay();
    phase_ = Phase::Draining;
    last_active_ = netemu::Clock::now();
    stream_->finish();
    if (!stream_->is_open()) {
        return close();
    }
    on_client_finished();
    pace();
}

void Http1Connection::close() {
    if (phase_ != Phase::Closed) {
        phase_ = Phase::Closed;
        loop_.cancel(std::exchange(next_timer_, 0));
        drop_relay();
        stream_->close();
        closed_(*this);
    }
}

void Http1Connection::drop_relay() {
    if (relay_) {
        relay_->abandon();
        proxy_.pool().bury(std::exchange(relay_, nullptr));
    }
}

} // namespace labctl::dataplane
