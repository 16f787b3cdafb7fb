#include "labctl/dataplane/ingress_connection.h"

#include <array>
#include <random>
#include <utility>

#include "labctl/dataplane/workload.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kIngressHeldMax = 64U << 10U;
constexpr auto kIngressIdleMax = 75s; // nginx's keepalive_timeout
constexpr auto kIngressRawIdleMax = 1h;
constexpr auto kIngressDrainMax = 2s;
constexpr char kTlsHandshake = 0x16; // the first byte that a TLS client sends (RFC 8446, 5.1)
constexpr std::size_t kIngressLogTargetMax = 200;

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

} // namespace

IngressConnection::IngressConnection(
    netemu::EventLoop& loop, IngressPod& pod, Accepted accepted, Closed closed)
    : loop_(loop), pod_(pod), client_(accepted.client), port_(accepted.port), tls_(accepted.tls),
      closed_(std::move(closed)), stream_(
                                      loop,
                                      std::move(accepted.socket),
                                      accepted.tls ? pod.rules()->tls : nullptr,
                                      ClientStream::Events{
                                          [this](std::string_view bytes) { received(bytes); },
                                          [this] { client_ended(); },
                                          [this](const std::string& why) { client_failed(why); },
                                          [this] { client_drained(); }}),
      last_active_(netemu::Clock::now()) {
    ++pod_.served().connections;
    parser_.on_body([this](std::string_view piece) { take_body(piece); });
}

IngressConnection::~IngressConnection() {
    loop_.cancel(next_timer_);
    --pod_.served().connections;
}

void IngressConnection::start(std::string_view bytes) {
    stream_.start(bytes);
}

void IngressConnection::expire(netemu::Clock::time_point now) {
    const netemu::Clock::duration limit = phase_ == Phase::Draining ? kIngressDrainMax
                                          : phase_ == Phase::Raw    ? kIngressRawIdleMax
                                                                    : kIngressIdleMax;
    if (phase_ != Phase::Relaying && now - last_active_ > limit) {
        close();
    }
}

// --- what the client says

void IngressConnection::received(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    if (phase_ == Phase::Raw) {
        upstream_->send(bytes);
        stream_.pause(upstream_->full());
    } else if (phase_ == Phase::Reading || phase_ == Phase::Relaying) {
        take(bytes);
    }
}

void IngressConnection::take(std::string_view bytes) {
    while (!bytes.empty() && (phase_ == Phase::Reading || phase_ == Phase::Relaying)) {
        if (request_complete_) { // the next one waits for the answer to this one
            held_.append(bytes);
            stream_.pause(held_.size() > kIngressHeldMax);
            return;
        }
        if (parser_.idle() && bytes.front() == kTlsHandshake) {
            story_ = "TLS on a port of plain HTTP";
            return reply(400, "this port speaks plain HTTP, and you began with TLS");
        }
        bytes.remove_prefix(parser_.feed(bytes));
        if (parser_.failed()) {
            story_ = "a request that is no proper HTTP";
            drop_exchange();
            return reply(parser_.error().status, parser_.error().text);
        }
        if (parser_.head_complete()) {
            route();
        }
        if (parser_.complete() && phase_ == Phase::Relaying) {
            request_complete();
        }
    }
}

/// Behind the head, but maybe before `take` has seen that it is complete.
void IngressConnection::take_body(std::string_view piece) {
    route();
    if (phase_ != Phase::Relaying) {
        return; // answered already
    }
    const auto framed = request_framing_ == mesh::BodyFraming::Chunked ? mesh::chunk_bytes(piece)
                                                                       : std::string(piece);
    if (upstream_ready_) {
        upstream_->send(framed);
        stream_.pause(upstream_ != nullptr && upstream_->full());
    } else {
        body_waiting_.append(framed);
        stream_.pause(true);
    }
}

void IngressConnection::request_complete() {
    request_complete_ = true;
    if (request_framing_ == mesh::BodyFraming::Chunked) {
        auto trailers = parser_.request().trailers;
        mesh::remove_hop_by_hop(trailers);
        body_waiting_.append(mesh::last_chunk_bytes(trailers));
    }
    if (upstream_ready_) {
        upstream_ready();
    }
}

void IngressConnection::client_ended() {
    input_ended_ = true;
    if (phase_ == Phase::Raw) {
        upstream_->send_end();
        if (server_ended_) {
            close();
        }
    } else if (phase_ != Phase::Relaying || !request_complete_) {
        close();
    }
}

void IngressConnection::client_failed(const std::string& why) {
    if (!why.empty()) {
        pod_.served().log.add(access_log_line(exchange(), "TLS: " + why, 0, 0));
        phase_ = Phase::Draining; // the alert is on its way
        return;
    }
    if (phase_ == Phase::Relaying) {
        constexpr int kClientClosedRequest = 499; // nginx's
        log(kClientClosedRequest, "the client has gone");
    }
    close();
}

void IngressConnection::client_drained() {
    if (upstream_) {
        upstream_->pause(false);
    }
}

// --- where it goes

void IngressConnection::route() {
    if (std::exchange(routed_, true)) {
        return;
    }
    const auto& request = parser_.request();
    request_framing_ = mesh::body_framing(request);
    rules_ = pod_.rules();
    const auto authority = mesh::request_authority(request);
    story_ = request.method + " " + (tls_ ? "https://" : "http://") + authority +
             request.target.substr(0, kIngressLogTargetMax);
    const auto decision = services::route_ingress(rules_->table, authority, request.path());
    if (!decision) {
        return reply(400, "the request target is no path, or leads above the root");
    }
    if (!decision->backend) {
        return reply(
            404,
            decision->rule == nullptr
                ? "no Ingress has a rule for the host \"" + decision->host + "\""
                : "no path of the host \"" + decision->host + "\" takes \"" + decision->path +
                      "\"");
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
        pod_.turn(backend),
        mesh::forward_request(request, from),
        request_framing_ != mesh::BodyFraming::None,
        UpstreamExchange::Events{
            [this] { upstream_ready(); },
            [this](const mesh::Response& head) { answer_head(head); },
            [this](std::string_view piece) { answer_body(piece); },
            [this](const mesh::Headers& trailers) { answer_end(trailers); },
            [this](const UpstreamExchange::Failure& failure) { answer_failed(failure); },
            [this] { stream_.pause(false); },
            [this](std::string_view bytes) { raw_from_server(bytes); }});
    upstream_->begin();
    if (parser_.wants_continue() && !std::exchange(continued_, true)) {
        stream_.send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/// Also when the request is complete afterwards.
void IngressConnection::upstream_ready() {
    upstream_ready_ = true;
    if (!body_waiting_.empty()) {
        upstream_->send(std::exchange(body_waiting_, {}));
    }
    if (upstream_) {
        stream_.pause(upstream_->full());
        if (request_complete_) {
            upstream_->request_complete();
        }
    }
}

// --- what the server answers

void IngressConnection::answer_head(const mesh::Response& head) {
    status_ = head.status;
    if (head.status == 101) {
        phase_ = Phase::Raw;
        stream_.send(
            mesh::head_bytes(mesh::forward_response(head, 1, mesh::BodyFraming::None, true)));
        log(status_, "");
        upstream_->send(std::exchange(held_, {}));
        stream_.pause(false);
        if (input_ended_) {
            upstream_->send_end();
        }
        return;
    }
    const auto& request = parser_.request();
    answer_framing_ =
        mesh::client_framing(mesh::body_framing(head, request.method), request.version_minor);
    keep_alive_ = parser_.keep_alive() && request_complete_ && !input_ended_ &&
                  answer_framing_ != mesh::BodyFraming::UntilClose;
    stream_.send(mesh::head_bytes(
        mesh::forward_response(head, request.version_minor, answer_framing_, keep_alive_)));
}

void IngressConnection::answer_body(std::string_view piece) {
    body_bytes_ += piece.size();
    if (answer_framing_ == mesh::BodyFraming::Chunked) {
        stream_.send(mesh::chunk_bytes(piece));
    } else {
        stream_.send(piece);
    }
    if (upstream_ && stream_.full()) {
        upstream_->pause(true);
    }
}

void IngressConnection::answer_end(const mesh::Headers& trailers) {
    if (answer_framing_ == mesh::BodyFraming::Chunked) {
        auto passed = trailers;
        mesh::remove_hop_by_hop(passed);
        stream_.send(mesh::last_chunk_bytes(passed));
    }
    log(status_, "");
    drop_exchange();
    if (phase_ == Phase::Relaying) {
        keep_alive_&& request_complete_ ? next_request() : finish();
    }
}

void IngressConnection::answer_failed(const UpstreamExchange::Failure& failure) {
    const auto where = " at " + upstream_->endpoint().to_string();
    drop_exchange();
    if (failure.status == 0) { // the client can be told in no other way
        log(status_, failure.text + where);
        return close();
    }
    reply(failure.status, failure.text + where);
}

void IngressConnection::raw_from_server(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    if (!bytes.empty()) {
        stream_.send(bytes);
        upstream_->pause(stream_.full());
    } else if (!std::exchange(server_ended_, true)) {
        stream_.finish();
        if (input_ended_) {
            close();
        }
    }
}

// --- the end of a request

void IngressConnection::next_request() {
    phase_ = Phase::Reading;
    last_active_ = netemu::Clock::now();
    (void)parser_.take();
    parser_.on_body([this](std::string_view piece) { take_body(piece); });
    routed_ = continued_ = request_complete_ = upstream_ready_ = false;
    status_ = 0;
    body_bytes_ = 0;
    story_.clear();
    rules_.reset();
    body_waiting_.clear();
    stream_.pause(false);
    const auto bytes = std::exchange(held_, {});
    take(bytes);
}

void IngressConnection::reply(int status, const std::string& text) {
    if (status_ != 0) { // another answer has begun
        log(status_, text);
        return close();
    }
    // Of a body, nothing has been read that could be told from the next request.
    keep_alive_ = parser_.head_complete() && parser_.keep_alive() && !input_ended_ &&
                  (request_framing_ == mesh::BodyFraming::None || request_complete_);
    mesh::Response response;
    response.status = status;
    response.headers = {{"server", "labctl-ingress"}, {"content-type", "text/plain"}};
    if (!keep_alive_) {
        response.headers.add("connection", "close");
    }
    response.body = std::to_string(status) + " " + std::string(mesh::reason_phrase(status)) + ": " +
                    text + "\n";
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
    next_timer_ = loop_.after(0us, [this] { next_request(); });
}

/// Closing with unread input would send RST, which can destroy the answer on its way (RFC 9112
/// section 9.6).
void IngressConnection::finish() {
    phase_ = Phase::Draining;
    last_active_ = netemu::Clock::now();
    stream_.pause(false);
    stream_.finish();
    if (input_ended_) {
        close();
    }
}

void IngressConnection::close() {
    if (phase_ != Phase::Closed) {
        phase_ = Phase::Closed;
        drop_exchange();
        stream_.close();
        closed_(*this);
    }
}

void IngressConnection::drop_exchange() {
    if (upstream_) {
        pod_.bury(std::exchange(upstream_, nullptr));
    }
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

Exchange IngressConnection::exchange() const {
    const auto& pod = pod_.served();
    return {pod.identity, pod.ready, port_, client_, {}};
}

} // namespace labctl::dataplane
