/// HttpRelay: a request that has a course of its own.
#include "labctl/dataplane/http_course.h"

#include <utility>

#include "labctl/dataplane/http_relay.h"

namespace labctl::dataplane {
namespace {

/// Longer requests are sent once.
constexpr std::size_t kRepeatedBodyMax = 64U << 10U;

} // namespace

HttpRelay::Run::~Run() {
    for (const auto timer : {all_timer, each_timer, wait_timer}) {
        loop.cancel(timer);
    }
}

void HttpRelay::begin_course(HttpProxy::Decision decision) {
    answer_fields_ = std::move(decision.answer_fields);
    run_ = std::make_unique<Run>(loop_);
    run_->course = std::move(decision.course);
    run_->request = std::move(decision.head);
    run_->story = story_;
    answers_.invite_body();
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
void HttpRelay::after_delay() {
    if (const auto refusal = run_->course->answer()) {
        return refuse(*refusal);
    }
    if (const auto limit = run_->course->limits().all; limit.count() > 0) {
        run_->all_timer = loop_.after(limit, [this] {
            run_->all_timer = 0;
            out_of_time(false);
        });
    }
    next_try();
}

void HttpRelay::next_try() {
    const auto course = run_->course; // what it calls may end the run
    course->next([this](HttpCourse::Try made) { make_try(std::move(made)); });
}

void HttpRelay::make_try(HttpCourse::Try made) {
    if (!made.story.empty()) {
        story_ = run_->story + " -> " + made.story;
    }
    if (made.tally != nullptr) {
        tally_ = made.tally;
    }
    if (made.candidates.empty()) {
        return refuse(made.refusal);
    }
    const auto limits = run_->course->limits();
    auto patience = proxy_.patience();
    if (limits.connect.count() > 0) {
        patience.connect = limits.connect;
    }
    mesh::Request head;
    head.method = run_->request.method;
    head.target = run_->request.target;
    head.headers = run_->request.headers;
    run_->course->prepare(head);
    lease_ = std::move(made.lease);
    if (std::exchange(run_->tried, true)) {
        body_waiting_ = run_->request.body;
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
bool HttpRelay::tries_again(const UpstreamExchange::Failure* failure, const mesh::Response* head) {
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

void HttpRelay::out_of_time(bool of_one_try) {
    const auto refusal = run_->course->out_of_time(of_one_try);
    const UpstreamExchange::Failure failure{UpstreamExchange::Cause::Silence, refusal.text};
    if (status_ == 0 && of_one_try && tries_again(&failure, nullptr)) {
        return;
    }
    refuse(refusal);
}

/// Between two tries, the next one is promised.
void HttpRelay::keep_for_retries(std::string_view piece) {
    auto& body = run_->request.body;
    const bool promised = run_->tried && !upstream_;
    if (!promised && body.size() + piece.size() > kRepeatedBodyMax) {
        run_->is_kept = false;
        body.clear();
    }
    if (run_->is_kept) {
        body.append(piece);
    }
}

} // namespace labctl::dataplane
