#include "labctl/dataplane/upstream_http2.h"

#include <string>
#include <utility>

#include "mesh/http/forward.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {

using Cause = UpstreamFailure::Cause;

UpstreamHttp2Call::UpstreamHttp2Call(
    UpstreamPool& pool, const UpstreamAsked& asked, UpstreamCallListener& listener)
    : pool_(pool), upstream_(asked.upstream), head_(asked.head), has_body_(asked.has_body),
      fresh_(asked.fresh), connect_(asked.connect), listener_(listener) {
}

UpstreamHttp2Call::~UpstreamHttp2Call() {
    abandon();
}

void UpstreamHttp2Call::abandon() {
    phase_ = Phase::Over;
    if (session_) {
        session_->detach(*this);
        session_.reset(); // the pool has it as well
    }
}

void UpstreamHttp2Call::begin() {
    session_ = pool_.session(upstream_, connect_, fresh_);
    reused_ = session_->is_proven();
    session_->attach(*this);
}

void UpstreamHttp2Call::on_session_ready() {
    phase_ = Phase::Answering;
    auto head = head_;
    if (mesh::has_grpc_content_type(head.headers)) {
        head.headers.set("te", "trailers"); // gRPC over HTTP/2: every request has it
    }
    stream_ = session_->request(*this, head, !has_body_);
    request_complete_ = !has_body_;
    session_->streams().pause(stream_, paused_);
    listener_.on_call_ready();
    flush();
}

// --- the request

void UpstreamHttp2Call::send_body(std::string_view piece) {
    if (phase_ == Phase::Answering) {
        given_ += piece.size();
        session_->streams().send_body(stream_, piece);
    }
}

void UpstreamHttp2Call::end_request(const mesh::Headers& trailers) {
    if (phase_ == Phase::Answering && !std::exchange(request_complete_, true)) {
        session_->streams().end(stream_, trailers);
    }
}

void UpstreamHttp2Call::flush() {
    if (session_) {
        session_->flush();
    }
}

void UpstreamHttp2Call::pause(bool paused) {
    paused_ = paused;
    if (phase_ == Phase::Answering) {
        session_->streams().pause(stream_, paused);
        flush(); // the peer is told that it may go on
    }
}

bool UpstreamHttp2Call::full() const {
    return phase_ == Phase::Answering && session_->streams().full(stream_);
}

std::size_t UpstreamHttp2Call::unsent() const {
    return phase_ == Phase::Answering ? session_->streams().unsent(stream_) : 0;
}

std::uint64_t UpstreamHttp2Call::sent_total() const {
    return given_ - unsent();
}

// --- the answer

void UpstreamHttp2Call::on_stream_head(const mesh::Response& head, bool ends) {
    answered_ = true;
    if (phase_ != Phase::Answering) {
        return;
    }
    listener_.on_call_head(head, ends);
    if (ends && phase_ == Phase::Answering) {
        on_stream_end({});
    }
}

void UpstreamHttp2Call::on_stream_body(std::string_view piece) {
    if (phase_ == Phase::Answering) {
        listener_.on_call_body(piece);
    }
}

void UpstreamHttp2Call::on_stream_end(const mesh::Headers& trailers) {
    if (phase_ != Phase::Answering) {
        return;
    }
    phase_ = Phase::Over;
    if (!request_complete_) { // the endpoint has heard enough
        session_->streams().reset(stream_, mesh::kH2NoError);
    }
    session_.reset();
    listener_.on_call_end(trailers);
}

void UpstreamHttp2Call::on_stream_reset(std::uint32_t code) {
    const bool refused = code == mesh::kH2RefusedStream;
    fail(
        {refused ? Cause::Refused : Cause::Reset,
         "the endpoint has reset the stream: " + mesh::h2_error_name(code)},
        refused && !answered_ && !has_body_);
}

void UpstreamHttp2Call::on_session_lost(const UpstreamFailure& failure) {
    const bool open = phase_ == Phase::Answering;
    const bool may_repeat =
        open && reused_ && !answered_ && !has_body_ && mesh::is_idempotent(head_.method);
    fail(failure, may_repeat);
}

void UpstreamHttp2Call::fail(const UpstreamFailure& failure, bool may_repeat) {
    if (phase_ == Phase::Over) {
        return;
    }
    phase_ = Phase::Over;
    session_.reset();
    listener_.on_call_failed(failure, may_repeat);
}

void UpstreamHttp2Call::on_stream_drained() {
    if (phase_ == Phase::Answering) {
        listener_.on_call_drained();
    }
}

void UpstreamHttp2Call::on_caught_up() {
    if (phase_ == Phase::Answering) {
        listener_.on_call_caught_up();
    }
}

} // namespace labctl::dataplane
