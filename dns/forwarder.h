#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "dns/corefile.h"
#include "dns/upstream.h"
#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace dns {

/// Makes (or takes from a stock) a socket of `domain` (AF_INET, AF_INET6) and `type` (SOCK_DGRAM,
/// SOCK_STREAM) in the namespace that questions leave from. An empty one: there is none now.
using SocketFactory = std::function<netemu::UniqueFd(int domain, int type)>;
/// Gets such a socket back, as it was left: perhaps connected, with bytes unread.
using SocketReturn = std::function<void(netemu::UniqueFd socket)>;

struct ForwarderOptions {
    std::vector<netemu::Endpoint> upstreams; // at most limits::kUpstreamsMax
    ForwardConfig::Policy policy = ForwardConfig::Policy::Random;
    bool force_tcp = false;
    bool prefer_udp = false;                 // although the client came over TCP
    std::chrono::milliseconds timeout{2000}; // for each try (coredns plugin/forward)
    std::chrono::milliseconds total{5000};   // then SERVFAIL
    int rounds = 3;                          // through all upstreams, as far as `total` lets them
    std::uint32_t max_concurrent = 0;        // questions at a time, above REFUSED; 0: no limit
};

/// Asks other servers, through c-ares on sockets of the caller's making. Every question has an id
/// of the kernel's random numbers and a socket, hence a source port, of its own (RFC 5452 section
/// 9.2); an answer counts only from the address that was asked, with the id and the question that
/// were sent. A truncated answer is asked for again over TCP. An answer is an answer, whatever its
/// rcode: REFUSED, SERVFAIL and NOTIMP are passed on as coredns' plugin forward does. One upstream
/// after the other is tried on silence or a closed port, and all of them again when the last one
/// was silent; if none answers: SERVFAIL. One thread, that of the loop.
class Forwarder : public Upstream {
public:
    Forwarder(netemu::EventLoop& loop, SocketFactory open_socket, ForwarderOptions options);
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;
    ~Forwarder() override;

    void query(const Ask& ask, Done done) override;
    [[nodiscard]] std::uint64_t rejected() const override { return rejected_; }
    /// What becomes of sockets that were used; none: they are closed.
    void set_return(SocketReturn give_back) { give_back_ = std::move(give_back); }
    [[nodiscard]] const ForwarderOptions& options() const { return options_; }
    [[nodiscard]] std::size_t in_flight() const { return exchanges_.size(); }

private:
    class Exchange;
    friend class Exchange;

    [[nodiscard]] std::vector<netemu::Endpoint> order();
    void finished(Exchange* exchange);

    netemu::EventLoop& loop_;
    SocketFactory open_socket_;
    SocketReturn give_back_;
    ForwarderOptions options_;
    std::size_t turn_ = 0;
    std::uint64_t rejected_ = 0;
    std::vector<std::unique_ptr<Exchange>> exchanges_;
};

} // namespace dns
