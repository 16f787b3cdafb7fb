#include "labctl/dataplane/http2_connection.h"

#include <utility>

#include "mesh/http/grpc.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

constexpr std::chrono::seconds kHttpSilentStreamMax{3600};

} // namespace

Http2Connection::Http2Connection(
    netemu::EventLoop& loop,
    HttpProxy& proxy,
    HttpClient client,
    std::unique_ptr<ClientStream> stream,
    Closed closed)
    : HttpConnection(loop, proxy, std::move(client), std::move(stream), std::move(closed)),
      session_(mesh::H2Streams::Role::Server, *this, mesh::H2Streams::Options{}),
      last_active_(netemu::Clock::now()) {
    client_.http2 = true;
}

void Http2Connection::retire() {
    if (!std::exchange(retired_, true)) {
        session_.retire();
        flush();
    }
}

// --- the client

void Http2Connection::on_client_bytes(std::string_view bytes) {
    if (finishing_ || closed_now_) {
        return;
    }
    last_active_ = netemu::Clock::now();
    feeding_ = true;
    const bool good = session_.feed(bytes);
    feeding_ = false;
    for (const auto id : std::exchange(touched_, {})) {
        if (auto* const stream = find(id)) {
            stream->relay().flush();
        }
    }
    flush();
    if (!good || session_.finished()) {
        end_all("the client has broken HTTP/2, or ended the connection");
        return finish();
    }
    pace();
}

/// It may still wait for answers.
void Http2Connection::on_client_ended() {
    input_ended_ = true;
    retired_ = true;
    finishing_ ? on_client_finished() : flush();
}

void Http2Connection::on_client_failed(const std::string& why) {
    end_all("the client has gone");
    if (why.empty()) {
        return close();
    }
    proxy_.log(client_, "TLS: " + why, 0, 0);
    finishing_ = true; // the alert is on its way
    last_active_ = netemu::Clock::now();
}

void Http2Connection::on_client_drained() {
    flush();
    pace();
}

/// All is sent, and the end of it.
void Http2Connection::on_client_finished() {
    if (finishing_ && input_ended_ && stream_->unsent() == 0) {
        close();
    }
}

/// A client that makes us speak and does not listen is not listened to.
void Http2Connection::pace() {
    stream_->pause(stream_->unsent() > 2 * kStreamUnsentMax);
}

void Http2Connection::flush() {
    if (feeding_ || closed_now_ || finishing_ || std::exchange(flushing_, true)) {
        return;
    }
    put_output();
    flushing_ = false;
    stream_->flush();
    if (retired_ && streams_.empty()) {
        finish();
    }
}

void Http2Connection::put_output() {
    while (!stream_->full()) {
        const auto bytes = session_.take_output();
        if (bytes.empty()) {
            break;
        }
        stream_->put(bytes);
    }
}

void Http2Connection::expire(netemu::Clock::time_point now) {
    if (std::exchange(sent_seen_, stream_->sent_total()) != stream_->sent_total()) {
        last_active_ = now;
    }
    const auto streams = streams_; // some may end
    for (const auto& [id, stream] : streams) {
        stream->expire(now);
    }
    const bool all_sent = stream_->unsent() == 0;
    const auto idle = now - last_active_;
    if (closed_now_) {
        return;
    }
    if (finishing_) {
        return idle > (all_sent ? kHttpDrainMax : kHttpIdleMax) ? close() : void();
    }
    // A stream may be silent for long: whoever watches something waits for it to happen.
    const bool waits_for_us = !streams_.empty() && all_sent;
    if (idle > (waits_for_us ? kHttpSilentStreamMax : kHttpIdleMax)) {
        end_all("the client does not read its answers");
        finish();
    }
}

// --- streams

void Http2Connection::on_h2_request(std::int32_t id, const mesh::Request& head, bool ends) {
    if (retired_) {
        return session_.reset(id, mesh::kH2RefusedStream);
    }
    add_stream(id, head)->begin(ends);
}

std::shared_ptr<Http2Connection::Stream>
Http2Connection::add_stream(std::int32_t id, const mesh::Request& head) {
    return streams_.emplace(id, std::make_shared<Stream>(*this, id, head)).first->second;
}

void Http2Connection::on_h2_too_large(std::int32_t id) {
    constexpr int kFieldsTooLarge = 431;
    const auto stream = add_stream(id, {});
    stream->relay().refuse_unread(
        "a request that is too large", {kFieldsTooLarge, "the request's head is too large"});
}

void Http2Connection::on_h2_body(std::int32_t id, std::string_view piece) {
    if (auto* const stream = find(id)) {
        touched_.push_back(id);
        stream->relay().take_body(piece);
        stream->pace();
    }
}

void Http2Connection::on_h2_end(std::int32_t id, const mesh::Headers& trailers) {
    if (auto* const stream = find(id)) {
        touched_.push_back(id);
        stream->relay().end_request(trailers);
    }
}

void Http2Connection::on_h2_reset(std::int32_t id, std::uint32_t code) {
    if (auto* const stream = find(id)) {
        stream->relay().end(
            kClientClosedRequest, "the client has reset the stream: " + mesh::h2_error_name(code));
        forget(id);
    }
}

/// Its answer has gone out.
void Http2Connection::on_h2_closed(std::int32_t id) {
    forget(id);
}

void Http2Connection::on_h2_drained(std::int32_t id) {
    if (auto* const stream = find(id)) {
        stream->relay().client_drained();
    }
}

Http2Connection::Stream* Http2Connection::find(std::int32_t id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
}

/// It may be what calls us. `flush` sees whether it was the last.
void Http2Connection::forget(std::int32_t id) {
    auto gone = streams_.extract(id);
    if (!gone.empty()) {
        gone.mapped()->relay().abandon();
        proxy_.pool().bury(std::move(gone.mapped()));
    }
}

void Http2Connection::end_all(const std::string& why) {
    const auto streams = std::exchange(streams_, {});
    for (const auto& [id, stream] : streams) {
        stream->relay().end(kClientClosedRequest, why);
        proxy_.pool().bury(stream);
    }
}

// --- one of them

Http2Connection::Stream::Stream(
    Http2Connection& connection, std::int32_t id, const mesh::Request& head)
    : connection_(connection), id_(id), head_(head),
      relay_(connection.loop_, connection.proxy_, connection.client_, *this),
      last_active_(netemu::Clock::now()) {
}

void Http2Connection::Stream::begin(bool ends) {
    has_body_ = !ends;
    relay_.begin(head_, !ends);
    if (ends) {
        relay_.end_request({});
    }
    relay_.flush();
}

/// Who asks for it with Expect (RFC 9110 section 10.1.1).
void Http2Connection::Stream::invite_body() {
    constexpr int kContinue = 100;
    if (has_body_ && mesh::equals_ignore_case(head_.headers.get("expect"), "100-continue")) {
        connection_.session_.inform(id_, kContinue);
        connection_.flush();
    }
}

void Http2Connection::Stream::begin_answer(mesh::Response head, bool ends) {
    connection_.session_.respond(id_, head, ends);
}

void Http2Connection::Stream::answer_body(std::string_view piece) {
    connection_.session_.send_body(id_, piece);
}

void Http2Connection::Stream::end_answer(const mesh::Headers& trailers) {
    connection_.session_.end(id_, trailers);
    connection_.flush();
}

void Http2Connection::Stream::answer_here(mesh::Response answer, bool /*may_go_on*/) {
    const bool may_have_body = mesh::status_has_body(answer.status);
    const bool body = may_have_body && !answer.body.empty() && head_.method != "HEAD";
    if (may_have_body && !mesh::has_grpc_content_type(head_.headers)) {
        answer.headers.set("content-length", std::to_string(answer.body.size()));
    }
    connection_.session_.respond(id_, answer, !body);
    if (body) {
        connection_.session_.send_body(id_, answer.body);
        connection_.session_.end(id_, {});
    }
    connection_.flush();
}

void Http2Connection::Stream::break_off() {
    connection_.session_.reset(id_, mesh::kH2InternalError);
    connection_.forget(id_);
    connection_.flush();
}

bool Http2Connection::Stream::is_full() const {
    return connection_.session_.full(id_);
}

void Http2Connection::Stream::pace() {
    connection_.session_.pause(id_, relay_.is_full());
    connection_.flush();
}

void Http2Connection::Stream::expire(netemu::Clock::time_point now) {
    relay_.expire(now);
    const auto unsent = connection_.session_.unsent(id_);
    const bool moved = std::exchange(unsent_seen_, unsent) != unsent;
    if (unsent == 0 || moved) {
        last_active_ = now;
    } else if (now - last_active_ > kHttpIdleMax) {
        relay_.end("the client does not read its answer");
        break_off();
    }
}

// --- the end

/// What is to be said is sent before; an answer on its way is not destroyed by RST (RFC 9112
/// section 9.6 of HTTP/1.1, and as true here).
void Http2Connection::finish() {
    if (closed_now_ || std::exchange(finishing_, true)) {
        return;
    }
    put_output();
    last_active_ = netemu::Clock::now();
    stream_->finish();
    if (!stream_->is_open()) {
        return close();
    }
    on_client_finished();
    pace();
}

void Http2Connection::close() {
    if (!std::exchange(closed_now_, true)) {
        end_all("the client has gone");
        stream_->close();
        closed_(*this);
    }
}

} // namespace labctl::dataplane
