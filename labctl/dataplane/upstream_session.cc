#include "labctl/dataplane/upstream_session.h"

#include <algorithm>
#include <utility>

#include <system_error>

#include "labctl/dataplane/upstream_pool.h"

namespace labctl::dataplane {
namespace {

using Cause = UpstreamFailure::Cause;

constexpr std::size_t kSessionStreamsMax = 100;

} // namespace

UpstreamSession::UpstreamSession(
    netemu::EventLoop& loop, UpstreamPool& pool, Upstream upstream, std::chrono::seconds connect)
    : loop_(loop), pool_(pool), upstream_(std::move(upstream)), connect_(connect),
      idle_since_(netemu::Clock::now()) {
}

UpstreamSession::~UpstreamSession() {
    if (order_) {
        pool_.cancel_order(*order_);
    }
}

bool UpstreamSession::has_room() const {
    if (retired_ || phase_ == Phase::Over) {
        return false;
    }
    return phase_ == Phase::Open ? streams_->has_room() : waiting_.size() < kSessionStreamsMax;
}

// --- who uses it

void UpstreamSession::attach(Call& call) {
    if (phase_ == Phase::Open) {
        return call.on_session_ready();
    }
    waiting_.push_back(&call);
    if (phase_ == Phase::New) {
        connect();
    }
}

void UpstreamSession::detach(Call& call) {
    if (const auto at = std::find(waiting_.begin(), waiting_.end(), &call); at != waiting_.end()) {
        waiting_.erase(at);
    }
    const auto found = std::find_if(
        calls_.begin(), calls_.end(), [&call](const auto& each) { return each.second == &call; });
    if (found != calls_.end()) {
        const auto id = found->first;
        calls_.erase(found);
        streams_->reset(id, mesh::kH2Cancel);
        flush();
    }
    note_idle();
}

void UpstreamSession::note_idle() {
    if (!is_idle()) {
        return;
    }
    idle_since_ = netemu::Clock::now();
    // A connection that is not there yet has been given up by all who have wanted it.
    if (retired_ || phase_ == Phase::Connecting) {
        close();
    }
}

void UpstreamSession::retire() {
    retired_ = true;
    note_idle();
}

void UpstreamSession::close() {
    phase_ = Phase::Over;
    if (order_) {
        pool_.cancel_order(*std::exchange(order_, std::nullopt));
    }
    if (stream_) {
        stream_->close();
    }
}

UpstreamSession::Call* UpstreamSession::call_of(std::int32_t stream) const {
    const auto found = calls_.find(stream);
    return found == calls_.end() ? nullptr : found->second;
}

void UpstreamSession::forget(std::int32_t stream) {
    calls_.erase(stream);
    note_idle();
}

std::int32_t UpstreamSession::request(Call& call, const mesh::Request& head, bool ends) {
    const auto proto = head.headers.get("x-forwarded-proto");
    const auto id = streams_->request(head, proto == "https" ? "https" : "http", ends);
    calls_.emplace(id, &call);
    return id;
}

// --- the connection

void UpstreamSession::connect() {
    phase_ = Phase::Connecting;
    order_ =
        pool_.order_socket(upstream_.endpoint.address.family(), [this](netemu::UniqueFd socket) {
            socket_arrived(std::move(socket));
        });
}

void UpstreamSession::socket_arrived(netemu::UniqueFd socket) {
    order_.reset();
    if (phase_ != Phase::Connecting) {
        return;
    }
    if (!socket) {
        return lose(Cause::NoSocket, "no more sockets are to be had");
    }
    stream_ = std::make_shared<UpstreamStream>(
        loop_, std::move(socket), upstream_, static_cast<StreamListener&>(*this));
    stream_->connect();
}

void UpstreamSession::on_connected() {
    phase_ = Phase::Open;
    stream_->give_up_after(connect_);
    streams_ = std::make_unique<mesh::H2Streams>(
        mesh::H2Streams::Role::Client,
        static_cast<mesh::H2Listener&>(*this),
        mesh::H2Streams::Options{});
    feeding_ = true; // all of their heads in one piece
    while (!waiting_.empty() && phase_ == Phase::Open) {
        auto* const call = waiting_.front();
        waiting_.erase(waiting_.begin());
        call->on_session_ready();
    }
    feeding_ = false;
    flush();
}

void UpstreamSession::flush() {
    if (feeding_ || phase_ != Phase::Open || std::exchange(flushing_, true)) {
        return;
    }
    while (!stream_->full()) {
        const auto bytes = streams_->take_output();
        if (bytes.empty()) {
            break;
        }
        stream_->put(bytes);
    }
    flushing_ = false;
    stream_->flush();
}

void UpstreamSession::on_received(std::string_view bytes) {
    if (phase_ != Phase::Open) {
        return;
    }
    feeding_ = true;
    const bool good = streams_->feed(bytes);
    feeding_ = false;
    if (phase_ != Phase::Open) {
        return;
    }
    for (const auto id : std::exchange(touched_, {})) {
        if (auto* const call = call_of(id)) {
            call->on_caught_up();
        }
    }
    flush();
    if (phase_ == Phase::Open && (!good || streams_->finished())) {
        lose(
            used_ ? Cause::Closed : Cause::NoAnswer,
            used_ ? "the endpoint has ended the connection" : "the endpoint does not speak HTTP/2");
    }
}

void UpstreamSession::on_ended() {
    lose(Cause::Closed, "the endpoint closed the connection");
}

void UpstreamSession::on_failed(int error) {
    const bool tls = stream_ && !stream_->tls_problem().empty();
    const std::string why = tls          ? "TLS: " + stream_->tls_problem()
                            : error == 0 ? "the connection has ended"
                                         : std::generic_category().message(error);
    const bool connecting = phase_ == Phase::Connecting;
    lose(connecting ? (tls ? Cause::Tls : Cause::Connect) : Cause::Closed, why);
}

void UpstreamSession::lose(Cause cause, const std::string& text) {
    if (phase_ == Phase::Over) {
        return;
    }
    close();
    const auto waiting = std::exchange(waiting_, {});
    const auto calls = std::exchange(calls_, {});
    for (auto* const call : waiting) {
        call->on_session_lost({cause, text});
    }
    for (const auto& [id, call] : calls) {
        call->on_session_lost({cause, text});
    }
}

// --- streams

void UpstreamSession::on_h2_response(std::int32_t stream, const mesh::Response& head, bool ends) {
    used_ = true;
    auto* const call = call_of(stream);
    if (call == nullptr) {
        return;
    }
    ends ? forget(stream) : touched_.push_back(stream);
    call->on_stream_head(head, ends);
}

void UpstreamSession::on_h2_body(std::int32_t stream, std::string_view piece) {
    if (auto* const call = call_of(stream)) {
        touched_.push_back(stream);
        call->on_stream_body(piece);
    }
}

void UpstreamSession::on_h2_end(std::int32_t stream, const mesh::Headers& trailers) {
    if (auto* const call = call_of(stream)) {
        forget(stream);
        call->on_stream_end(trailers);
    }
}

void UpstreamSession::on_h2_reset(std::int32_t stream, std::uint32_t code) {
    if (auto* const call = call_of(stream)) {
        forget(stream);
        call->on_stream_reset(code);
    }
}

void UpstreamSession::on_h2_drained(std::int32_t stream) {
    if (auto* const call = call_of(stream)) {
        call->on_stream_drained();
    }
}

} // namespace labctl::dataplane
