#include "labctl/dataplane/probe_task.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using probe::Outcome;

/// sockaddr_storage as the socket calls want it.
const sockaddr* generic(const sockaddr_storage& storage) {
    return reinterpret_cast<const sockaddr*>(&storage); // NOLINT: the interface of sockets
}

/// Unspecified when it has none.
netemu::Endpoint local_endpoint(int socket) {
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) !=
        0) { // NOLINT: as above
        return {};
    }
    return netemu::Endpoint::from_sockaddr(local);
}

} // namespace

Outcome outcome_of_errno(int error_number, bool connected) {
    switch (error_number) {
    case ECONNREFUSED:
        return connected ? Outcome::Reset : Outcome::Refused;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return Outcome::Reset;
    case ETIMEDOUT:
    case EAGAIN:
        return Outcome::Timeout;
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENOBUFS:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return Outcome::Unsupported;
    default: // EHOSTUNREACH, ENETUNREACH, EACCES, EPERM, ENOPROTOOPT, EPROTO, EMSGSIZE, EINVAL
             // (blackhole), ...
        return Outcome::Unreachable;
    }
}

ProbeTask::ProbeTask(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
    : host_(host), job_(std::move(job)), socket_(std::move(socket)) {
}

ProbeTask::~ProbeTask() {
    end();
}

void ProbeTask::end() {
    if (!socket_) {
        return;
    }
    forget_drop();
    host_.loop().cancel(timer_);
    if (watched_) {
        host_.loop().remove(socket_.get());
    }
    socket_.reset();
    host_.done(*this);
}

bool ProbeTask::connect() {
    if (job_.source_port != 0) {
        const int on = 1;
        ::setsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_storage any{};
        const std::uint8_t zeros[16] = {};
        const netemu::Endpoint from{
            netemu::IpAddress::from_bytes(job_.remote.address.family(), zeros), job_.source_port};
        const auto size = from.to_sockaddr(any);
        if (::bind(fd(), generic(any), size) != 0) {
            finish_error("bind to source port " + std::to_string(job_.source_port), errno, false);
            return false;
        }
    }
    sockaddr_storage remote{};
    const auto size = job_.remote.to_sockaddr(remote);
    started_ = netemu::Clock::now();
    if (::connect(fd(), generic(remote), size) != 0 && errno != EINPROGRESS) {
        finish_error("connect", errno, false);
        return false;
    }
    return true;
}

void ProbeTask::watch(std::uint32_t events) {
    if (watched_) {
        host_.loop().modify(fd(), events);
        return;
    }
    watched_ = true;
    host_.loop().add(fd(), events, [this](std::uint32_t got) {
        if (!ended()) {
            on_events(got);
        }
    });
}

void ProbeTask::await_drop_on(int socket, std::uint8_t protocol, const netemu::Endpoint& remote) {
    forget_drop();
    if (!job_.what->evidence) {
        return;
    }
    const auto local = local_endpoint(socket);
    if (local.port != 0 && !local.address.is_unspecified()) {
        awaited_ = ProbeMark{protocol, local, 0};
        host_.await_drop(*awaited_, remote, *this);
    }
}

void ProbeTask::await_drop(std::uint8_t protocol, std::uint16_t id, std::uint16_t sequence) {
    if (!job_.what->evidence) {
        return;
    }
    const auto local = local_endpoint(fd());
    if (!local.address.is_unspecified()) {
        awaited_ = ProbeMark{protocol, {local.address, id}, sequence};
        host_.await_drop(*awaited_, {job_.remote.address, 0}, *this);
    }
}

void ProbeTask::forget_drop() {
    if (awaited_) {
        host_.forget_drop(*awaited_, *this);
        awaited_.reset();
    }
}

void ProbeTask::dropped(std::uint32_t drop) {
    ProbeOutcome outcome;
    outcome.outcome = Outcome::Timeout;
    outcome.rtt_us = elapsed_us();
    outcome.detail = "a rule dropped it";
    outcome.drop = drop;
    finish(std::move(outcome));
}

void ProbeTask::set_deadline(netemu::Clock::time_point when) {
    host_.loop().cancel(timer_);
    timer_ = host_.loop().at(when, [this] {
        if (!ended()) {
            on_deadline();
        }
    });
}

netemu::Clock::time_point ProbeTask::timeout_from(netemu::Clock::time_point start) const {
    return start + std::chrono::milliseconds(job_.what->timeout_ms);
}

int ProbeTask::pending_error() const {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void ProbeTask::finish(ProbeOutcome outcome) {
    report(std::move(outcome));
    end();
}

void ProbeTask::report(ProbeOutcome outcome) {
    if (outcome.outcome != Outcome::Ok) {
        outcome.local = local_address();
    }
    host_.sample(job_, outcome);
}

void ProbeTask::finish_error(const std::string& attempt, int error_number, bool connected) {
    ProbeOutcome outcome;
    outcome.outcome = outcome_of_errno(error_number, connected);
    outcome.rtt_us = elapsed_us();
    outcome.detail = attempt + ": " + netemu::errno_text(error_number);
    finish(std::move(outcome));
}

void ProbeTask::finish_timeout(const std::string& attempt) {
    ProbeOutcome outcome;
    outcome.outcome = Outcome::Timeout;
    outcome.rtt_us = elapsed_us();
    outcome.detail =
        attempt + ": no answer within " + std::to_string(job_.what->timeout_ms) + " ms";
    finish(std::move(outcome));
}

std::uint64_t ProbeTask::elapsed_us() const {
    if (started_ == netemu::Clock::time_point()) {
        return 0;
    }
    const auto elapsed = netemu::Clock::now() - started_;
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count());
}

std::string ProbeTask::local_address() const {
    const auto endpoint = local_endpoint(fd());
    if (endpoint.address.is_unspecified()) {
        return {};
    }
    const bool has_port = endpoint.port != 0 && job_.what->scheme != probe::Scheme::Icmp;
    return has_port ? endpoint.to_string() : endpoint.address.to_string();
}

} // namespace labctl::dataplane
