#include "labctl/dataplane/http_connection.h"

#include <utility>

#include "mesh/http/writer.h"
#include "mesh/tls/session.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHttpHeldMax = 64U << 10U;
constexpr auto kHttpIdleMax = 75s; // nginx's keepalive_timeout
constexpr auto kHttpRawIdleMax = 1h;
constexpr auto kHttpDrainMax = 2s;
constexpr char kTlsHandshake = 0x16; // the first byte that a TLS client sends (RFC 8446, 5.1)
constexpr std::size_t kHttpSmallPiece = 4096; // not worth a packet of its own

} // namespace

HttpConnection::HttpConnection(
    netemu::EventLoop& loop,
    HttpProxy& proxy,
    HttpClient client,
    std::unique_ptr<ClientStream> stream,
    Closed closed)
    : loop_(loop), proxy_(proxy), client_(std::move(client)), closed_(std::move(closed)),
      stream_(std::move(stream)), last_active_(netemu::Clock::now()) {
    stream_->set_listener(*this);
    ++proxy_.connections();
    parser_.on_body([this](std::string_view piece) { take_body(piece); });
}

HttpConnection::~HttpConnection() {
    loop_.cancel(next_timer_);
    --proxy_.connections();
}

void HttpConnection::start(std::string_view bytes) {
    stream_->start(bytes);
}

void HttpConnection::take_over(std::string_view plain, bool has_ended) {
    if (!plain.empty()) {
        on_client_bytes(plain);
    }
    if (has_ended) {
        on_client_ended();
    }
}

void HttpConnection::retire() {
    retired_ = true;
    if (phase_ == Phase::Reading && parser_.idle()) {
        finish();
    }
}

// --- time

void HttpConnection::expire(netemu::Clock::time_point now) {
    if (upstream_) {
        upstream_->expire(now);
    }
    if (std::exchange(sent_seen_, stream_->sent_total()) != stream_->sent_total()) {
        last_active_ = now;
    }
    const auto idle = now - last_active_;
    switch (phase_) {
    case Phase::Reading:
        if (idle > kHttpIdleMax && !parser_.idle()) {
            story_ = "a request whose head does not end";
            reply({408, "the request's head does not end", false});
        } else if (idle > kHttpIdleMax) {
            close();
        }
        return;
    case Phase::Relaying:
        return expire_relaying(now);
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
void HttpConnection::expire_relaying(netemu::Clock::time_point now) {
    const bool must_read = stream_->unsent() > 0;
    const bool must_write = !request_complete_ && upstream_ready_ && !upstream_->full();
    if (!must_read && !must_write) {
        last_active_ = now;
    } else if (now - last_active_ > kHttpIdleMax) {
        drop_exchange();
        must_read ? log(status_, "the client does not read its answer")
                  : reply({408, "the request's body does not end", false});
        if (must_read) {
            close();
        }
    }
}

void HttpConnection::pace() {
    // More than any answer leaves unsent: the client makes us speak, and does not listen.
    bool paused = stream_->unsent() > 2 * kStreamUnsentMax;
    if (phase_ == Phase::Raw) {
        paused = paused || upstream_->full();
    } else if (phase_ == Phase::Relaying && request_complete_) {
        paused = paused || held_.size() > kHttpHeldMax;
    } else if (phase_ == Phase::Relaying) {
        paused = paused || (upstream_ready_ ? upstream_->full() : !body_waiting_.empty());
    }
    stream_->pause(paused);
}

// --- what the client says

void HttpConnection::on_client_bytes(std::string_view bytes) {
    const bool within_a_head = phase_ == Phase::Reading && !parser_.idle();
    if (phase_ != Phase::Draining && !within_a_head) {
        last_active_ = netemu::Clock::now();
    }
    if (phase_ == Phase::Raw) {
        upstream_->send(bytes);
    } else if (phase_ == Phase::Reading || phase_ == Phase::Relaying) {
        take(bytes);
        if (upstream_) {
            upstream_->flush();
        }
    }
    pace();
}

void HttpConnection::take(std::string_view bytes) {
    while (!bytes.empty() && (phase_ == Phase::Reading || phase_ == Phase::Relaying)) {
        if (request_complete_) { // the next one waits for the answer to this one
            held_.append(bytes);
            return;
        }
        if (parser_.idle() && bytes.front() == kTlsHandshake) {
            story_ = "TLS on a port of plain HTTP";
            return reply({400, "this port speaks plain HTTP, and you began with TLS"});
        }
        bytes.remove_prefix(parser_.feed(bytes));
        if (phase_ != Phase::Reading && phase_ != Phase::Relaying) {
            return; // answered in the middle of its body
        }
        if (parser_.failed()) {
            story_ = "a request that is no proper HTTP";
            drop_exchange();
            return reply({parser_.error().status, parser_.error().text});
        }
        if (parser_.head_complete()) {
            route();
        }
        if (parser_.complete() && phase_ == Phase::Relaying && !request_complete_) {
            request_complete();
        }
    }
}

/// Behind the head, but maybe before `take` has seen that it is complete.
void HttpConnection::take_body(std::string_view piece) {
    route();
    if (phase_ != Phase::Relaying) {
        return; // answered already
    }
    request_bytes_ += piece.size();
    const auto framed =
        request_framing_ == mesh::BodyFraming::Chunked ? mesh::chunk_bytes(piece) : std::string();
    const std::string_view bytes = framed.empty() ? piece : std::string_view(framed);
    if (run_) {
        keep_for_retries(bytes);
    }
    if (!upstream_ready_) {
        body_waiting_.append(bytes);
    } else if (bytes.size() < kHttpSmallPiece) {
        upstream_->put(bytes);
    } else {
        upstream_->send(bytes);
    }
}

void HttpConnection::request_complete() {
    request_complete_ = true;
    if (request_framing_ == mesh::BodyFraming::Chunked) {
        auto trailers = parser_.request().trailers;
        mesh::remove_hop_by_hop(trailers);
        const auto last = mesh::last_chunk_bytes(trailers);
        body_waiting_.append(last);
        if (run_) {
            keep_for_retries(last);
        }
    }
    if (run_ && run_->is_kept) {
        run_->course->request_complete(run_->head, run_->body);
    }
    if (upstream_ready_) {
        upstream_ready();
    }
}

void HttpConnection::on_client_ended() {
    input_ended_ = true;
    if (phase_ == Phase::Raw) {
        upstream_->send_end();
    } else if (phase_ == Phase::Reading) {
        finish();
    } else if (phase_ == Phase::Draining) {
        on_client_finished();
    } else if (phase_ == Phase::Relaying && !request_complete_) {
        constexpr int kClientClosedRequest = 499; // nginx's
        log(kClientClosedRequest, "the client has ended in the middle of its request");
        close();
    }
}

/// Of a sidecar, it has been looked at before this takes over.
void HttpConnection::on_client_secured() {
    client_.server_name = stream_->tls()->server_name();
}

void HttpConnection::on_client_failed(const std::string& why) {
    if (!why.empty()) {
        drop_exchange();
        proxy_.log(client_, "TLS: " + why, 0, 0);
        phase_ = Phase::Draining; // the alert is on its way
        last_active_ = netemu::Clock::now();
        return;
    }
    if (phase_ == Phase::Raw && input_ended_ && server_ended_) {
        return; // in good order; what the endpoint has not got yet is on its way
    }
    if (phase_ == Phase::Relaying) {
        constexpr int kClientClosedRequest = 499;
        log(kClientClosedRequest, "the client has gone");
    }
    close();
}

void HttpConnection::on_client_drained() {
    if (waits_to_drain_) {
        waits_to_drain_ = false;
        next_request();
    } else if (upstream_) {
        upstream_->pause(false);
    }
    pace();
}

/// All is sent, and the end of it.
void HttpConnection::on_client_finished() {
    if (phase_ == Phase::Draining && input_ended_ && stream_->unsent() == 0) {
        close();
    }
}

// --- what the server answers

/// Also when the request is complete afterwards.
void HttpConnection::upstream_ready() {
    upstream_ready_ = true;
    if (!body_waiting_.empty()) {
        upstream_->put(std::exchange(body_waiting_, {}));
    }
    if (request_complete_) {
        upstream_->request_complete();
    }
    pace();
}

mesh::Response HttpConnection::client_head(
    const mesh::Response& head, int version_minor, mesh::BodyFraming framing, bool keep_alive) {
    auto changed = mesh::forward_response(head, version_minor, framing, keep_alive);
    answered_at_ = netemu::Clock::now();
    proxy_.edit_answer(
        changed, std::chrono::duration_cast<std::chrono::milliseconds>(answered_at_ - relayed_at_));
    for (const auto& field : answer_fields_) {
        changed.headers.set(field.name, field.value);
    }
    if (run_) {
        run_->course->edit_answer(changed);
    }
    return changed;
}

void HttpConnection::answer_head(const mesh::Response& head) {
    if (run_ && tries_again(nullptr, &head)) {
        return;
    }
    status_ = head.status;
    if (head.status == 101) {
        phase_ = Phase::Raw;
        stream_->send(mesh::head_bytes(client_head(head, 1, mesh::BodyFraming::None, true)));
        log(status_, "");
        run_.reset();
        upstream_->send(std::exchange(held_, {}));
        if (input_ended_) {
            upstream_->send_end();
        }
        return pace();
    }
    const auto& request = parser_.request();
    answer_framing_ =
        mesh::client_framing(mesh::body_framing(head, request.method), request.version_minor);
    keep_alive_ = parser_.keep_alive() && request_complete_ && !retired_ &&
                  answer_framing_ != mesh::BodyFraming::UntilClose;
    stream_->put(
        mesh::head_bytes(client_head(head, request.version_minor, answer_framing_, keep_alive_)));
}

void HttpConnection::answer_body(std::string_view piece) {
    body_bytes_ += piece.size();
    const bool chunked = answer_framing_ == mesh::BodyFraming::Chunked;
    if (chunked) {
        stream_->put(mesh::chunk_head_bytes(piece.size()));
    }
    piece.size() < kHttpSmallPiece ? stream_->put(piece) : stream_->send(piece);
    if (chunked) {
        stream_->put("\r\n");
    }
    if (stream_->full()) {
        upstream_->pause(true);
    }
}

void HttpConnection::answer_end(const mesh::Headers& trailers) {
    if (answer_framing_ == mesh::BodyFraming::Chunked) {
        auto passed = trailers;
        mesh::remove_hop_by_hop(passed);
        stream_->put(mesh::last_chunk_bytes(passed));
    }
    stream_->flush();
    log(status_, "");
    run_.reset();
    drop_exchange();
    keep_alive_ ? request_over() : finish();
}

void HttpConnection::answer_failed(const UpstreamExchange::Failure& failure) {
    const auto endpoint = upstream_->endpoint();
    if (run_ && status_ == 0 && tries_again(&failure, nullptr)) {
        return;
    }
    drop_exchange();
    if (phase_ == Phase::Raw) {
        return finish();
    }
    if (failure.cause == UpstreamExchange::Cause::BrokeOff) { // there is no other way to tell
        log(status_, failure.text + " at " + endpoint.to_string());
        stream_->abort();
        return close();
    }
    reply(proxy_.failed(failure, endpoint));
}

void HttpConnection::raw_from_server(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    if (bytes.empty()) {
        server_ended_ = true;
        stream_->finish();
        return;
    }
    stream_->send(bytes);
    upstream_->pause(stream_->full());
}

// --- the end of a connection

/// Closing with unread input would send RST, which can destroy the answer on its way (RFC 9112
/// section 9.6).
void HttpConnection::finish() {
    phase_ = Phase::Draining;
    last_active_ = netemu::Clock::now();
    stream_->finish();
    if (!stream_->is_open()) {
        return close();
    }
    on_client_finished();
    pace();
}

void HttpConnection::close() {
    if (phase_ != Phase::Closed) {
        phase_ = Phase::Closed;
        loop_.cancel(std::exchange(next_timer_, 0));
        run_.reset();
        drop_exchange();
        stream_->close();
        closed_(*this);
    }
}

void HttpConnection::drop_exchange() {
    if (upstream_) {
        upstream_->abandon();
        proxy_.pool().bury(std::exchange(upstream_, nullptr));
        lease_.reset();
        upstream_ready_ = false;
    }
}

} // namespace labctl::dataplane
