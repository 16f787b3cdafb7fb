/// HttpConnection: a request that has a course of its own.
#include "labctl/dataplane/http_course.h"

#include <utility>

#include "labctl/dataplane/http_connection.h"

namespace labctl::dataplane {
namespace {

/// Longer requests are sent once.
constexpr std::size_t kRepeatedBodyMax = 64U << 10U;

} // namespace

HttpConnection::Run::~Run() {
    for (const auto timer : {all_timer, each_timer, wait_timer}) {
        loop.cancel(timer);
    }
}

void HttpConnection::begin_course(HttpProxy::Decision decision) {
    phase_ = Phase::Relaying;
    upstream_ready_ = false;
    answer_fields_ = std::move(decision.answer_fields);
    run_ = std::make_unique<Run>(loop_);
    run_->course = std::move(decision.course);
    run_->head = std::move(decision.head);
    run_->story = story_;
    if (parser_.wants_continue() && !std::exchange(continued_, true)) {
        stream_->send("HTTP/1.1 100 Continue\r\n\r\n");
    }
    const auto delay = run_->course->delay();
    if (delay.count() == 0) {
        return after_delay();
    }
    run_->wait_timer = loop_.after(delay, [this] {
        run_->wait_timer = 0;
        after_delay();
    });
}

/// Time is not counted before.
void HttpConnection::after_delay() {
    if (const auto refusal = run_->course->answer()) {
        return reply(*refusal);
    }
    if (const auto limit = run_->course->limits().all; limit.count() > 0) {
        run_->all_timer = loop_.after(limit, [this] {
            run_->all_timer = 0;
            out_of_time(false);
        });
    }
    next_try();
}

void HttpConnection::next_try() {
    const auto course = run_->course; // what it calls may end the run
    course->next([this](HttpCourse::Try made) { make_try(std::move(made)); });
}

void HttpConnection::make_try(HttpCourse::Try made) {
    if (!made.story.empty()) {
        story_ = run_->story + " -> " + made.story;
    }
    if (made.tally != nullptr) {
        tally_ = made.tally;
    }
    if (made.candidates.empty()) {
        return reply(made.refusal);
    }
    const auto limits = run_->course->limits();
    auto patience = proxy_.patience();
    if (limits.connect.count() > 0) {
        patience.connect = limits.connect;
    }
    auto head = run_->head;
    run_->course->prepare(head);
    lease_ = std::move(made.lease);
    upstream_ready_ = false;
    if (std::exchange(run_->tried, true)) {
        body_waiting_ = run_->body;
    }
    if (limits.each.count() > 0) {
        run_->each_timer = loop_.after(limits.each, [this] {
            run_->each_timer = 0;
            out_of_time(true);
        });
    }
    exchange(std::move(made.candidates), std::move(head), patience);
    upstream_->begin();
    if (upstream_) {
        upstream_->flush();
    }
}

/// Whether what has become of a try is not the end.
bool HttpConnection::tries_again(
    const UpstreamExchange::Failure* failure, const mesh::Response* head) {
    const auto wait = run_->course->again(failure, head, run_->is_kept);
    if (!wait) {
        return false;
    }
    loop_.cancel(std::exchange(run_->each_timer, 0));
    drop_exchange();
    run_->wait_timer = loop_.after(*wait, [this] {
        run_->wait_timer = 0;
        next_try();
    });
    return true;
}

void HttpConnection::out_of_time(bool of_one_try) {
    const auto refusal = run_->course->out_of_time(of_one_try);
    if (status_ != 0) { // there is no other way to tell
        log(status_, refusal.text);
        stream_->abort();
        return close();
    }
    const UpstreamExchange::Failure failure{UpstreamExchange::Cause::Silence, refusal.text};
    if (of_one_try && tries_again(&failure, nullptr)) {
        return;
    }
    reply(refusal);
    drop_exchange();
}

void HttpConnection::keep_for_retries(std::string_view bytes) {
    if (run_->body.size() + bytes.size() > kRepeatedBodyMax) {
        run_->is_kept = false;
        run_->body.clear();
    }
    if (run_->is_kept) {
        run_->body.append(bytes);
    }
}

} // namespace labctl::dataplane
