/// HttpConnection: one request, from its head to its place in the log.
#include <chrono>
#include <utility>

#include "labctl/dataplane/http_connection.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {

// --- where it goes

void HttpConnection::route() {
    if (std::exchange(routed_, true)) {
        return;
    }
    request_framing_ = mesh::body_framing(parser_.request());
    relayed_at_ = netemu::Clock::now();
    auto decision = proxy_.decide(parser_.request(), client_);
    story_ = std::move(decision.story);
    tally_ = decision.tally;
    if (decision.course) {
        return begin_course(std::move(decision));
    }
    if (decision.candidates.empty()) {
        return reply(decision.refusal);
    }
    relay(std::move(decision));
}

void HttpConnection::relay(HttpProxy::Decision decision) {
    phase_ = Phase::Relaying;
    upstream_ready_ = false;
    lease_ = std::move(decision.lease);
    answer_fields_ = std::move(decision.answer_fields);
    exchange(std::move(decision.candidates), std::move(decision.head), proxy_.patience());
    upstream_->begin();
    if (parser_.wants_continue() && !std::exchange(continued_, true)) {
        stream_->send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/// To be begun by the caller.
void HttpConnection::exchange(
    std::vector<Upstream> candidates, mesh::Request sent, HttpProxy::Patience patience) {
    upstream_ = std::make_shared<UpstreamExchange>(
        loop_,
        proxy_.pool(),
        UpstreamExchange::Asked{
            std::move(candidates),
            std::move(sent),
            request_framing_ != mesh::BodyFraming::None,
            patience},
        UpstreamExchange::Events{
            [this] { upstream_ready(); },
            [this](const mesh::Response& head) { answer_head(head); },
            [this](std::string_view piece) { answer_body(piece); },
            [this](const mesh::Headers& trailers) { answer_end(trailers); },
            [this](const UpstreamExchange::Failure& failure) { answer_failed(failure); },
            [this] { stream_->flush(); },
            [this] { pace(); },
            [this](std::string_view bytes) { raw_from_server(bytes); }});
}

// --- what is answered here

void HttpConnection::reply(const HttpProxy::Refusal& refusal) {
    if (status_ != 0) { // another answer has begun
        log(status_, refusal.text);
        stream_->abort();
        return close();
    }
    status_ = refusal.status;
    // Of a body, nothing has been read that could be told from the next request.
    keep_alive_ = refusal.may_go_on && !retired_ && parser_.head_complete() &&
                  parser_.keep_alive() &&
                  (request_framing_ == mesh::BodyFraming::None || request_complete_);
    const auto* request = parser_.head_complete() ? &parser_.request() : nullptr;
    auto response = proxy_.reply(refusal, request);
    if (!keep_alive_) {
        response.headers.add("connection", "close");
    } else if (request->version_minor == 0) {
        response.headers.add("connection", "keep-alive");
    }
    body_bytes_ = response.body.size();
    stream_->send(mesh::to_bytes(response, request != nullptr && request->method == "HEAD"));
    log(refusal.status, refusal.text);
    run_.reset();
    if (!keep_alive_) {
        return finish();
    }
    // `take` may be at work on this request: the next one begins when it has returned.
    phase_ = Phase::Relaying;
    request_complete_ = true;
    next_timer_ = loop_.after(std::chrono::microseconds(0), [this] {
        next_timer_ = 0;
        request_over();
    });
}

/// Once for each request; of one that could not be read, the time is none.
void HttpConnection::count(int status, std::string_view more) {
    HttpTally::Done done;
    done.status = status;
    done.told = more;
    if (routed_) {
        const auto now = netemu::Clock::now();
        const auto since = [this](netemu::Clock::time_point when) {
            return std::chrono::duration_cast<std::chrono::microseconds>(when - relayed_at_);
        };
        done.all = since(now);
        done.first_byte = answered_at_ < relayed_at_ ? done.all : since(answered_at_);
        constexpr std::string_view kGrpc = "application/grpc";
        done.grpc = parser_.request().method == "POST" &&
                    parser_.request().headers.get("content-type").starts_with(kGrpc);
    }
    done.request_bytes = request_bytes_;
    done.response_bytes = body_bytes_;
    const auto flags = run_ ? run_->course->flags() : std::string();
    done.flags = flags;
    tally_->count(done);
}

void HttpConnection::log(int status, const std::string& more) {
    if (tally_ == nullptr && !routed_) {
        tally_ = client_.tally;
    }
    if (tally_ != nullptr) {
        count(status, more);
        tally_ = nullptr;
    }
    auto what = story_;
    if (upstream_) {
        what += " at " + upstream_->endpoint().to_string();
    }
    if (run_) {
        what += run_->course->flags();
    }
    if (!more.empty()) {
        what += ": " + more;
    }
    proxy_.log(client_, what, status, body_bytes_);
}

// --- the next one

/// A client that reads no answers gets no more of them.
void HttpConnection::request_over() {
    phase_ = Phase::Relaying;
    if (stream_->full()) {
        waits_to_drain_ = true;
    } else {
        next_request();
    }
}

void HttpConnection::next_request() {
    phase_ = Phase::Reading;
    last_active_ = netemu::Clock::now();
    (void)parser_.take();
    parser_.on_body([this](std::string_view piece) { take_body(piece); });
    routed_ = continued_ = request_complete_ = upstream_ready_ = false;
    request_framing_ = mesh::BodyFraming::None;
    status_ = 0;
    body_bytes_ = 0;
    request_bytes_ = 0;
    tally_ = nullptr;
    story_.clear();
    body_waiting_.clear();
    const auto bytes = std::exchange(held_, {});
    if (retired_) {
        return finish();
    }
    take(bytes);
    if (upstream_) {
        upstream_->flush();
    }
    if (phase_ == Phase::Reading && input_ended_) {
        return finish();
    }
    pace();
}

} // namespace labctl::dataplane
