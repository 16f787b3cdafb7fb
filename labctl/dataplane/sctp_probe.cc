#include <algorithm>
#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/workload.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kSctpReplyBytesMax = 8192;

/// sctp: is there an association, and does a reply come? An association alone is none (design
/// contract, section 8). A socket of the one-to-one style (RFC 6458
/// section 4), so that it is used as one of TCP is; but what is sent before the association stands
/// is refused.
class SctpProbe final : public ProbeTask {
public:
    using ProbeTask::ProbeTask;

    void start() override {
        close_with_reset(fd());
        report_icmp_errors(fd(), job().remote.address.is_v6());
        if (!connect()) {
            return;
        }
        await_drop(IPPROTO_SCTP);
        watch(EPOLLIN | EPOLLOUT | EPOLLET);
        set_deadline(timeout_from(started_));
    }

private:
    void on_events(std::uint32_t events) override {
        if (!connected_ && !associated(events)) {
            return;
        }
        read_reply();
    }

    void on_deadline() override { finish_timeout(connected_ ? "reply" : "connect"); }

    /// False if it is not yet, or never will be.
    bool associated(std::uint32_t events) {
        const int queued = (events & EPOLLERR) != 0 ? queued_icmp_error(fd()) : 0;
        if (const int error = queued != 0 ? queued : pending_error(); error != 0) {
            finish_error("connect", error, false);
            return false;
        }
        if ((events & (EPOLLOUT | EPOLLHUP)) == 0) {
            return false;
        }
        const auto& question = kWhoamiRequest;
        if (::send(fd(), question.data(), question.size(), MSG_NOSIGNAL) < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                finish_error("connect", errno, false);
            }
            return false;
        }
        connected_ = true;
        return true;
    }

    void read_reply() {
        std::array<char, 2048> buffer; // NOLINT: filled by recv
        for (;;) {
            const auto size = ::recv(fd(), buffer.data(), buffer.size(), 0);
            if (size < 0) {
                if (errno != EAGAIN && errno != EINTR) {
                    finish_error("read after connect", errno, true);
                }
                return;
            }
            if (size == 0 && reply_.empty()) {
                return finish_error("read after connect", ECONNRESET, true);
            }
            if (reply_.empty()) {
                forget_drop();
                rtt_us_ = elapsed_us();
            }
            reply_.append(buffer.data(), static_cast<std::size_t>(size));
            const bool http = reply_.starts_with("HTTP/1.");
            if (size == 0 || !http || reply_.find("\r\n\r\n") != std::string::npos ||
                reply_.size() > kSctpReplyBytesMax) {
                return succeed();
            }
        }
    }

    void succeed() {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = rtt_us_;
        note_identity(reply_, outcome);
        finish(std::move(outcome));
    }

    bool connected_ = false;
    std::uint64_t rtt_us_ = 0;
    std::string reply_;
};

} // namespace

std::unique_ptr<ProbeTask> make_sctp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<SctpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
