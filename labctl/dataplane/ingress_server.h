#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/edge_connection.h"
#include "labctl/dataplane/gateway_pod.h"
#include "labctl/dataplane/ingress_pod.h"
#include "labctl/dataplane/pod_sockets.h"
#include "labctl/dataplane/proxied_connection.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Connections that all controller pods together have at once, if the process may have descriptors
/// enough; more are closed.
inline constexpr std::size_t kIngressConnectionsMax = 4096;

/// The pods that are Ingress controllers or a Gateway's, in the child: their listeners and rules.
/// Belongs to the loop's thread.
class IngressServer {
public:
    /// `sockets` outlives this.
    IngressServer(netemu::EventLoop& loop, PodSockets& sockets);
    IngressServer(const IngressServer&) = delete;
    IngressServer& operator=(const IngressServer&) = delete;
    ~IngressServer();

    /// Carries out a record, and takes its descriptor from `fds` at `next_fd`. False if it is none
    /// of Ingress; throws netemu::Error if it makes no sense.
    bool take(Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd);

    /// From now on, `pod` is a controller of that name.
    void add_pod(std::shared_ptr<ServedPod> pod, std::string name);
    void remove_pod(std::uint32_t id);

private:
    struct Listener {
        Listener(
            netemu::EventLoop& loop, std::uint16_t its_port, bool speaks_tls, netemu::UniqueFd fd)
            : port(its_port), tls(speaks_tls), socket(std::move(fd)), acceptor(loop, socket.get()) {
        }
        std::uint16_t port;
        bool tls;
        netemu::UniqueFd socket;
        netemu::Acceptor acceptor;
    };
    struct Controller {
        std::string name;
        std::list<Listener> listeners; // their watches point here
        std::unique_ptr<EdgePod> pod;  // before its connections
        IngressPod* ingress = nullptr; // which is it, one of the two
        GatewayPod* gateway = nullptr;
        std::unordered_map<const EdgeConnection*, std::unique_ptr<EdgeConnection>> connections;
    };

    void add_socket(WireReader& record, netemu::UniqueFd socket);
    void take_rules(WireReader& record);
    void take_gateway(const std::string& name, const std::string& bytes);
    void accept(Controller& controller, Listener& listener);
    [[nodiscard]] std::size_t connections() const;
    void sweep();

    netemu::EventLoop& loop_;
    PodSockets& sockets_;
    std::map<std::string, std::string> pieces_; // of rules that arrive, by controller
    std::map<std::string, std::shared_ptr<const IngressRules>> rules_;    // likewise
    std::map<std::string, std::shared_ptr<const GatewayRules>> gateways_; // likewise
    std::map<std::uint32_t, std::unique_ptr<Controller>> controllers_;    // by pod
    std::size_t connections_max_ = proxied_connections_max(kIngressConnectionsMax);
    netemu::EventLoop::TimerId sweep_timer_ = 0;
};

} // namespace labctl::dataplane
