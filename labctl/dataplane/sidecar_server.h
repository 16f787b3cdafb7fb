#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/pod_sockets.h"
#include "labctl/dataplane/proxied_connection.h"
#include "labctl/dataplane/sidecar_connection.h"
#include "labctl/dataplane/sidecar_pod.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Connections that all sidecars together have at once, if the process may have descriptors enough;
/// more are closed.
inline constexpr std::size_t kSidecarConnectionsMax = 16384;

/// The sidecars of all pods, in the child. Belongs to the loop's thread.
class SidecarServer {
public:
    /// `sockets` outlives this.
    SidecarServer(netemu::EventLoop& loop, PodSockets& sockets);
    SidecarServer(const SidecarServer&) = delete;
    SidecarServer& operator=(const SidecarServer&) = delete;
    ~SidecarServer();

    /// Carries out a record, and takes its descriptor from `fds` at `next_fd`. False if it is none
    /// of sidecars; throws netemu::Error if it makes no sense.
    bool take(Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd);

    /// From now on, `pod` has a sidecar.
    void add_pod(std::shared_ptr<ServedPod> pod);
    void remove_pod(std::uint32_t id);
    /// nullptr: the pod has none.
    [[nodiscard]] const AccessLog* access_log(std::uint32_t pod) const;
    /// See SidecarPod::admin_answer.
    [[nodiscard]] std::optional<mesh::Response>
    admin_answer(std::uint32_t pod, std::uint16_t port, std::string_view path) const;

private:
    struct Listener {
        Listener(netemu::EventLoop& loop, bool is_inbound, netemu::UniqueFd fd)
            : inbound(is_inbound), socket(std::move(fd)), acceptor(loop, socket.get()) {}
        bool inbound;
        netemu::UniqueFd socket;
        netemu::Acceptor acceptor;
    };
    struct Sidecar {
        std::list<Listener> listeners;   // their watches point here
        std::unique_ptr<SidecarPod> pod; // before its connections
        std::unordered_map<const SidecarConnection*, std::unique_ptr<SidecarConnection>>
            connections;
    };

    void add_socket(WireReader& record, netemu::UniqueFd socket);
    void take_rules();
    void accept(Sidecar& sidecar, Listener& listener);
    [[nodiscard]] std::vector<SidecarConnection*> all_connections() const;
    void sweep();

    netemu::EventLoop& loop_;
    PodSockets& sockets_;
    std::string pieces_; // of rules that arrive
    std::shared_ptr<const SidecarRules> rules_;
    std::map<std::uint32_t, std::unique_ptr<Sidecar>> sidecars_; // by pod
    std::size_t connections_ = 0;
    std::size_t connections_max_ = proxied_connections_max(kSidecarConnectionsMax);
    netemu::EventLoop::TimerId sweep_timer_ = 0;
};

} // namespace labctl::dataplane
