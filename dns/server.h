#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "dns/counters.h"
#include "dns/handler.h"
#include "dns/limits.h"
#include "dns/query_log.h"
#include "dns/rate_limit.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace dns {

struct ServerOptions {
    /// Answers over UDP never get longer than this, whatever the client says.
    std::size_t udp_bytes_max = limits::kUdpBytesDefault;
    std::size_t tcp_connections_max = limits::kTcpConnectionsMax;
    std::chrono::milliseconds tcp_idle{10000}; // RFC 7766 section 6.2.3; coredns: 10 s
    std::uint32_t rate_per_second = 0;         // UDP answers per client network; 0: no limit
    std::uint32_t rate_slip = 2;
    QueryLog log;                   // none: nothing is spent on it
    bool log_failures_only = false; // SERVFAIL
};

class UdpService;
class TcpService;

/// A DNS server on sockets that are handed in, on one loop. Reads datagrams in batches
/// (recvmmsg(2)), answers what the handler can answer at once in the same turn, from the address
/// that was asked; keeps TCP connections open for more queries (RFC 7766). Sockets of many
/// namespaces may share one server. All members belong to the loop's thread.
class Server {
public:
    /// `loop` and `handler` must outlive the server.
    Server(netemu::EventLoop& loop, Handler& handler, ServerOptions options = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// A bound datagram socket; it is made non-blocking, and if it is bound to the unspecified
    /// address, asked to tell each datagram's destination. Throws netemu::SysError. The number that
    /// is returned takes it back.
    int add_udp(netemu::UniqueFd socket);
    /// A listening stream socket.
    int add_tcp(netemu::UniqueFd listener);
    /// Closes that socket; connections made through it live on until they end by themselves.
    void remove(int socket);

    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] Counters& counters() { return counters_; }
    [[nodiscard]] std::size_t tcp_connections() const;
    void set_log(QueryLog log, bool failures_only = false) {
        options_.log = std::move(log);
        options_.log_failures_only = failures_only;
    }

private:
    friend class UdpService;
    friend class TcpService;
    class WatchedReplies;

    /// From bytes to an answer in `out`: the part that both transports share.
    Handled answer(Bytes packet, Client& client, std::span<std::uint8_t> out, ReplyMaker& replies);
    [[nodiscard]] bool wants_log(Rcode rcode) const {
        return options_.log && (!options_.log_failures_only || rcode == Rcode::ServFail);
    }
    [[nodiscard]] bool rate_limited(
        const QueryView& query,
        const Client& client,
        std::span<std::uint8_t> out,
        Handled& handled);
    void count(const QueryView& query, const Client& client, const Handled& handled, Bytes answer);
    /// Wraps what a service does with a late answer: counts it and logs it.
    Reply late(const QueryView& query, const Client& client, Reply send);

    netemu::EventLoop& loop_;
    Handler& handler_;
    ServerOptions options_;
    Counters counters_;
    RateLimit rate_limit_;
    netemu::Clock::time_point batch_start_;
    /// Ends with the server: an upstream may answer later than that.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::unique_ptr<UdpService> udp_;
    std::unique_ptr<TcpService> tcp_;
};

} // namespace dns
