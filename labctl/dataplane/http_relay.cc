#include "labctl/dataplane/http_relay.h"

#include <chrono>
#include <utility>

#include "mesh/http/forward.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {

HttpRelay::HttpRelay(
    netemu::EventLoop& loop, HttpProxy& proxy, const HttpClient& client, RelayClient& answers)
    : loop_(loop), proxy_(proxy), client_(client), answers_(answers) {
}

HttpRelay::~HttpRelay() {
    drop_exchange();
}

// --- where it goes

void HttpRelay::begin(const mesh::Request& head, bool has_body) {
    head_ = &head;
    has_body_ = has_body;
    relayed_at_ = netemu::Clock::now();
    auto decision = proxy_.decide(head, client_);
    story_ = std::move(decision.story);
    tally_ = decision.tally;
    if (decision.course) {
        return begin_course(std::move(decision));
    }
    if (decision.candidates.empty()) {
        return refuse(decision.refusal);
    }
    relay(std::move(decision));
}

void HttpRelay::relay(HttpProxy::Decision decision) {
    lease_ = std::move(decision.lease);
    answer_fields_ = std::move(decision.answer_fields);
    exchange(std::move(decision.candidates), std::move(decision.head), proxy_.patience());
    upstream_->begin();
    answers_.invite_body();
}

/// To be begun by the caller.
void HttpRelay::exchange(
    std::vector<Upstream> candidates, mesh::Request sent, HttpProxy::Patience patience) {
    upstream_ready_ = false;
    upstream_ = std::make_shared<UpstreamExchange>(
        loop_,
        proxy_.pool(),
        UpstreamExchange::Asked{std::move(candidates), std::move(sent), has_body_, patience},
        UpstreamExchange::Events{
            [this] { upstream_ready(); },
            [this](const mesh::Response& head, bool ends) { answer_head(head, ends); },
            [this](std::string_view piece) { answer_body(piece); },
            [this](const mesh::Headers& trailers) { answer_end(trailers); },
            [this](const UpstreamExchange::Failure& failure) { answer_failed(failure); },
            [this] { answers_.flush(); },
            [this] { answers_.pace(); },
            [this](std::string_view bytes) { answer_raw(bytes); }});
}

// --- what the client says

void HttpRelay::take_body(std::string_view piece) {
    if (over_) {
        return; // answered already
    }
    request_bytes_ += piece.size();
    if (run_) {
        keep_for_retries(piece);
    }
    if (upstream_ready_) {
        upstream_->send_body(piece);
    } else {
        body_waiting_.append(piece);
    }
}

void HttpRelay::end_request(const mesh::Headers& trailers) {
    if (over_) {
        return;
    }
    request_complete_ = true;
    trailers_ = trailers;
    mesh::remove_hop_by_hop(trailers_);
    if (run_ && run_->is_kept) {
        run_->request.trailers = trailers_;
        run_->course->request_complete(run_->request);
    }
    if (upstream_ready_) {
        upstream_->end_request(trailers_);
        answers_.pace();
    }
}

void HttpRelay::take_raw(std::string_view bytes) {
    if (upstream_) {
        upstream_->send_raw(bytes);
    }
}

void HttpRelay::end_client_raw() {
    if (upstream_) {
        upstream_->end_raw();
    }
}

void HttpRelay::flush() {
    if (upstream_) {
        upstream_->flush();
    }
}

void HttpRelay::client_drained() {
    if (upstream_) {
        upstream_->pause(false);
    }
}

bool HttpRelay::is_full() const {
    if (is_raw_ || upstream_ready_) {
        return upstream_ && upstream_->full();
    }
    return !body_waiting_.empty();
}

bool HttpRelay::waits_for_client() const {
    return !request_complete_ && upstream_ready_ && !upstream_->full();
}

// --- what the endpoint answers

/// Also when the request is complete afterwards.
void HttpRelay::upstream_ready() {
    upstream_ready_ = true;
    if (!body_waiting_.empty()) {
        upstream_->send_body(std::exchange(body_waiting_, {}));
    }
    if (request_complete_) {
        upstream_->end_request(trailers_);
    }
    answers_.pace();
}

mesh::Response HttpRelay::client_head(const mesh::Response& head) {
    auto changed = mesh::pass_response(head);
    answered_at_ = netemu::Clock::now();
    proxy_.edit_answer(
        changed, std::chrono::duration_cast<std::chrono::milliseconds>(answered_at_ - relayed_at_));
    for (const auto& field : answer_fields_) {
        changed.headers.set(field.name, field.value);
    }
    if (run_) {
        run_->course->edit_answer(changed);
    }
    return changed;
}

void HttpRelay::answer_head(const mesh::Response& head, bool ends) {
    if (run_ && tries_again(nullptr, &head)) {
        return;
    }
    status_ = head.status;
    note_grpc(head.headers);
    const auto changed = client_head(head);
    if (head.status == 101) {
        is_raw_ = true;
        answers_.become_raw(changed);
        log(status_, "");
        run_.reset();
        return;
    }
    answers_.begin_answer(changed, ends);
}

/// In the head of an answer, or in its trailers.
void HttpRelay::note_grpc(const mesh::Headers& fields) {
    if (const auto end = mesh::read_grpc_end(fields)) {
        grpc_status_ = end->code;
    }
}

void HttpRelay::answer_body(std::string_view piece) {
    body_bytes_ += piece.size();
    answers_.answer_body(piece);
    if (upstream_ && answers_.is_full()) {
        upstream_->pause(true);
    }
}

void HttpRelay::answer_end(const mesh::Headers& trailers) {
    auto passed = trailers;
    mesh::remove_hop_by_hop(passed);
    note_grpc(passed);
    log(status_, "");
    abandon();
    answers_.end_answer(passed);
}

void HttpRelay::answer_failed(const UpstreamExchange::Failure& failure) {
    const auto endpoint = upstream_->endpoint();
    if (run_ && status_ == 0 && tries_again(&failure, nullptr)) {
        return;
    }
    if (is_raw_) {
        abandon();
        return answers_.end_raw();
    }
    drop_exchange();
    if (failure.cause == UpstreamExchange::Cause::BrokeOff) { // there is no other way to tell
        return refuse({0, failure.text + " at " + endpoint.to_string()});
    }
    refuse(proxy_.failed(failure, endpoint));
}

void HttpRelay::answer_raw(std::string_view bytes) {
    answers_.answer_raw(bytes);
    if (upstream_) {
        upstream_->pause(answers_.is_full());
    }
}

// --- what is answered here

void HttpRelay::refuse(const HttpProxy::Refusal& refusal) {
    if (over_) {
        return;
    }
    if (status_ != 0) { // another answer has begun
        log(status_, refusal.text);
        abandon();
        return answers_.break_off();
    }
    status_ = refusal.status;
    auto response = proxy_.reply(refusal, head_);
    body_bytes_ = response.body.size();
    note_grpc(response.headers);
    log(refusal.status, refusal.text);
    abandon();
    answers_.answer_here(std::move(response), refusal.may_go_on);
}

void HttpRelay::refuse_unread(const std::string& what, const HttpProxy::Refusal& refusal) {
    story_ = what;
    tally_ = client_.tally;
    refuse(refusal);
}

void HttpRelay::end(int status, const std::string& why) {
    if (!over_) {
        if (!is_raw_) { // that is in the log already
            log(status, why);
        }
        abandon();
    }
}

void HttpRelay::abandon() {
    over_ = true;
    run_.reset();
    drop_exchange();
}

void HttpRelay::expire(netemu::Clock::time_point now) {
    if (upstream_) {
        upstream_->expire(now);
    }
}

void HttpRelay::drop_exchange() {
    if (upstream_) {
        upstream_->abandon();
        proxy_.pool().bury(std::exchange(upstream_, nullptr));
        lease_.reset();
        upstream_ready_ = false;
    }
}

// --- the record

/// Once for each request; of one that could not be read, the time is none.
void HttpRelay::count(int status, std::string_view more) {
    HttpTally::Done done;
    done.status = status;
    done.told = more;
    if (head_ != nullptr) {
        const auto now = netemu::Clock::now();
        const auto since = [this](netemu::Clock::time_point when) {
            return std::chrono::duration_cast<std::chrono::microseconds>(when - relayed_at_);
        };
        done.all = since(now);
        done.first_byte = answered_at_ < relayed_at_ ? done.all : since(answered_at_);
        done.grpc = head_->method == "POST" && mesh::has_grpc_content_type(head_->headers);
        done.grpc_status = grpc_status_;
    }
    done.request_bytes = request_bytes_;
    done.response_bytes = body_bytes_;
    const auto flags = run_ ? run_->course->flags() : std::string();
    done.flags = flags;
    tally_->count(done);
}

void HttpRelay::log(int status, const std::string& more) {
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

} // namespace labctl::dataplane
