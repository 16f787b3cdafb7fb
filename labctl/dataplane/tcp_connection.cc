#include "labctl/dataplane/tcp_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/grpc_workload.h"
#include "labctl/dataplane/sniff.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadBytes = 16U << 10U;
constexpr std::size_t kUnsentBytesMax = 256U << 10U; // above it, nothing more is read
constexpr std::size_t kHeldBytesMax = 64U << 10U;
constexpr auto kHttpIdleMax = 75s; // nginx's keepalive_timeout
constexpr auto kRawIdleMax = 1h;   // somebody may be typing
constexpr auto kDrainMax = 2s;
constexpr auto kSniffMax = 500ms; // then bytes that might still become HTTP are echoed as they are

mesh::ParserOptions request_options() {
    mesh::ParserOptions options;
    options.body_bytes_max = kWorkloadBodyBytesMax;
    options.bare_lf = true; // people type requests into nc
    return options;
}

} // namespace

TcpConnection::TcpConnection(netemu::EventLoop& loop, Accepted accepted, CloseCallback on_close)
    : loop_(loop), socket_(std::move(accepted.socket)), pod_(std::move(accepted.pod)),
      port_(accepted.port), client_(accepted.client), on_close_(std::move(on_close)),
      last_active_(netemu::Clock::now()) {
    ++pod_->connections;
}

TcpConnection::~TcpConnection() {
    --pod_->connections;
    loop_.cancel(sniff_timer_);
    for (const auto timer : timers_) {
        loop_.cancel(timer);
    }
    if (socket_) {
        loop_.remove(socket_.get());
    }
}

void TcpConnection::start(std::string_view bytes) {
    watched_ = EPOLLIN;
    loop_.add(socket_.get(), watched_, [this](std::uint32_t events) { on_events(events); });
    if (!bytes.empty()) {
        take(bytes);
    }
    flush();
}

void TcpConnection::close() {
    if (socket_) {
        loop_.remove(socket_.get());
        socket_.reset();
        on_close_(*this);
    }
}

void TcpConnection::expire(netemu::Clock::time_point now) {
    const bool raw = mode_ == Mode::Sniffing || mode_ == Mode::Echo;
    const netemu::Clock::duration limit = mode_ == Mode::Draining ? kDrainMax
                                          : raw                   ? kRawIdleMax
                                                                  : kHttpIdleMax;
    if (now - last_active_ > limit && !answer_pending_) {
        close();
    }
}

void TcpConnection::on_events(std::uint32_t events) {
    if ((events & EPOLLERR) != 0) {
        return close();
    }
    if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
        read();
    }
    flush();
}

void TcpConnection::read() {
    if (!wants_input()) {
        return;
    }
    std::array<char, kReadBytes> buffer; // NOLINT: filled by recv
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
        last_active_ = netemu::Clock::now();
        return take({buffer.data(), static_cast<std::size_t>(size)});
    }
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? void() : close();
    }
    input_ended_ = true;
    if (mode_ == Mode::Sniffing && !held_.empty()) {
        become(Mode::Echo); // it will not become a request any more
    }
    close_when_sent();
}

void TcpConnection::take(std::string_view bytes) {
    switch (mode_) {
    case Mode::Sniffing:
        return take_first(bytes);
    case Mode::Http1:
        return take_http1(bytes);
    case Mode::Http2:
        return take_http2(bytes);
    case Mode::Echo:
        return send(bytes);
    case Mode::Draining:
        return;
    }
}

void TcpConnection::take_first(std::string_view bytes) {
    held_.append(bytes);
    switch (sniff(held_)) {
    case Speech::Undecided:
        if (sniff_timer_ == 0) {
            sniff_timer_ = loop_.after(kSniffMax, [this] {
                become(Mode::Echo);
                flush();
            });
        }
        return;
    case Speech::Http1:
        return become(Mode::Http1);
    case Speech::Http2:
        return become(Mode::Http2);
    case Speech::Raw:
        return become(Mode::Echo);
    }
}

void TcpConnection::become(Mode mode) {
    loop_.cancel(std::exchange(sniff_timer_, 0));
    mode_ = mode;
    if (mode == Mode::Http1) {
        parser_ = std::make_unique<mesh::RequestParser>(request_options());
    } else if (mode == Mode::Http2) {
        mesh::H2Options options;
        options.body_bytes_max = kWorkloadBodyBytesMax;
        options.too_large = [this](const mesh::Request& head) { return refuse_large(head); };
        session_ = std::make_unique<mesh::H2ServerSession>(
            [this](std::int32_t stream, const mesh::Request& request) {
                answer_stream(stream, request);
            },
            options);
    } else if (mode == Mode::Echo) {
        pod_->log.add(access_log_line(exchange(), "TCP echo", 0, held_.size()));
    }
    if (const auto bytes = std::exchange(held_, {}); !bytes.empty()) {
        take(bytes);
    }
}

void TcpConnection::take_http1(std::string_view bytes) {
    while (!bytes.empty() && mode_ == Mode::Http1 && !closing_) {
        if (answer_pending_) {
            held_.append(bytes);
            return;
        }
        bytes.remove_prefix(parser_->feed(bytes));
        if (parser_->failed()) {
            return refuse(parser_->error().status, parser_->error().text);
        }
        if (parser_->complete()) {
            serve_request();
        } else if (parser_->wants_continue() && !std::exchange(continued_, true)) {
            send("HTTP/1.1 100 Continue\r\n\r\n");
        }
    }
    if (mode_ == Mode::Http2 && !bytes.empty()) {
        take_http2(bytes); // what followed an upgrade
    }
}

void TcpConnection::serve_request() {
    const bool keep_alive = parser_->keep_alive();
    const auto request = parser_->take();
    continued_ = false;
    if (!upgrade_to_http2(request)) {
        answer(request, keep_alive);
    }
}

void TcpConnection::answer(const mesh::Request& request, bool keep_alive) {
    auto answer = answer_of(request);
    auto& response = answer.response;
    if (!keep_alive) {
        response.headers.add("connection", "close");
    } else if (request.version_minor == 0) {
        response.headers.add("connection", "keep-alive");
    }
    log(request, response);
    auto finish = [this, keep_alive, bytes = mesh::to_bytes(response, request.method == "HEAD")] {
        send(bytes);
        if (!keep_alive) {
            close_when_sent();
        }
    };
    if (answer.delay.count() == 0) {
        return finish();
    }
    answer_pending_ = true;
    later(answer.delay, [this, finish = std::move(finish)] {
        answer_pending_ = false;
        finish();
        resume();
    });
}

void TcpConnection::resume() {
    if (socket_ && !closing_) {
        const auto bytes = std::exchange(held_, {});
        take(bytes);
    }
    if (input_ended_ && !answer_pending_) {
        close_when_sent();
    }
    flush();
}

bool TcpConnection::upgrade_to_http2(const mesh::Request& request) {
    const auto& headers = request.headers;
    if (!headers.has_token("upgrade", "h2c") || !headers.has_token("connection", "upgrade") ||
        headers.count("http2-settings") != 1) {
        return false;
    }
    const auto settings = std::string(headers.get("http2-settings"));
    send("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n");
    become(Mode::Http2);
    if (!session_->upgrade(settings, request)) {
        close();
        return true;
    }
    send(session_->take_output());
    return true;
}

void TcpConnection::take_http2(std::string_view bytes) {
    const bool healthy = session_->feed(bytes);
    send(session_->take_output());
    if (!healthy || session_->finished()) {
        close_when_sent();
    }
}

void TcpConnection::answer_stream(std::int32_t stream, const mesh::Request& request) {
    auto answer = answer_of(request);
    log(request, answer.response);
    if (answer.delay.count() == 0) {
        return session_->respond(stream, std::move(answer.response));
    }
    later(answer.delay, [this, stream, response = std::move(answer.response)] {
        session_->respond(stream, response);
        send(session_->take_output());
        flush();
    });
}

mesh::Response TcpConnection::refuse_large(const mesh::Request& head) const {
    if (takes_grpc(head)) {
        return refuse_large_call(exchange(), head);
    }
    mesh::Response response;
    constexpr int kContentTooLarge = 413;
    response.status = kContentTooLarge;
    return response;
}

void TcpConnection::refuse(int status, const std::string& text) {
    mesh::Response response;
    response.status = status;
    response.headers = {
        {"server", "labctl"}, {"content-type", "text/plain"}, {"connection", "close"}};
    response.body = text + "\n";
    send(mesh::to_bytes(response));
    // Closing with unread input would send RST, which can destroy the answer on its way (RFC 9112
    // section 9.6).
    flush();
    if (socket_) {
        ::shutdown(socket_.get(), SHUT_WR);
        mode_ = Mode::Draining;
    }
}

void TcpConnection::send(std::string_view bytes) {
    out_.append(bytes);
}

void TcpConnection::close_when_sent() {
    closing_ = !answer_pending_;
    flush();
}

void TcpConnection::flush() {
    while (socket_ && sent_ < out_.size()) {
        const auto size =
            ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                return close();
            }
            break;
        }
        sent_ += static_cast<std::size_t>(size);
        last_active_ = netemu::Clock::now();
        if (sent_ == out_.size()) {
            out_.clear();
            sent_ = 0;
            if (session_) {
                out_ = session_->take_output(); // flow control may have let more through
            }
        }
    }
    if (!socket_) {
        return;
    }
    if (closing_ && out_.empty()) {
        return close();
    }
    watch();
}

bool TcpConnection::wants_input() const {
    return !input_ended_ && out_.size() - sent_ < kUnsentBytesMax && held_.size() < kHeldBytesMax;
}

void TcpConnection::watch() {
    const std::uint32_t wanted = (wants_input() ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
                                 (out_.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT));
    if (wanted != watched_) {
        watched_ = wanted;
        loop_.modify(socket_.get(), wanted);
    }
}

Answer TcpConnection::answer_of(const mesh::Request& request) const {
    if (pod_->http) {
        return {pod_->http(port_, request.path())};
    }
    if (pod_->sidecar) {
        if (auto told = pod_->sidecar(port_, request.path())) {
            return {*std::move(told)};
        }
    }
    return takes_grpc(request) ? answer_grpc(exchange(), request)
                               : answer_http(exchange(), request);
}

bool TcpConnection::takes_grpc(const mesh::Request& request) const {
    return session_ && !pod_->health_endpoints && is_grpc_call(request);
}

Exchange TcpConnection::exchange() const {
    return {pod_->identity, pod_->ready, port_, client_, pod_->health_endpoints};
}

void TcpConnection::log(const mesh::Request& request, const mesh::Response& response) {
    const auto& others = pod_->sidecar_ports;
    const bool own = std::find(others.begin(), others.end(), port_) == others.end();
    if (request.path() == kWhoamiPath || pod_->http || !own) { // coredns tells of DNS alone
        return;
    }
    if (takes_grpc(request)) {
        const auto what = grpc_log_text(request, response).substr(0, kLogLineBytesMax);
        pod_->log.add(access_log_line(exchange(), what, 0, response.body.size()));
    } else {
        const auto what = request.method + " " + request.target.substr(0, kLogLineBytesMax);
        pod_->log.add(access_log_line(exchange(), what, response.status, response.body.size()));
    }
}

void TcpConnection::later(std::chrono::milliseconds delay, std::function<void()> action) {
    const auto id = std::make_shared<netemu::EventLoop::TimerId>(0);
    *id = loop_.after(delay, [this, id, action = std::move(action)] {
        std::erase(timers_, *id);
        action();
    });
    timers_.push_back(*id);
}

} // namespace labctl::dataplane
