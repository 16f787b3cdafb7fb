#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"

namespace labctl::dataplane {
namespace {

using nlohmann::json;

/// udp: one datagram out; ok only if one comes back.
class UdpProbe final : public ProbeTask {
public:
    using ProbeTask::ProbeTask;

    void start() override {
        report_icmp_errors(fd(), job().remote.address.is_v6());
        if (!connect()) {
            return;
        }
        const auto& payload = job().what->payload;
        started_ = netemu::Clock::now();
        if (::send(fd(), payload.data(), payload.size(), MSG_NOSIGNAL) < 0) {
            return finish_error("send", errno, false);
        }
        await_drop(IPPROTO_UDP);
        watch(EPOLLIN);
        set_deadline(timeout_from(started_));
    }

private:
    void on_events(std::uint32_t /*events*/) override {
        std::array<char, 65536> buffer; // NOLINT: filled by recv
        const auto size = ::recv(fd(), buffer.data(), buffer.size(), 0);
        if (size < 0) {
            return errno == EAGAIN || errno == EINTR ? void()
                                                     : finish_error("receive", errno, false);
        }
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        read_identity({buffer.data(), static_cast<std::size_t>(size)}, outcome);
        finish(std::move(outcome));
    }

    void on_deadline() override { finish_timeout("datagram"); }

    static void read_identity(std::string_view reply, ProbeOutcome& outcome) {
        if (!reply.starts_with('{')) {
            return;
        }
        const auto object = json::parse(reply, nullptr, false);
        if (!object.is_object()) {
            return;
        }
        const auto text = [&object](const char* name) {
            const auto found = object.find(name);
            return found != object.end() && found->is_string() ? found->get<std::string>()
                                                               : std::string();
        };
        const auto backend = text("namespace") + "/" + text("pod");
        const auto client = netemu::Endpoint::parse(text("client"));
        if (backend.size() > 1 && client && is_plausible_identity(backend)) {
            outcome.backend = backend;
            outcome.client_ip = client->address.to_string();
        }
    }
};

} // namespace

std::unique_ptr<ProbeTask> make_udp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<UdpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
