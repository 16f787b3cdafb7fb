#include "labctl/dataplane/upstream_exchange.h"

#include <utility>

#include "labctl/dataplane/upstream_http1.h"
#include "labctl/dataplane/upstream_http2.h"
#include "mesh/http/forward.h"

namespace labctl::dataplane {

using namespace std::chrono_literals;

UpstreamExchange::UpstreamExchange(
    netemu::EventLoop& loop, UpstreamPool& pool, Asked asked, Events events)
    : loop_(loop), pool_(pool), candidates_(std::move(asked.candidates)),
      head_(std::move(asked.head)), has_body_(asked.has_body), patience_(asked.patience),
      events_(std::move(events)) {
}

UpstreamExchange::~UpstreamExchange() {
    loop_.cancel(next_try_);
}

void UpstreamExchange::begin() {
    try_current();
}

void UpstreamExchange::abandon() {
    phase_ = Phase::Over;
    loop_.cancel(std::exchange(next_try_, 0));
    drop_call();
}

// --- an endpoint

void UpstreamExchange::try_current() {
    next_try_ = 0;
    phase_ = Phase::Connecting;
    since_ = netemu::Clock::now();
    auto& listener = static_cast<UpstreamCallListener&>(*this);
    const UpstreamAsked asked{current(), head_, has_body_, repeated_, patience_.connect};
    // An upgrade is one of HTTP/1.1 (RFC 9113 section 8.6).
    if (current().http2 && !mesh::upgrades(head_.headers)) {
        call_ = std::make_shared<UpstreamHttp2Call>(pool_, asked, listener);
    } else {
        call_ = std::make_shared<UpstreamHttp1Call>(loop_, pool_, asked, listener);
    }
    call_->pause(paused_);
    call_->begin();
}

void UpstreamExchange::on_call_ready() {
    phase_ = Phase::Answering;
    since_ = netemu::Clock::now();
    sent_seen_ = call_->sent_total();
    events_.ready();
}

/// The next endpoint, if there is one.
void UpstreamExchange::connect_failed(const UpstreamFailure& failure) {
    drop_call();
    if (current_ + 1 == candidates_.size()) {
        return fail(failure.cause, failure.text);
    }
    ++current_;
    try_again();
}

void UpstreamExchange::try_again() {
    phase_ = Phase::Waiting;
    next_try_ = loop_.after(0us, [this] { try_current(); });
}

void UpstreamExchange::drop_call() {
    if (call_) {
        call_->abandon();
        pool_.bury(std::exchange(call_, nullptr));
    }
}

// --- the request

void UpstreamExchange::send_body(std::string_view piece) {
    if (call_) {
        call_->send_body(piece);
    }
}

void UpstreamExchange::end_request(const mesh::Headers& trailers) {
    request_complete_ = true;
    if (call_) {
        call_->end_request(trailers);
    }
}

void UpstreamExchange::send_raw(std::string_view bytes) {
    if (call_) {
        call_->send_raw(bytes);
    }
}

void UpstreamExchange::end_raw() {
    if (call_) {
        call_->end_raw();
    }
}

void UpstreamExchange::flush() {
    if (call_) {
        call_->flush();
    }
}

void UpstreamExchange::pause(bool paused) {
    paused_ = paused;
    if (call_) {
        call_->pause(paused);
    }
}

// --- the answer

void UpstreamExchange::on_call_head(const mesh::Response& head, bool ends) {
    since_ = netemu::Clock::now();
    head_told_ = true;
    if (head.status == 101) {
        phase_ = Phase::Raw;
    }
    events_.head(head, ends);
}

void UpstreamExchange::on_call_body(std::string_view piece) {
    since_ = netemu::Clock::now();
    events_.body(piece);
}

void UpstreamExchange::on_call_end(const mesh::Headers& trailers) {
    phase_ = Phase::Over;
    drop_call();
    events_.end(trailers);
}

void UpstreamExchange::on_call_raw(std::string_view bytes) {
    events_.raw(bytes);
}

void UpstreamExchange::on_call_caught_up() {
    since_ = netemu::Clock::now();
    events_.caught_up();
}

void UpstreamExchange::on_call_failed(const UpstreamFailure& failure, bool may_repeat) {
    if (phase_ == Phase::Connecting && failure.cause != Cause::NoSocket && !may_repeat) {
        return connect_failed(failure);
    }
    if (may_repeat && !repeated_) {
        repeated_ = true;
        drop_call();
        return try_again();
    }
    fail(failure.cause, failure.text);
}

void UpstreamExchange::fail(Cause cause, const std::string& text) {
    phase_ = Phase::Over;
    drop_call();
    events_.failed({head_told_ ? Cause::BrokeOff : cause, text});
}

void UpstreamExchange::expire(netemu::Clock::time_point now) {
    const auto took = [this, now](std::chrono::seconds limit) { return now - since_ >= limit; };
    if (phase_ == Phase::Connecting) {
        if (took(patience_.connect)) {
            connect_failed(
                {Cause::ConnectTimeout,
                 "no connection within " + std::to_string(patience_.connect.count()) + " s"});
        }
        return;
    }
    if (phase_ != Phase::Answering) {
        return;
    }
    const bool moved = std::exchange(sent_seen_, call_->sent_total()) != call_->sent_total();
    const bool client_is_slow = !request_complete_ && call_->unsent() == 0;
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
