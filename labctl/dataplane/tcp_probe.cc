#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/workload.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

/// How long a server that accepted may take to say who it is. Others than the built-in workload may
/// say nothing.
constexpr auto kIdentityWait = 250ms;
constexpr std::size_t kReplyBytesMax = 8192;

/// tcp: is the connection accepted? Then, who accepted it?
class TcpProbe final : public ProbeTask {
public:
    using ProbeTask::ProbeTask;

    void start() override {
        if (job().what->identity) {
            // Out of quick-ack mode: the handshake's ACK then travels with the question (tcp(7)).
            const int off = 0;
            ::setsockopt(fd(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
        }
        close_with_reset(fd());
        // An ICMP error that arrives while connect(2) still holds the socket is otherwise
        // forgotten, and on a virtual link that is when it arrives.
        report_icmp_errors(fd(), job().remote.address.is_v6());
        if (!connect()) {
            return;
        }
        deadline_ = timeout_from(started_);
        // On a virtual link the handshake is often over before connect(2) returns.
        if (!job().what->identity && has_peer()) {
            return connect_only();
        }
        if (!ask()) {
            return;
        }
        if (!connected_) {
            await_drop(IPPROTO_TCP);
        }
        watch(static_cast<std::uint32_t>(connected_ ? EPOLLIN : EPOLLIN | EPOLLOUT) | EPOLLET);
        set_deadline(
            connected_ ? std::min(deadline_, netemu::Clock::now() + kIdentityWait) : deadline_);
    }

private:
    void on_events(std::uint32_t events) override {
        if (!connected_) {
            if (const int error = (events & EPOLLERR) != 0 ? queued_icmp_error(fd()) : 0;
                error != 0) {
                return finish_error("connect", error, false);
            }
            if (!job().what->identity) {
                return connect_only();
            }
            if (!ask() || !connected_) {
                return;
            }
            set_deadline(std::min(deadline_, netemu::Clock::now() + kIdentityWait));
        }
        read_reply();
    }

    void on_deadline() override {
        if (connected_) {
            return succeed();
        }
        finish_timeout("connect");
    }

    void connect_only() {
        if (const int error = pending_error(); error != 0) {
            return finish_error("connect", error, false);
        }
        connected();
        succeed();
    }

    [[nodiscard]] bool has_peer() const {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        return ::getpeername(fd(), reinterpret_cast<sockaddr*>(&peer), &size) ==
               0; // NOLINT: so it is
    }

    void connected() {
        connected_ = true;
        forget_drop();
        rtt_us_ = elapsed_us();
    }

    /// Sends the question; its success or failure tells the connection's, too. False if the task
    /// has ended.
    bool ask() {
        if (!job().what->identity) {
            return true;
        }
        if (::send(fd(), kWhoamiRequest.data(), kWhoamiRequest.size(), MSG_NOSIGNAL) >= 0) {
            connected();
            return true;
        }
        if (errno == EAGAIN || errno == EINTR) {
            return true;
        }
        finish_error("connect", errno, false);
        return false;
    }

    void read_reply() {
        std::array<char, 2048> buffer; // NOLINT: filled by recv
        for (;;) {
            const auto size = ::recv(fd(), buffer.data(), buffer.size(), 0);
            if (size < 0) {
                return read_failed(errno);
            }
            reply_.append(buffer.data(), static_cast<std::size_t>(size));
            const auto end = reply_.find("\r\n\r\n");
            const bool http = std::string_view(reply_).substr(0, 7) ==
                              std::string_view("HTTP/1.").substr(0, reply_.size());
            if (size == 0 || end != std::string::npos || !http || reply_.size() > kReplyBytesMax) {
                return succeed();
            }
        }
    }

    void read_failed(int error) {
        if (error == EAGAIN || error == EINTR) {
            return;
        }
        // EPIPE: the peer had closed in good order before our question reached it. It did accept.
        error == ECONNRESET ? finish_error("read after connect", error, true) : succeed();
    }

    void succeed() {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = rtt_us_;
        note_identity(reply_, outcome);
        if (const auto said = sidecar_refusal(reply_); !said.empty() && outcome.backend.empty()) {
            // The sidecar has accepted in the target's place, which was not reached.
            outcome.outcome = probe::Outcome::Reset;
            outcome.detail = "a sidecar answered in its place: HTTP " + said;
        }
        finish(std::move(outcome));
    }

    netemu::Clock::time_point deadline_;
    bool connected_ = false;
    std::uint64_t rtt_us_ = 0;
    std::string reply_;
};

} // namespace

std::unique_ptr<ProbeTask> make_tcp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<TcpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
