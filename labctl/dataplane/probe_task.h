#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/dataplane/drop_notice.h"
#include "labctl/dataplane/lookup.h"
#include "labctl/probe/probe.h"
#include "mesh/tls/config.h"
#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// What all exchanges of one request have in common.
struct ProbeTemplate {
    probe::Scheme scheme = probe::Scheme::Tcp;
    bool identity = true; // tcp: ask who answers
    bool evidence = true; // a drop ends it
    std::uint32_t timeout_ms = 1000;
    std::string method;   // http, https
    std::string payload;  // the HTTP request (of grpc in the form of HTTP/1.1), or the datagram
    std::string tls_host; // https: whom the certificate is to be for, and SNI if it is a name
    std::string ca;       // https: PEM, or empty
    std::shared_ptr<const mesh::TlsClientConfig> tls; // https: made of `ca`
};

/// One socket's worth of exchanges: one, or several in a row over one connection of HTTP or gRPC.
struct ProbeJob {
    std::uint32_t id = 0;
    std::shared_ptr<const ProbeTemplate> what;
    netemu::Endpoint remote;
    std::uint16_t source_port = 0;
    std::uint32_t exchanges = 1;
};

/// What became of one exchange, before the supervisor adds what it knows.
struct ProbeOutcome {
    probe::Outcome outcome = probe::Outcome::Timeout;
    std::uint64_t rtt_us = 0;
    std::string local;  // our address, if something went wrong
    std::string detail; // what was tried and the error's text; empty when ok
    std::string backend;
    std::string client_ip;
    std::optional<probe::Http> http;
    std::optional<probe::Grpc> grpc;
    std::optional<probe::Tls> tls;
    std::string peer_identity; // as probe::Sample has it
    std::string rcode;         // of dns, as probe::Sample has it
    std::vector<probe::DnsAnswer> answers;
    std::vector<DnsStep> steps; // of a look-up that is traced
    std::uint32_t drop = 0;     // the notice that ended it; 0: none
};

/// The outcome that an errno of a socket means (design.md, section 8). Errors of this host alone
/// (no free port, a source port in use) are Unsupported: they say nothing about the network.
probe::Outcome outcome_of_errno(int error_number, bool connected);

class ProbeTask;

/// Who runs the tasks.
class ProbeHost {
public:
    ProbeHost() = default;
    ProbeHost(const ProbeHost&) = delete;
    ProbeHost& operator=(const ProbeHost&) = delete;
    virtual ~ProbeHost() = default;
    virtual netemu::EventLoop& loop() = 0;
    virtual void sample(const ProbeJob& job, const ProbeOutcome& outcome) = 0;
    /// No more samples of this task will come. It must not be destroyed before the next turn of the
    /// loop.
    virtual void done(ProbeTask& task) = 0;
    /// Whoever learns of the drop of a packet with this mark that was sent to `remote` tells the
    /// task, until `forget_drop`.
    virtual void
    await_drop(const ProbeMark& mark, const netemu::Endpoint& remote, ProbeTask& task) = 0;
    virtual void forget_drop(const ProbeMark& mark, const ProbeTask& task) = 0;
};

/// Sends and judges the exchanges of one job on one socket. Destroying it closes the socket.
class ProbeTask {
public:
    /// The task for the job's scheme; `scheme` must be one that has a socket (tcp, udp, icmp, http,
    /// https, grpc, dns, sctp). `more_sockets` are for dns alone (make_dns_probe).
    static std::unique_ptr<ProbeTask> make(
        ProbeHost& host,
        ProbeJob job,
        netemu::UniqueFd socket,
        std::vector<netemu::UniqueFd> more_sockets);

    ProbeTask(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
    ProbeTask(const ProbeTask&) = delete;
    ProbeTask& operator=(const ProbeTask&) = delete;
    virtual ~ProbeTask();

    virtual void start() = 0;
    [[nodiscard]] const ProbeJob& job() const { return job_; }
    /// A packet of it was dropped while it waited for that (`await_drop`): ends the exchange.
    virtual void dropped(std::uint32_t drop);
    /// Ends the task without another sample.
    void end();

protected:
    virtual void on_events(std::uint32_t events) = 0;
    virtual void on_deadline() = 0;

    /// Binds to the job's source port, if it has one, and connects. Returns false if that failed,
    /// after finishing.
    bool connect();
    void watch(std::uint32_t events);
    /// From now on the drop of a packet ends the task, unless the job wants no evidence. Call it
    /// when the socket has its address. The second form is for ICMP, in host order.
    void await_drop(std::uint8_t protocol) { await_drop_on(fd(), protocol, job().remote); }
    void await_drop_on(
        int socket, std::uint8_t protocol, const netemu::Endpoint& remote); // one at a time
    void await_drop(std::uint8_t protocol, std::uint16_t id, std::uint16_t sequence);
    /// An answer has come: what is dropped now is no matter of ours.
    void forget_drop();
    /// Calls `on_deadline` then, in place of an earlier deadline.
    void set_deadline(netemu::Clock::time_point when);
    [[nodiscard]] netemu::Clock::time_point timeout_from(netemu::Clock::time_point start) const;
    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] int pending_error() const; // SO_ERROR, which clears it

    /// Reports a sample and ends the task.
    void finish(ProbeOutcome outcome);
    void finish_error(const std::string& attempt, int error_number, bool connected);
    void finish_timeout(const std::string& attempt);
    /// Reports a sample; more will follow.
    void report(ProbeOutcome outcome);
    [[nodiscard]] bool ended() const { return !socket_; }

    ProbeHost& host_;                   // NOLINT: for the tasks
    netemu::Clock::time_point started_; // NOLINT: of the current exchange
    [[nodiscard]] std::uint64_t elapsed_us() const;

private:
    [[nodiscard]] std::string local_address() const;

    ProbeJob job_;
    netemu::UniqueFd socket_;
    bool watched_ = false;
    netemu::EventLoop::TimerId timer_ = 0;
    std::optional<ProbeMark> awaited_;
};

} // namespace labctl::dataplane
