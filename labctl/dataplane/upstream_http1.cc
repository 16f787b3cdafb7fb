#include "labctl/dataplane/upstream_http1.h"

#include <utility>

#include <system_error>

#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

using Cause = UpstreamFailure::Cause;

constexpr std::size_t kUpstreamSmallPiece = 4096; // not worth a packet of its own

/// A request without a body, of a method that usually has one, says so (RFC 9110 section 8.6);
/// over HTTP/2, its frames have done it.
mesh::Request framed(const mesh::Request& asked, bool has_body) {
    auto head = asked;
    const bool usual = head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
    if (usual && !has_body && !head.headers.has("content-length")) {
        head.headers.add("content-length", "0");
    }
    return head;
}

} // namespace

UpstreamHttp1Call::UpstreamHttp1Call(
    netemu::EventLoop& loop,
    UpstreamPool& pool,
    const UpstreamAsked& asked,
    UpstreamCallListener& listener)
    : loop_(loop), pool_(pool), upstream_(asked.upstream), head_(asked.head),
      framing_(mesh::body_framing(asked.head)), has_body_(asked.has_body), fresh_(asked.fresh),
      connect_(asked.connect), listener_(listener), parser_(asked.head.method) {
    parser_.on_body([this](std::string_view piece) {
        tell_head(false);
        if (phase_ == Phase::Answering) {
            listener_.on_call_body(piece);
        }
    });
}

UpstreamHttp1Call::~UpstreamHttp1Call() {
    if (order_) {
        pool_.cancel_order(*order_);
    }
}

void UpstreamHttp1Call::abandon() {
    phase_ = Phase::Over;
    if (order_) {
        pool_.cancel_order(*std::exchange(order_, std::nullopt));
    }
    drop_stream();
}

// --- a connection

void UpstreamHttp1Call::begin() {
    stream_ = fresh_ ? nullptr : pool_.take_idle(upstream_);
    reused_ = stream_ != nullptr;
    if (reused_) {
        stream_->set_listener(*this);
        stream_->pause(paused_);
        return on_connected();
    }
    order_ =
        pool_.order_socket(upstream_.endpoint.address.family(), [this](netemu::UniqueFd socket) {
            socket_arrived(std::move(socket));
        });
}

void UpstreamHttp1Call::socket_arrived(netemu::UniqueFd socket) {
    order_.reset();
    if (phase_ != Phase::Waiting) {
        return;
    }
    if (!socket) {
        return fail(Cause::NoSocket, "no more sockets are to be had");
    }
    phase_ = Phase::Connecting;
    stream_ = std::make_shared<UpstreamStream>(
        loop_, std::move(socket), upstream_, static_cast<StreamListener&>(*this));
    stream_->pause(paused_);
    stream_->connect();
}

void UpstreamHttp1Call::on_connected() {
    // It may lead nowhere one day (a policy, a cable): what nobody acknowledges is not waited for
    // any longer than a new connection is.
    if (!reused_) {
        stream_->give_up_after(connect_);
    }
    phase_ = Phase::Answering;
    stream_->put(mesh::head_bytes(framed(head_, has_body_)));
    listener_.on_call_ready();
    flush();
}

void UpstreamHttp1Call::drop_stream() {
    if (stream_) {
        stream_->close();
        pool_.bury(std::exchange(stream_, nullptr));
    }
}

// --- the request

void UpstreamHttp1Call::send_body(std::string_view piece) {
    if (!stream_ || piece.empty()) {
        return;
    }
    const bool chunked = framing_ == mesh::BodyFraming::Chunked;
    if (chunked) {
        stream_->put(mesh::chunk_head_bytes(piece.size()));
    }
    piece.size() < kUpstreamSmallPiece ? stream_->put(piece) : stream_->send(piece);
    if (chunked) {
        stream_->put("\r\n");
    }
}

void UpstreamHttp1Call::end_request(const mesh::Headers& trailers) {
    request_complete_ = true; // without this, the connection cannot be used again
    if (stream_ && framing_ == mesh::BodyFraming::Chunked) {
        stream_->put(mesh::last_chunk_bytes(trailers));
    }
}

void UpstreamHttp1Call::send_raw(std::string_view bytes) {
    if (stream_) {
        stream_->send(bytes);
    }
}

void UpstreamHttp1Call::end_raw() {
    if (stream_) {
        stream_->finish();
    }
}

void UpstreamHttp1Call::flush() {
    if (stream_) {
        stream_->flush();
    }
}

void UpstreamHttp1Call::pause(bool paused) {
    paused_ = paused;
    if (stream_) {
        stream_->pause(paused);
    }
}

std::size_t UpstreamHttp1Call::unsent() const {
    return stream_ ? stream_->unsent() : 0;
}

std::uint64_t UpstreamHttp1Call::sent_total() const {
    return stream_ ? stream_->sent_total() : 0;
}

// --- the answer

void UpstreamHttp1Call::on_received(std::string_view bytes) {
    if (phase_ == Phase::Raw) {
        return listener_.on_call_raw(bytes);
    }
    if (phase_ == Phase::Answering) {
        answered_ = true;
        take_answer(bytes);
    }
    if (phase_ == Phase::Answering) {
        listener_.on_call_caught_up();
    }
}

void UpstreamHttp1Call::take_answer(std::string_view bytes) {
    while (!bytes.empty() && phase_ == Phase::Answering) {
        bytes.remove_prefix(parser_.feed(bytes));
        if (phase_ != Phase::Answering) {
            return; // abandoned by whoever was told of it
        }
        if (parser_.failed()) {
            return fail(Cause::NoAnswer, "the answer is no proper HTTP: " + parser_.error().text);
        }
        if (parser_.head_complete()) {
            if (parser_.response().status == 101 && !mesh::upgrades(head_.headers)) {
                return fail(
                    Cause::NoAnswer, "the endpoint changes a protocol that nobody asked it to");
            }
            tell_head(parser_.complete());
        }
        if (phase_ != Phase::Answering || !parser_.complete()) {
            continue;
        }
        if (parser_.response().status != 101) {
            return finish_answer(bytes.empty() && parser_.keep_alive());
        }
        phase_ = Phase::Raw;
        if (!bytes.empty()) {
            listener_.on_call_raw(bytes);
        }
        return;
    }
}

void UpstreamHttp1Call::tell_head(bool ends) {
    if (!std::exchange(head_told_, true)) {
        listener_.on_call_head(parser_.response(), ends);
    }
}

void UpstreamHttp1Call::on_ended() {
    if (phase_ == Phase::Raw) {
        return listener_.on_call_raw({});
    }
    if (phase_ != Phase::Answering) {
        return;
    }
    parser_.finish();
    if (parser_.complete()) {
        return finish_answer(false);
    }
    broken("the endpoint closed the connection");
}

/// The socket is closed.
void UpstreamHttp1Call::on_failed(int error) {
    const bool tls = stream_ && !stream_->tls_problem().empty();
    const std::string why = tls          ? "TLS: " + stream_->tls_problem()
                            : error == 0 ? "the connection has ended"
                                         : std::generic_category().message(error);
    switch (phase_) {
    case Phase::Connecting:
        return fail(tls ? Cause::Tls : Cause::Connect, why);
    case Phase::Answering:
        return broken(why);
    case Phase::Raw:
        return fail(Cause::BrokeOff, why);
    case Phase::Waiting:
    case Phase::Over:
        return;
    }
}

/// A connection that has waited may have been closed while the request was on its way: that says
/// nothing about the endpoint.
void UpstreamHttp1Call::broken(const std::string& why) {
    const bool may_repeat =
        reused_ && !answered_ && !has_body_ && mesh::is_idempotent(head_.method);
    if (may_repeat) {
        pool_.drop_idle(upstream_); // the others are of no better health
    }
    fail(Cause::Closed, answered_ ? why + " in the middle of its answer" : why, may_repeat);
}

void UpstreamHttp1Call::finish_answer(bool reusable) {
    tell_head(true);
    if (phase_ == Phase::Over) {
        return; // abandoned by whoever was told the head
    }
    phase_ = Phase::Over;
    if (reusable && request_complete_ && stream_->unsent() == 0) {
        pool_.keep_idle(std::exchange(stream_, nullptr));
    }
    drop_stream();
    listener_.on_call_end(parser_.response().trailers);
}

void UpstreamHttp1Call::fail(Cause cause, const std::string& text, bool may_repeat) {
    phase_ = Phase::Over;
    drop_stream();
    listener_.on_call_failed({cause, text}, may_repeat);
}

} // namespace labctl::dataplane
