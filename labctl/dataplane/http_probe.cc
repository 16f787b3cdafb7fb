#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/parser.h"
#include "netemu/base/text.h"

namespace labctl::dataplane {
namespace {

mesh::ParserOptions response_options() {
    mesh::ParserOptions options;
    options.head_bytes_max = kHeadBytesKept;
    return options;
}

/// http: whole exchanges, one or several in a row over the connection.
class HttpProbe final : public ProbeTask {
public:
    HttpProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ProbeTask(host, std::move(job), std::move(socket)),
          parser_(this->job().what->method, response_options()), left_(this->job().exchanges) {}

    void start() override {
        const int on = 1;
        ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        close_with_reset(fd());
        report_icmp_errors(fd(), this->job().remote.address.is_v6()); // as tcp_probe.cc says
        if (connect()) {
            begin();
            await_drop(IPPROTO_TCP);
            watch(EPOLLIN | EPOLLOUT);
        }
    }

private:
    /// Begins an exchange; `started_` is set.
    void begin() {
        sent_ = 0;
        body_.clear();
        answered_ = false;
        parser_.on_body([this](std::string_view piece) {
            body_.append(piece.substr(0, kBodyBytesKept - std::min(kBodyBytesKept, body_.size())));
        });
        set_deadline(timeout_from(started_));
    }

    void on_events(std::uint32_t events) override {
        if (!connected_ && !check_connected(events)) {
            return;
        }
        if (sent_ < job().what->payload.size() && !send_request()) {
            return;
        }
        read();
    }

    void on_deadline() override {
        finish_timeout(connected_ ? job().what->method + " after connect" : "connect");
    }

    bool check_connected(std::uint32_t events) {
        int error = (events & EPOLLERR) != 0 ? queued_icmp_error(fd()) : 0;
        error = error != 0 ? error : pending_error();
        if (error != 0) {
            finish_error("connect", error, false);
            return false;
        }
        connected_ = true;
        forget_drop();
        return true;
    }

    bool send_request() {
        const auto rest = std::string_view(job().what->payload).substr(sent_);
        const auto size = ::send(fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) {
            return true;
        }
        if (size < 0 && errno != EPIPE) { // after EPIPE there may still be an early answer to read
            return fail("send", errno);
        }
        sent_ = size < 0 ? job().what->payload.size() : sent_ + static_cast<std::size_t>(size);
        if (sent_ == job().what->payload.size()) {
            watch(EPOLLIN);
        }
        return true;
    }

    void read() {
        std::array<char, 16384> buffer; // NOLINT: filled by recv
        while (!ended()) {
            const auto size = ::recv(fd(), buffer.data(), buffer.size(), 0);
            if (size < 0) {
                if (errno != EAGAIN && errno != EINTR) {
                    (void)fail("read", errno);
                }
                return;
            }
            take({buffer.data(), static_cast<std::size_t>(size)});
        }
    }

    void take(std::string_view bytes) {
        answered_ = answered_ || !bytes.empty();
        if (bytes.empty()) {
            parser_.finish();
        }
        const bool left_over = parser_.feed(bytes) < bytes.size();
        if (parser_.complete()) {
            return exchanged(parser_.keep_alive() && !left_over && !bytes.empty());
        }
        if (parser_.failed() || bytes.empty()) {
            ProbeOutcome outcome;
            outcome.outcome = probe::Outcome::Reset;
            outcome.rtt_us = elapsed_us();
            outcome.detail =
                "HTTP response: " + (answered_ && parser_.failed()
                                         ? parser_.error().text
                                         : std::string("the peer closed without an answer"));
            may_be_stale() ? end() : finish(std::move(outcome));
        }
    }

    /// Whether a server may simply have closed an idle connection: the exchange is then tried on a
    /// new one.
    [[nodiscard]] bool may_be_stale() const { return left_ < job().exchanges && !answered_; }

    bool fail(const std::string& attempt, int error) {
        may_be_stale() ? end() : finish_error(attempt, error, true);
        return false;
    }

    void exchanged(bool reusable) {
        auto outcome = outcome_of(parser_.take(job().what->method));
        --left_;
        if (left_ == 0 || !reusable) {
            return finish(std::move(outcome));
        }
        report(std::move(outcome));
        started_ = netemu::Clock::now();
        begin();
        if (send_request() && sent_ < job().what->payload.size()) {
            watch(EPOLLIN | EPOLLOUT);
        }
    }

    ProbeOutcome outcome_of(const mesh::Response& response) {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        probe::Http http;
        http.status = response.status;
        for (const auto& field : response.headers.fields()) {
            auto& value = http.headers[netemu::to_lower(field.name)];
            value = value.empty() ? field.value : value + ", " + field.value;
        }
        http.body = std::move(body_);
        note_identity(
            response.headers.get(kBackendField), response.headers.get(kClientField), outcome);
        outcome.http = std::move(http);
        return outcome;
    }

    mesh::ResponseParser parser_;
    std::uint32_t left_;
    bool connected_ = false;
    bool answered_ = false; // a byte of this exchange's answer has come
    std::size_t sent_ = 0;
    std::string body_;
};

} // namespace

std::unique_ptr<ProbeTask> make_http_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<HttpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
