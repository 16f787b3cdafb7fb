#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "labctl/dataplane/pod.h"
#include "labctl/dataplane/stream_socket.h"
#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "services/ingress.h"

namespace mesh {
class TlsIdentity;
class TlsServerConfig;
} // namespace mesh

namespace labctl::dataplane {

/// Connections to endpoints that a controller pod keeps open for the next request, and for how
/// long (nginx: keepalive 320 of each worker, keepalive_timeout 60s).
inline constexpr std::size_t kIdleUpstreamsMax = 256;
inline constexpr std::chrono::seconds kIdleUpstreamSeconds{60};

/// Endpoints that one request is tried at.
inline constexpr std::size_t kUpstreamTriesMax = 3;

/// What the controllers of one class answer from, as the child uses it.
struct IngressRules {
    services::IngressTable table;
    std::vector<std::shared_ptr<const mesh::TlsIdentity>>
        identities;                               // of its certificates; may be null
    std::shared_ptr<const mesh::TlsIdentity> own; // for names that none is for
    std::shared_ptr<const mesh::TlsServerConfig> tls;
};

/// One pod that is an Ingress controller, in the child: its rules, whose turn it is among the
/// endpoints of each backend, and its idle connections to them. Belongs to the loop's thread.
class IngressPod {
public:
    using SocketArrived = std::function<void(netemu::UniqueFd socket)>;
    /// The supervisor makes the sockets of the pod's namespace. An order is known by its number.
    struct Sockets {
        std::function<std::uint32_t(std::uint32_t pod, netemu::Family family, SocketArrived)> order;
        std::function<void(std::uint32_t number)> cancel;
    };

    IngressPod(netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, Sockets sockets);
    IngressPod(const IngressPod&) = delete;
    IngressPod& operator=(const IngressPod&) = delete;
    ~IngressPod();

    [[nodiscard]] ServedPod& served() { return *pod_; }
    [[nodiscard]] const std::shared_ptr<const IngressRules>& rules() const { return rules_; }
    /// Requests that have been routed go on; connections to endpoints that are none any more are
    /// closed when they are idle.
    void set_rules(std::shared_ptr<const IngressRules> rules);

    /// The endpoints of a backend in the order in which they are to be tried: round robin, at most
    /// kUpstreamTriesMax.
    [[nodiscard]] std::vector<netemu::Endpoint> turn(const services::IngressBackend& backend);

    /// An open connection that waits for a request, or none. Nothing has come on it since its last
    /// answer: neither its end, nor bytes that would be taken for the answer to the next request.
    [[nodiscard]] std::shared_ptr<StreamSocket> take_idle(const netemu::Endpoint& endpoint);
    /// Takes over from the socket's listener.
    void keep_idle(const netemu::Endpoint& endpoint, std::shared_ptr<StreamSocket> socket);
    [[nodiscard]] bool has_idle() const { return idle_count_ > 0; }
    /// Closes what has waited too long. To be called once a second or so while there is any.
    void expire(netemu::Clock::time_point now);
    /// Closes the idle connections to an endpoint.
    void drop_idle(const netemu::Endpoint& endpoint);

    /// Calls back with a new socket, or with none if there is none to be had. Returns the order's
    /// number, for `cancel_order`.
    std::uint32_t order_socket(netemu::Family family, SocketArrived arrived);
    void cancel_order(std::uint32_t number) { sockets_.cancel(number); }

    /// Destroys it in the loop's next turn: for what may not be destroyed by its own callbacks.
    void bury(std::shared_ptr<void> thing);

private:
    /// Whatever happens on it is its end: nothing has been asked.
    struct Idle final : StreamListener {
        Idle(IngressPod& owner, const netemu::Endpoint& to) : pod(owner), endpoint(to) {}
        void on_received(std::string_view /*bytes*/) override { pod.forget_idle(this); }
        void on_ended() override { pod.forget_idle(this); }
        void on_failed(int /*error*/) override { pod.forget_idle(this); }

        IngressPod& pod;
        netemu::Endpoint endpoint;
        std::shared_ptr<StreamSocket> socket;
        netemu::Clock::time_point since;
    };
    using IdleList = std::vector<std::shared_ptr<Idle>>; // those that have waited longest first

    void forget_idle(const Idle* idle);

    netemu::EventLoop& loop_;
    std::shared_ptr<ServedPod> pod_;
    Sockets sockets_;
    std::shared_ptr<const IngressRules> rules_;
    std::map<std::string, std::size_t> turns_; // by backend
    std::map<netemu::Endpoint, IdleList> idle_;
    std::size_t idle_count_ = 0;
    std::vector<std::shared_ptr<void>> buried_;
    netemu::EventLoop::TimerId burial_ = 0;
};

} // namespace labctl::dataplane
