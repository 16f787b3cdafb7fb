#include "labctl/dataplane/exchange_probe.h"

#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"

namespace labctl::dataplane {

ExchangeProbe::ExchangeProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
    : ProbeTask(host, std::move(job), std::move(socket)), left_(this->job().exchanges) {
}

void ExchangeProbe::start() {
    const int on = 1;
    ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close_with_reset(fd());
    report_icmp_errors(fd(), job().remote.address.is_v6()); // as tcp_probe.cc says
    if (connect()) {
        begin();
        set_deadline(timeout_from(started_));
        await_drop(IPPROTO_TCP);
        watch(EPOLLIN | EPOLLOUT);
    }
}

void ExchangeProbe::on_events(std::uint32_t events) {
    if (!connected_ && !check_connected(events)) {
        return;
    }
    if (out_.empty() || send_waiting()) {
        read();
    }
}

bool ExchangeProbe::check_connected(std::uint32_t events) {
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

bool ExchangeProbe::send_waiting() {
    while (!out_.empty()) {
        const auto size = ::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) {
            break;
        }
        if (size < 0 && errno != EPIPE) { // after EPIPE there may still be an answer to read
            return fail("send", errno);
        }
        out_.erase(0, size < 0 ? out_.size() : static_cast<std::size_t>(size));
        if (out_.empty()) {
            out_ = more_to_send();
        }
    }
    watch(static_cast<std::uint32_t>(out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT));
    return true;
}

void ExchangeProbe::send_last() {
    (void)::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
}

void ExchangeProbe::read() {
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

void ExchangeProbe::exchanged(ProbeOutcome outcome, bool reusable) {
    --left_;
    if (left_ == 0 || !reusable) {
        say_last_words();
        return finish(std::move(outcome));
    }
    report(std::move(outcome));
    started_ = netemu::Clock::now();
    answered_ = false;
    begin();
    set_deadline(timeout_from(started_));
    (void)send_waiting();
}

void ExchangeProbe::finish_reset(std::string detail) {
    ProbeOutcome outcome;
    outcome.outcome = probe::Outcome::Reset;
    outcome.rtt_us = elapsed_us();
    outcome.detail = std::move(detail);
    finish(std::move(outcome));
}

bool ExchangeProbe::fail(const std::string& attempt, int error) {
    may_be_stale() ? end() : finish_error(describe(attempt), error, true);
    return false;
}

} // namespace labctl::dataplane
