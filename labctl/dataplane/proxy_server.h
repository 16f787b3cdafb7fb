#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "labctl/dataplane/datagram.h"
#include "labctl/dataplane/proxy_connection.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "services/userspace_balancer.h"

namespace labctl::dataplane {

/// Connections and UDP sessions that all proxies have at once; more are closed, or not begun.
inline constexpr std::size_t kProxyFlowsMax = 8192;
/// Datagrams that wait for a session's socket.
inline constexpr std::size_t kProxyDatagramsWaitingMax = 16;

/// kube-proxy's userspace mode in the child: the proxies of all nodes, on sockets that are handed
/// in. A UDP session is a client's address and port; it ends after 250 ms of silence. Belongs to
/// the loop's thread.
class ProxyServer {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    ProxyServer(netemu::EventLoop& loop, Reply reply);
    ProxyServer(const ProxyServer&) = delete;
    ProxyServer& operator=(const ProxyServer&) = delete;
    ~ProxyServer();

    /// Carries out a record, and takes its descriptor from `fds` at `next_fd`. False if it is none
    /// of a proxy.
    bool take(Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd);

private:
    struct Proxy {
        std::uint32_t id = 0;
        services::ServicePortName name;
        services::UserspaceBalancer* balancer = nullptr;
        netemu::UniqueFd socket;
        std::unique_ptr<netemu::Acceptor> acceptor; // of TCP
    };
    using SessionKey = std::pair<std::uint32_t, netemu::Endpoint>; // proxy, client
    struct Session {
        std::uint32_t flow = 0;
        Datagram last; // of the client: where answers go
        netemu::Endpoint endpoint;
        netemu::UniqueFd socket; // none while it is asked for
        std::deque<std::string> waiting;
        netemu::Clock::time_point silent_since;
        netemu::EventLoop::TimerId timer = 0;
    };

    void add(WireReader& record, netemu::UniqueFd socket);
    void set_endpoints(WireReader& record);
    void remove(std::uint32_t id);
    void tell_clients(std::uint32_t request) const;
    void socket_arrived(std::uint32_t flow, netemu::UniqueFd socket);
    void need_socket(std::uint32_t flow, std::uint32_t proxy);
    [[nodiscard]] bool full() const;

    bool accept(Proxy& proxy);
    void connection_closed(ProxyConnection& connection);

    void receive(Proxy& proxy);
    void begin_session(Proxy& proxy, Datagram datagram);
    void session_socket(const SessionKey& key, netemu::UniqueFd socket);
    void answer(const SessionKey& key);
    void watch_silence(const SessionKey& key);
    void end_session(const SessionKey& key);
    void forget_clients();

    netemu::EventLoop& loop_;
    Reply reply_;
    std::map<std::string, services::UserspaceBalancer> balancers_; // by node and family
    std::map<std::uint32_t, Proxy> proxies_;
    std::uint32_t next_flow_ = 1;
    std::unordered_map<std::uint32_t, ProxyConnection*> connections_waiting_; // for a socket
    std::unordered_map<std::uint32_t, SessionKey> sessions_waiting_;          // likewise
    std::unordered_map<const ProxyConnection*, std::unique_ptr<ProxyConnection>> connections_;
    std::vector<std::unique_ptr<ProxyConnection>> closed_; // until the next turn of the loop
    std::map<SessionKey, Session> sessions_;
    netemu::EventLoop::TimerId forget_timer_ = 0;
};

} // namespace labctl::dataplane
