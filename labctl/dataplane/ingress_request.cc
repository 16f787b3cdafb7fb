/// IngressConnection: one request, from its head to its place in the log.
#include <random>
#include <utility>

#include "labctl/dataplane/ingress_connection.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kIngressLogTargetMax = 200;
constexpr std::size_t kIngressLogHostMax = 255;
constexpr std::size_t kIngressReplyTextMax = 1000;

std::string make_request_id() {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string id;
    for (int half = 0; half < 2; ++half) {
        auto number = random();
        for (int i = 0; i < 16; ++i) {
            id.push_back(kDigits[number & 15U]);
            number >>= 4U;
        }
    }
    return id;
}

std::string no_rule(const services::IngressDecision& decision) {
    if (decision.rule == nullptr) {
        return "no Ingress has a rule for the host \"" + decision.host + "\"";
    }
    return "no path of the host \"" + decision.host + "\" takes \"" + decision.path + "\"";
}

} // namespace

// --- where it goes

void IngressConnection::route() {
    if (std::exchange(routed_, true)) {
        return;
    }
    const auto& request = parser_.request();
    request_framing_ = mesh::body_framing(request);
    rules_ = pod_.rules();
    const auto authority = mesh::request_authority(request);
    story_ = request.method + " " + (tls_ ? "https://" : "http://") +
             authority.substr(0, kIngressLogHostMax) +
             request.target.substr(0, kIngressLogTargetMax);
    if (!mesh::is_authority(authority)) {
        return reply(400, "the host is no proper name or address", false);
    }
    const auto decision = services::route_ingress(rules_->table, authority, request.path());
    if (!decision) {
        return reply(400, "the request target is no path, or leads above the root", false);
    }
    if (!decision->backend) {
        return reply(404, no_rule(*decision));
    }
    const auto& backend = rules_->table.backends.at(*decision->backend);
    if (decision->matched != nullptr) {
        story_ += " (" + decision->matched->ingress + ": " +
                  (decision->rule->empty() ? "*" : *decision->rule) + " " +
                  decision->matched->path + ")";
    } else {
        story_ += " (default backend)";
    }
    story_ += " -> " + backend.name;
    if (backend.endpoints.empty()) {
        return reply(503, backend.problem);
    }
    relay(backend);
}

void IngressConnection::relay(const services::IngressBackend& backend) {
    const auto& request = parser_.request();
    const mesh::ForwardedFor from{
        client_.address.to_string(), tls_ ? "https" : "http", port_, make_request_id()};
    phase_ = Phase::Relaying;
    upstream_ready_ = false;
    upstream_ = std::make_shared<UpstreamExchange>(
        loop_,
        pod_,
        UpstreamExchange::Asked{
            pod_.turn(backend),
            mesh::forward_request(request, from),
            request_framing_ != mesh::BodyFraming::None},
        UpstreamExchange::Events{
            [this] { upstream_ready(); },
            [this](const mesh::Response& head) { answer_head(head); },
            [this](std::string_view piece) { answer_body(piece); },
            [this](const mesh::Headers& trailers) { answer_end(trailers); },
            [this](const UpstreamExchange::Failure& failure) { answer_failed(failure); },
            [this] { stream_.flush(); },
            [this] { pace(); },
            [this](std::string_view bytes) { raw_from_server(bytes); }});
    upstream_->begin();
    if (parser_.wants_continue() && !std::exchange(continued_, true)) {
        stream_.send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

// --- what is answered here

void IngressConnection::reply(int status, const std::string& text, bool may_go_on) {
    if (status_ != 0) { // another answer has begun
        log(status_, text);
        stream_.abort();
        return close();
    }
    status_ = status;
    // Of a body, nothing has been read that could be told from the next request.
    keep_alive_ = may_go_on && parser_.head_complete() && parser_.keep_alive() &&
                  (request_framing_ == mesh::BodyFraming::None || request_complete_);
    mesh::Response response;
    response.status = status;
    response.headers = {{"server", "labctl-ingress"}, {"content-type", "text/plain"}};
    if (!keep_alive_) {
        response.headers.add("connection", "close");
    } else if (parser_.request().version_minor == 0) {
        response.headers.add("connection", "keep-alive");
    }
    response.body = std::to_string(status) + " " + std::string(mesh::reason_phrase(status)) + ": " +
                    text.substr(0, kIngressReplyTextMax) + "\n";
    body_bytes_ = response.body.size();
    stream_.send(
        mesh::to_bytes(response, parser_.head_complete() && parser_.request().method == "HEAD"));
    log(status, text);
    if (!keep_alive_) {
        return finish();
    }
    // `take` may be at work on this request: the next one begins when it has returned.
    phase_ = Phase::Relaying;
    request_complete_ = true;
    next_timer_ = loop_.after(0us, [this] {
        next_timer_ = 0;
        request_over();
    });
}

void IngressConnection::log(int status, const std::string& more) {
    auto what = story_;
    if (upstream_) {
        what += " at " + upstream_->endpoint().to_string();
    }
    if (!more.empty()) {
        what += ": " + more;
    }
    pod_.served().log.add(access_log_line(exchange(), what, status, body_bytes_));
}

// --- the next one

/// A client that reads no answers gets no more of them.
void IngressConnection::request_over() {
    phase_ = Phase::Relaying;
    if (stream_.full()) {
        waits_to_drain_ = true;
    } else {
        next_request();
    }
}

void IngressConnection::next_request() {
    phase_ = Phase::Reading;
    last_active_ = netemu::Clock::now();
    (void)parser_.take();
    parser_.on_body([this](std::string_view piece) { take_body(piece); });
    routed_ = continued_ = request_complete_ = upstream_ready_ = false;
    request_framing_ = mesh::BodyFraming::None;
    status_ = 0;
    body_bytes_ = 0;
    story_.clear();
    rules_.reset();
    body_waiting_.clear();
    const auto bytes = std::exchange(held_, {});
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
