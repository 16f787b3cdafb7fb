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
#include "labctl/dataplane/probe_tls.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {
namespace {

mesh::ParserOptions response_options() {
    mesh::ParserOptions options;
    options.head_bytes_max = kHeadBytesKept;
    return options;
}

/// http and https: whole exchanges, one or several in a row over the connection.
class HttpProbe final : public ProbeTask {
public:
    HttpProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ProbeTask(host, std::move(job), std::move(socket)),
          parser_(this->job().what->method, response_options()), left_(this->job().exchanges) {
        const auto& what = *this->job().what;
        if (what.scheme == probe::Scheme::Https) {
            tls_.emplace(what.tls, what.tls_host);
        }
    }

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
        const auto& request = job().what->payload;
        if (tls_) {
            tls_->write(request);
            out_ += tls_->take_output();
        } else {
            out_ += request;
        }
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
        if (!out_.empty() && !send_waiting()) {
            return;
        }
        read();
    }

    void on_deadline() override {
        finish_timeout(
            !connected_                   ? "connect"
            : tls_ && !tls_->handshaken() ? "TLS handshake after connect"
                                          : job().what->method + " after connect");
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

    /// False if the task has ended.
    bool send_waiting() {
        const auto size = ::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) {
            watch(EPOLLIN | EPOLLOUT);
            return true;
        }
        if (size < 0 && errno != EPIPE) { // after EPIPE there may still be an early answer to read
            return fail("send", errno);
        }
        out_.erase(0, size < 0 ? out_.size() : static_cast<std::size_t>(size));
        watch(static_cast<std::uint32_t>(out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT));
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
            const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
            tls_ ? decrypt(bytes) : take(bytes);
        }
    }

    void decrypt(std::string_view bytes) {
        const bool ends = bytes.empty();
        if (ends && !tls_->handshaken()) {
            tls_->end_of_input();
        }
        tls_->feed(bytes);
        const auto plain = tls_->take_plain();
        out_ += tls_->take_output();
        if (!plain.empty()) {
            take(plain);
        }
        if (ended()) {
            return;
        }
        if (tls_->failed()) {
            return fail_tls();
        }
        // Many a server closes without saying so (close_notify); what it has sent is judged as
        // HTTP's framing has it, the same as without TLS.
        if (ends || tls_->peer_closed()) {
            return take({});
        }
        if (!out_.empty()) {
            (void)send_waiting();
        }
    }

    void fail_tls() {
        if (may_be_stale()) {
            return end();
        }
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::TlsError;
        outcome.rtt_us = elapsed_us();
        outcome.detail = (tls_->handshaken() ? "TLS: " : "TLS handshake: ") + tls_->error();
        note_tls(*tls_, outcome);
        say_last_words(); // the alert that tells the server why
        finish(std::move(outcome));
    }

    /// What is left to say to a server of TLS, if the socket takes it at once: nobody waits for it.
    void say_last_words() {
        if (tls_) {
            tls_->close();
            out_ += tls_->take_output();
            (void)::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
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
            say_last_words();
            return finish(std::move(outcome));
        }
        report(std::move(outcome));
        started_ = netemu::Clock::now();
        begin();
        (void)send_waiting();
    }

    ProbeOutcome outcome_of(const mesh::Response& response) {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        probe::Http http;
        http.status = response.status;
        add_fields(response.headers, http.headers);
        http.body = std::move(body_);
        note_identity(
            response.headers.get(kBackendField), response.headers.get(kClientField), outcome);
        outcome.http = std::move(http);
        if (tls_) {
            note_tls(*tls_, outcome);
        }
        return outcome;
    }

    mesh::ResponseParser parser_;
    std::uint32_t left_;
    bool connected_ = false;
    bool answered_ = false;                     // a byte of this exchange's answer has come
    std::optional<mesh::TlsClientSession> tls_; // of https
    std::string out_;                           // what has still to be sent
    std::string body_;
};

} // namespace

std::unique_ptr<ProbeTask> make_http_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<HttpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
