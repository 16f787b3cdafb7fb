#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "services/userspace_balancer.h"

namespace labctl::dataplane {

/// One TCP connection through a userspace proxy: the client's, which is accepted already, and the
/// one to an endpoint, tried one endpoint after the other. Bytes are copied both ways, and each
/// end's FIN is passed on. When no endpoint takes it, the client's end is closed. Source:
/// kube-proxy pkg/proxy/userspace/proxysocket.go (until Kubernetes 1.25); reference 8.4.
class ProxyConnection {
public:
    /// Asks for a socket of the node, which `socket_arrived` brings.
    using NeedSocket = std::function<void(ProxyConnection& connection)>;
    /// The connection has ended; it may be destroyed from the loop's next turn on.
    using Closed = std::function<void(ProxyConnection& connection)>;

    ProxyConnection(
        netemu::EventLoop& loop,
        netemu::UniqueFd client,
        services::UserspaceTries tries,
        NeedSocket need_socket,
        Closed closed);
    ProxyConnection(const ProxyConnection&) = delete;
    ProxyConnection& operator=(const ProxyConnection&) = delete;
    ~ProxyConnection();

    /// Begins the first try, or the next one.
    void begin_try();
    /// No descriptor: there is none to be had.
    void socket_arrived(netemu::UniqueFd socket);

private:
    /// One direction.
    struct Half {
        std::string waiting; // read, and not taken by the other end yet
        bool ended = false;  // FIN came
        bool passed_on = false;
    };

    void connected(std::uint32_t events);
    void try_failed();
    bool copy(int from, int to, Half& half);
    void copy_both(std::uint32_t events);
    void watch(int socket, bool& watched, std::uint32_t events);
    void stop_watching();
    void finish();

    netemu::EventLoop& loop_;
    netemu::UniqueFd client_;
    netemu::UniqueFd backend_;
    services::UserspaceTries tries_;
    NeedSocket need_socket_;
    Closed closed_;
    services::UserspaceTries::Try try_{};
    netemu::EventLoop::TimerId timer_ = 0;
    Half to_backend_;
    Half to_client_;
    bool client_watched_ = false;
    bool backend_watched_ = false;
    bool finished_ = false;
};

} // namespace labctl::dataplane
