#include "labctl/dataplane/upstream_exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include <system_error>

#include "mesh/http/forward.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

/// Requests that may be sent twice (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method) {
    constexpr std::array<std::string_view, 6> kIdempotent{
        "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

} // namespace

UpstreamExchange::UpstreamExchange(
    netemu::EventLoop& loop, UpstreamPool& pool, Asked asked, Events events)
    : loop_(loop), pool_(pool), candidates_(std::move(asked.candidates)),
      head_(std::move(asked.head)), has_body_(asked.has_body), patience_(asked.patience),
      events_(std::move(events)), parser_(head_.method) {
    parser_.on_body([this](std::string_view piece) {
        tell_head();
        if (phase_ == Phase::Answering) {
            events_.body(piece);
        }
    });
}

UpstreamExchange::~UpstreamExchange() {
    loop_.cancel(next_try_);
    if (order_) {
        pool_.cancel_order(*order_);
    }
}

void UpstreamExchange::begin() {
    try_current();
}

void UpstreamExchange::abandon() {
    phase_ = Phase::Over;
    loop_.cancel(std::exchange(next_try_, 0));
    drop_stream();
}

// --- a connection

void UpstreamExchange::try_current() {
    next_try_ = 0;
    // A request that is repeated gets a connection of its own: what has waited beside the one that
    // broke is likely to be broken too.
    stream_ = repeated_ ? nullptr : pool_.take_idle(current());
    reused_ = stream_ != nullptr;
    if (reused_) {
        stream_->set_listener(*this);
        stream_->pause(paused_);
        return on_connected();
    }
    phase_ = Phase::Waiting;
    since_ = netemu::Clock::now();
    order_ = pool_.order_socket(endpoint().address.family(), [this](netemu::UniqueFd socket) {
        socket_arrived(std::move(socket));
    });
}

void UpstreamExchange::socket_arrived(netemu::UniqueFd socket) {
    order_.reset();
    if (phase_ != Phase::Waiting) {
        return;
    }
    if (!socket) {
        return fail(Cause::NoSocket, "no more sockets are to be had");
    }
    phase_ = Phase::Connecting;
    stream_ = std::make_shared<UpstreamStream>(
        loop_, std::move(socket), current(), static_cast<StreamListener&>(*this));
    stream_->pause(paused_);
    stream_->connect();
}

void UpstreamExchange::on_connected() {
    // It may lead nowhere one day (a policy, a cable): what nobody acknowledges is not waited for
    // any longer than a new connection is.
    if (!reused_) {
        stream_->give_up_after(patience_.connect);
    }
    phase_ = Phase::Answering;
    since_ = netemu::Clock::now();
    sent_seen_ = stream_->sent_total();
    stream_->put(mesh::head_bytes(head_));
    events_.ready();
    if (stream_) {
        stream_->flush();
    }
}

/// The next endpoint, if there is one.
void UpstreamExchange::connect_failed(Cause cause, const std::string& why) {
    if (order_) {
        pool_.cancel_order(*std::exchange(order_, std::nullopt));
    }
    drop_stream();
    if (current_ + 1 == candidates_.size()) {
        return fail(cause, why);
    }
    ++current_;
    try_again();
}

void UpstreamExchange::try_again() {
    phase_ = Phase::Waiting;
    since_ = netemu::Clock::now();
    next_try_ = loop_.after(0us, [this] { try_current(); });
}

void UpstreamExchange::drop_stream() {
    if (stream_) {
        stream_->close();
        pool_.bury(std::exchange(stream_, nullptr));
    }
}

// --- the request

void UpstreamExchange::send(std::string_view bytes) {
    if (stream_) {
        stream_->send(bytes);
    }
}

void UpstreamExchange::put(std::string_view bytes) {
    if (stream_) {
        stream_->put(bytes);
    }
}

void UpstreamExchange::flush() {
    if (stream_) {
        stream_->flush();
    }
}

void UpstreamExchange::send_end() {
    if (stream_) {
        stream_->finish();
    }
}

void UpstreamExchange::pause(bool paused) {
    paused_ = paused;
    if (stream_) {
        stream_->pause(paused);
    }
}

// --- the answer

void UpstreamExchange::on_received(std::string_view bytes) {
    since_ = netemu::Clock::now();
    if (phase_ == Phase::Raw) {
        return events_.raw(bytes);
    }
    if (phase_ == Phase::Answering) {
        answered_ = true;
        take_answer(bytes);
    }
    if (phase_ == Phase::Answering) {
        events_.caught_up();
    }
}

void UpstreamExchange::on_drained() {
    events_.drained();
}

void UpstreamExchange::take_answer(std::string_view bytes) {
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
            tell_head();
        }
        if (phase_ != Phase::Answering || !parser_.complete()) {
            continue;
        }
        if (parser_.response().status != 101) {
            return finish_answer(bytes.empty() && parser_.keep_alive());
        }
        phase_ = Phase::Raw;
        if (!bytes.empty()) {
            events_.raw(bytes);
        }
        return;
    }
}

void UpstreamExchange::tell_head() {
    if (!std::exchange(head_told_, true)) {
        events_.head(parser_.response());
    }
}

void UpstreamExchange::on_ended() {
    if (phase_ == Phase::Raw) {
        events_.raw({});
        return;
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
void UpstreamExchange::on_failed(int error) {
    const bool tls = stream_ && !stream_->tls_problem().empty();
    const std::string why = tls          ? "TLS: " + stream_->tls_problem()
                            : error == 0 ? "the connection has ended"
                                         : std::generic_category().message(error);
    switch (phase_) {
    case Phase::Connecting:
        return connect_failed(tls ? Cause::Tls : Cause::Connect, why);
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
void UpstreamExchange::broken(const std::string& why) {
    if (reused_ && !answered_ && !has_body_ && is_idempotent(head_.method)) {
        repeated_ = true;
        drop_stream();
        pool_.drop_idle(current()); // the others are of no better health
        return try_again();
    }
    fail(Cause::Closed, answered_ ? why + " in the middle of its answer" : why);
}

void UpstreamExchange::finish_answer(bool reusable) {
    tell_head();
    if (phase_ == Phase::Over) {
        return; // abandoned by whoever was told the head
    }
    phase_ = Phase::Over;
    if (reusable && request_complete_ && stream_->unsent() == 0) {
        pool_.keep_idle(std::exchange(stream_, nullptr));
    }
    drop_stream();
    events_.end(parser_.response().trailers);
}

void UpstreamExchange::fail(Cause cause, const std::string& text) {
    phase_ = Phase::Over;
    drop_stream();
    events_.failed({head_told_ ? Cause::BrokeOff : cause, text});
}

void UpstreamExchange::expire(netemu::Clock::time_point now) {
    const auto took = [this, now](std::chrono::seconds limit) { return now - since_ >= limit; };
    if (phase_ == Phase::Connecting || (phase_ == Phase::Waiting && order_)) {
        if (took(patience_.connect)) {
            connect_failed(
                Cause::ConnectTimeout,
                "no connection within " + std::to_string(patience_.connect.count()) + " s");
        }
        return;
    }
    if (phase_ != Phase::Answering) {
        return;
    }
    const bool moved = std::exchange(sent_seen_, stream_->sent_total()) != stream_->sent_total();
    const bool client_is_slow = !request_complete_ && stream_->unsent() == 0;
    if (paused_ || moved || client_is_slow) {
        since_ = now;
    } else if (took(patience_.silence)) {
        fail(
            Cause::Silence,
            "the endpoint has said nothing for " + std::to_string(patience_.silence.count()) +
                " s");
    }
}

} // namespace labctl::dataplane
