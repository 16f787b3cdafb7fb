#include "labctl/dataplane/sidecar_course.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mesh/http/grpc.h"

namespace labctl::dataplane {
namespace {

using mesh::istio::TryOutcome;

/// An outcome of gRPC as a status of HTTP, for clients that speak none (reference mesh.md 11, the
/// other way round).
int http_status_of_grpc(int code) {
    constexpr std::array<std::pair<int, int>, 8> kKnown{
        {{0, 200}, {3, 400}, {4, 504}, {5, 404}, {7, 403}, {8, 429}, {14, 503}, {16, 401}}};
    const auto* const found = std::find_if(
        kKnown.begin(), kKnown.end(), [code](const auto& each) { return each.first == code; });
    constexpr int kOther = 500;
    return found == kKnown.end() ? kOther : found->second;
}

TryOutcome outcome_of(const UpstreamExchange::Failure* failure, const mesh::Response* head) {
    using Cause = UpstreamExchange::Cause;
    using Kind = TryOutcome::Kind;
    if (head != nullptr) {
        const auto end = mesh::read_grpc_end(head->headers);
        return {Kind::Answer, head->status, end ? std::optional(end->code) : std::nullopt};
    }
    switch (failure->cause) {
    case Cause::NoSocket:
    case Cause::Connect:
    case Cause::ConnectTimeout:
    case Cause::Tls:
        return {Kind::ConnectFailure};
    case Cause::Silence:
        return {Kind::Timeout};
    case Cause::Refused:
        return {Kind::Refused};
    default:
        return {Kind::Reset};
    }
}

} // namespace

SidecarCourse::SidecarCourse(SidecarPod& pod, Given given, SidecarTarget target)
    : pod_(pod), given_(std::move(given)), target_(std::move(target)) {
    if (target_.service != nullptr) {
        cluster_ = pod_.cluster(target_.name);
    }
    if (given_.route == nullptr) {
        conditions_ = mesh::istio::read_retry_conditions({});
        return;
    }
    retries_ = given_.route->retries.value_or(mesh::istio::Retries{});
    conditions_ = mesh::istio::read_retry_conditions(retries_.on);
    const auto& fault = given_.route->fault;
    if (fault.delay && pod_.falls_within(fault.delay->share)) {
        delay_ = fault.delay->time;
    }
    aborts_ = fault.abort && pod_.falls_within(fault.abort->share);
}

SidecarCourse::~SidecarCourse() {
    end_retry();
    if (waits_) {
        cluster_->stop_waiting(*waits_);
    }
}

std::optional<HttpProxy::Refusal> SidecarCourse::answer() const {
    if (!aborts_) {
        return std::nullopt;
    }
    const auto& abort = *given_.route->fault.abort;
    HttpProxy::Refusal refusal{
        abort.status, "FI: the fault of " + given_.to.host, true, "fault filter abort"};
    if (abort.grpc_status) {
        refusal.status = http_status_of_grpc(*abort.grpc_status);
        refusal.fields = {{"grpc-status", std::to_string(*abort.grpc_status)}};
    }
    return refusal;
}

HttpCourse::Limits SidecarCourse::limits() const {
    Limits limits;
    if (given_.route != nullptr) {
        limits.all = given_.route->timeout;
        limits.each = retries_.per_try;
    }
    if (target_.policy.pool) {
        limits.connect = target_.policy.pool->connect_timeout;
    }
    return limits;
}

HttpProxy::Refusal SidecarCourse::out_of_time(bool of_one_try) const {
    const auto limit = of_one_try ? retries_.per_try : given_.route->timeout;
    return {
        504,
        std::string("UT: no answer within the ") + (of_one_try ? "perTryTimeout" : "timeout") +
            " of " + std::to_string(limit.count()) + " ms",
        true,
        "upstream request timeout"};
}

void SidecarCourse::next(std::function<void(Try)> go) {
    if (target_.service == nullptr) {
        Try none;
        none.refusal = {
            503,
            "NC: there is no cluster " +
                mesh::cluster_name(
                    given_.to.host,
                    given_.to.port == 0 ? mesh::service_port(given_.called->name) : given_.to.port,
                    given_.to.subset)};
        return go(std::move(none));
    }
    const auto limits = target_.policy.pool.value_or(mesh::istio::ConnectionPool{});
    switch (cluster_->admit(limits)) {
    case SidecarCluster::Admission::Now:
        return go(one_try());
    case SidecarCluster::Admission::Later:
        waits_ = cluster_->wait(limits.connections, [this, go = std::move(go)] {
            const auto turn = go; // what it does may end this
            cluster_->stop_waiting(*std::exchange(waits_, std::nullopt));
            turn(one_try());
        });
        return;
    case SidecarCluster::Admission::Overflow:
        break;
    }
    Try refused;
    refused.story = target_.name;
    refused.refusal = {
        503,
        "UO: as many requests are under way as the connectionPool lets be",
        true,
        "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        {{"x-envoy-overloaded", "true"}}};
    go(std::move(refused));
}

HttpCourse::Try SidecarCourse::one_try() {
    ++tries_;
    auto choice = pod_.choose_in(target_, given_.hash_key, tried_);
    Try made;
    made.story = choice.story.empty() ? target_.name : choice.story;
    made.refusal = std::move(choice.refusal);
    made.candidates = std::move(choice.candidates);
    made.tally = choice.tally;
    if (!made.candidates.empty()) {
        speak_http2(made.candidates, given_.http2 || target_.service->http2);
        tried_.push_back(made.candidates.front().endpoint);
        struct Leases {
            std::shared_ptr<void> endpoint, cluster;
        };
        made.lease = std::make_shared<Leases>(Leases{std::move(choice.lease), cluster_->begin()});
    }
    return made;
}

void SidecarCourse::prepare(mesh::Request& head) const {
    head.headers.set("x-envoy-attempt-count", std::to_string(tries_));
}

void SidecarCourse::end_retry() {
    if (std::exchange(retrying_, false)) {
        --cluster_->retries;
    }
}

void SidecarCourse::note_outcome(
    const UpstreamExchange::Failure* failure, const mesh::Response* head) {
    if (!target_.policy.outliers || tried_.empty()) {
        return;
    }
    constexpr int kTimeout = 504;
    const bool late = failure != nullptr && failure->cause == UpstreamExchange::Cause::Silence;
    (void)cluster_->outliers.note(
        *target_.policy.outliers,
        tried_.back().to_string(),
        head != nullptr ? head->status
        : late          ? kTimeout
                        : 0,
        target_.size(),
        netemu::Clock::now());
}

std::optional<std::chrono::milliseconds> SidecarCourse::again(
    const UpstreamExchange::Failure* failure, const mesh::Response* head, bool repeatable) {
    note_outcome(failure, head);
    end_retry();
    if (!mesh::istio::is_retriable(conditions_, outcome_of(failure, head))) {
        return std::nullopt;
    }
    const auto limits = target_.policy.pool.value_or(mesh::istio::ConnectionPool{});
    if (!repeatable || tries_ > retries_.attempts || cluster_->retries >= limits.retries) {
        exhausted_ = retries_.attempts > 0;
        return std::nullopt;
    }
    ++cluster_->retries;
    retrying_ = true;
    const auto base =
        retries_.backoff_base.count() > 0 ? retries_.backoff_base : mesh::istio::kBackoffBase;
    return pod_.random_time(mesh::istio::backoff_max(tries_, base));
}

void SidecarCourse::edit_answer(mesh::Response& head) const {
    if (given_.to_headers != nullptr) {
        mesh::istio::edit_headers(head.headers, given_.to_headers->response);
    }
    if (given_.route != nullptr) {
        mesh::istio::edit_headers(head.headers, given_.route->headers.response);
    }
    if (!given_.set_cookie.empty()) {
        head.headers.add("set-cookie", given_.set_cookie);
    }
}

void SidecarCourse::request_complete(const mesh::Request& request) {
    if (given_.route == nullptr) {
        return;
    }
    for (const auto& mirror : given_.route->mirrors) {
        if (!pod_.falls_within(mirror.share)) {
            continue;
        }
        const auto target = pod_.target(*given_.rules, mirror.to, *given_.called);
        if (target.service != nullptr) {
            pod_.mirror(target, request, given_.http2);
        }
    }
}

std::string SidecarCourse::flags() const {
    std::string text;
    if (delay_.count() > 0) {
        text = "DI";
    }
    if (exhausted_) {
        text += text.empty() ? "URX" : ",URX";
    }
    if (tries_ > 1) {
        text += (text.empty() ? "try " : ", try ") + std::to_string(tries_);
    }
    return text.empty() ? text : " [" + text + "]";
}

} // namespace labctl::dataplane
