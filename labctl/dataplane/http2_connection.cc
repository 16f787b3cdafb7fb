#include "labctl/dataplane/http2_connection.h"

#include <utility>

#include "mesh/http/grpc.h"

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
        if (streams_.empty()) {
            finish();
        }
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
    retired_ = true;
    if (streams_.empty()) {
        finish();
    }
}

void Http2Connection::on_client_failed(const std::string& why) {
    if (!why.empty()) {
        proxy_.log(client_, "TLS: " + why, 0, 0);
    }
    end_all("the client has gone");
    close();
}

void Http2Connection::on_client_drained() {
    flush();
    pace();
}

void Http2Connection::on_client_finished() {
    if (finishing_ && stream_->unsent() == 0) {
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
    while (!stream_->full()) {
        const auto bytes = session_.take_output();
        if (bytes.empty()) {
            break;
        }
        stream_->put(bytes);
    }
    flushing_ = false;
    stream_->flush();
}

void Http2Connection::expire(netemu::Clock::time_point now) {
    if (std::exchange(sent_seen_, stream_->sent_total()) != stream_->sent_total()) {
        last_active_ = now;
    }
    const auto streams = streams_; // some may end
    for (const auto& [id, stream] : streams) {
        stream->expire(now);
    }
    // A stream may be silent for long: whoever watches something waits for it to happen.
    const bool waits_for_us = !streams_.empty() && stream_->unsent() == 0;
    const auto longest = waits_for_us ? kHttpSilentStreamMax : kHttpIdleMax;
    if (closed_now_ || now - last_active_ <= longest) {
        return;
    }
    end_all("the client does not read its answers");
    finishing_ ? close() : finish();
}

// --- streams

void Http2Connection::on_h2_request(std::int32_t id, const mesh::Request& head, bool ends) {
    if (retired_) {
        return session_.reset(id, mesh::kH2RefusedStream);
    }
    const auto stream = std::make_shared<Stream>(*this, id, head);
    streams_.emplace(id, stream);
    stream->begin(ends);
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

void Http2Connection::on_h2_drained(std::int32_t id) {
    if (auto* const stream = find(id)) {
        stream->relay().client_drained();
    }
}

Http2Connection::Stream* Http2Connection::find(std::int32_t id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
}

/// It may be what calls us.
void Http2Connection::forget(std::int32_t id) {
    auto gone = streams_.extract(id);
    if (!gone.empty()) {
        gone.mapped()->relay().abandon();
        proxy_.pool().bury(std::move(gone.mapped()));
    }
    if (streams_.empty() && retired_ && !feeding_) {
        flush();
        finish();
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
    relay_.begin(head_, !ends);
    if (ends) {
        relay_.end_request({});
    }
    relay_.flush();
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
    connection_.forget(id_);
}

void Http2Connection::Stream::answer_here(mesh::Response answer, bool /*may_go_on*/) {
    const bool body = !answer.body.empty() && head_.method != "HEAD";
    if (!mesh::has_grpc_content_type(head_.headers)) {
        answer.headers.set("content-length", std::to_string(answer.body.size()));
    }
    connection_.session_.respond(id_, answer, !body);
    if (body) {
        connection_.session_.send_body(id_, answer.body);
        connection_.session_.end(id_, {});
    }
    connection_.flush();
    connection_.forget(id_);
}

void Http2Connection::Stream::break_off() {
    connection_.session_.reset(id_, mesh::kH2InternalError);
    connection_.flush();
    connection_.forget(id_);
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
    if (closed_now_ || finishing_) {
        return;
    }
    flush();
    finishing_ = true;
    last_active_ = netemu::Clock::now();
    stream_->finish();
    if (!stream_->is_open()) {
        return close();
    }
    on_client_finished();
}

void Http2Connection::close() {
    if (!std::exchange(closed_now_, true)) {
        end_all("the client has gone");
        stream_->close();
        closed_(*this);
    }
}

} // namespace labctl::dataplane
