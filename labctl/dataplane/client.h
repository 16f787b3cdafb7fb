#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "labctl/dataplane/dns_event.h"
#include "labctl/dataplane/drop_notice.h"
#include "labctl/dataplane/link_counters.h"
#include "labctl/dataplane/proxy_spec.h"
#include "labctl/dataplane/spec.h"
#include "labctl/dataplane/tunnel_counters.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "netemu/model/impairment.h"

namespace dns {
struct ZoneChanges;
}
namespace mesh {
struct SidecarTable;
}
namespace services {
struct IdentityNetwork;
struct GatewayTable;
struct IngressTable;
} // namespace services

namespace labctl::dataplane {

/// A link of the underlay that the data plane carries: the TAP devices at its ends, and what is
/// done to the packets that leave by each.
struct LinkCable {
    struct End {
        std::string ns;
        std::string link;
        netemu::Impairment impairment;
        bool operator==(const End&) const = default;
    };
    std::array<End, 2> ends;
    bool operator==(const LinkCable&) const = default;
};

/// Makes a socket in a namespace of the lab; throws netemu::Error if it cannot. `type` may carry
/// SOCK_NONBLOCK.
using SocketFactory =
    std::function<netemu::UniqueFd(const std::string& ns, int domain, int type, int protocol)>;

/// A descriptor of a TUN or TAP device of the lab; throws netemu::Error if there is none.
using TunFactory = std::function<netemu::UniqueFd(const std::string& ns, const std::string& link)>;

/// The supervisor's end of the data plane: one unprivileged child that serves the built-in
/// workloads and sends probes on sockets that this object makes and hands over.
///
/// Threading: everything belongs to the thread of the loop, callbacks included; no member blocks.
/// If the child dies it is started again (at once, then with growing delays) and gets the same
/// listening sockets back: their descriptors are kept here, so a client that connects in between
/// waits in the backlog. Probes that were under way are sent again. What the child says is checked;
/// a child that talks nonsense is killed.
class DataPlane {
public:
    /// What is known of a DropNotice; nullopt when it is forgotten.
    using DropDescriber = std::function<std::optional<probe::Drop>(std::uint32_t id)>;
    struct Options {
        std::string executable = "/proc/self/exe"; // started as `EXECUTABLE __dataplane VERBOSITY`
        int verbosity = 0;
        SocketFactory open_socket;
        /// Ask what answers a tcp probe who it is, so that results name the backend.
        bool identity = true;
        DropDescriber describe_drop{}; // empty: drops end no probe
        TunFactory open_tun{};         // for tunnels and links
    };
    using ReadyCallback = std::function<void(const std::string& pod)>;
    using FailureCallback = std::function<void(const std::string& pod, const std::string& error)>;
    using LogCallback = std::function<void(std::vector<std::string> lines)>;
    using ProbeCallback = std::function<void(std::vector<probe::Result> results)>;

    DataPlane(netemu::EventLoop& loop, Options options);
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;
    /// Ends the child and waits for it.
    ~DataPlane();

    /// Starts the child. Throws SysError if it cannot be started. Members below may be called
    /// before.
    void start();
    /// The child's process id, or -1 while there is none.
    [[nodiscard]] pid_t pid() const;

    /// Called with "NS/POD" once per `serve`, when the child has confirmed that every port is
    /// served.
    void on_ready(ReadyCallback callback);
    /// Called when a pod's sockets could not be made (for example, a port in use); it is not served
    /// then.
    void on_failure(FailureCallback callback);
    /// Called when a pod's DNS server has ended by itself, as coredns does on a loop; on_ready
    /// tells when it is back, with another Corefile.
    void on_crash(FailureCallback callback);

    /// Makes the listening sockets of each pod in its namespace and has the child serve them. Ports
    /// that are declared twice are served once. A pod that is served already is replaced.
    void serve(const std::vector<WorkloadSpec>& pods);
    void serve(const WorkloadSpec& pod) { serve(std::vector<WorkloadSpec>{pod}); }
    /// Closes the pod's listening sockets and its connections; no effect if it is not served.
    void withdraw(const std::string& pod);
    /// Sets what the pod's /readyz answers.
    void set_ready(const std::string& pod, bool ready);
    /// Sets how many endpoints a health check (WorkloadSpec::key) answers for.
    void set_health(const std::string& check, std::uint32_t endpoints);
    [[nodiscard]] bool serves(const std::string& pod) const;
    /// Opens the sockets of these userspace proxies that are new, and tells of what else is new
    /// about them. Throws netemu::Error if a socket cannot be made.
    void serve_proxies(const std::vector<ProxySpec>& proxies);
    /// Closes the sockets of all other proxies; connections that they have accepted live on.
    void keep_only_proxies(const std::vector<ProxySpec>& proxies);
    using ProxyClientsCallback = std::function<void(std::vector<ProxyClient> clients)>;
    /// Calls back once with all clients that userspace proxies remember.
    void proxy_clients(ProxyClientsCallback callback);
    /// Who is where with which identity, for the tunnels of all nodes, and who may begin a
    /// connection to whom. Takes effect as a whole. Call it before packets can meet what is new.
    void change_tunnels(services::IdentityNetwork network);
    /// Opens the sockets of these tunnels and takes their TUN devices, as far as that was not done;
    /// closes those of nodes that are gone. Throws netemu::Error if one cannot be opened.
    void serve_tunnels();
    /// What the nodes' tunnels have carried and dropped, by node: a few milliseconds old.
    [[nodiscard]] const std::map<std::string, TunnelCounters>& tunnel_counters() const;
    using TunnelDropCallback = std::function<void(std::vector<TunnelDropped> drops)>;
    /// Called with what tunnels drop; when it is much at once, with a part of it.
    void on_tunnel_drops(TunnelDropCallback callback);

    /// The links that are carried from now on, and how; all others end. Throws netemu::Error if one
    /// of their devices is not there.
    void serve_links(const std::vector<LinkCable>& cables);
    /// Of what left by an end of a link, a few milliseconds old; nullptr: it is no such end.
    [[nodiscard]] const LinkCounters*
    link_counters(const std::string& ns, const std::string& link) const;

    /// What the cluster's DNS answers from has changed (WorkloadSpec::dns). A Corefile among it
    /// must be one that dns::parse_corefile takes.
    void change_dns(const dns::ZoneChanges& changes);

    /// What Ingress controllers of that name (WorkloadSpec::ingress) answer from, as a whole.
    void change_ingress(const std::string& controller, const services::IngressTable& rules);

    /// What the pods of the Gateway "NS/NAME" answer from, as a whole.
    void change_gateway(const std::string& gateway, const services::GatewayTable& table);

    /// What all sidecars (WorkloadSpec::sidecar) go by, as a whole.
    void change_sidecars(const mesh::SidecarTable& table);

    /// What the pod's access log tells of: requests so far, and how long ago the last one was.
    struct Served {
        std::uint32_t requests = 0;
        std::chrono::milliseconds age{0};
    };
    using ServedCallback = std::function<void(std::optional<Served> served)>;
    /// nullopt for a pod that is not served here.
    void served(const std::string& pod, ServedCallback callback);

    /// The ports on which coredns pods answer over HTTP, besides 53: those of the plugins health,
    /// ready and prometheus. One that cannot be had is left out, with a word in the log.
    void set_dns_ports(std::vector<std::uint16_t> ports);

    /// Calls back for every query that a DNS server of the lab answers, until an empty callback is
    /// set. The answers to a client that has ended were told of before `logs` of any pod that is
    /// asked for afterwards.
    void watch_dns(DnsEventCallback callback);

    /// The last `lines` lines of the pod's access log, or of its sidecar's (all that are kept if
    /// 0). An unknown pod has none.
    enum class LogOf : std::uint8_t { Workload, Sidecar };
    void logs(
        const std::string& pod,
        std::size_t lines,
        LogCallback callback,
        LogOf whose = LogOf::Workload);

    /// Sends the probes, all at once (within limits) or one exchange after the other, and calls
    /// `done` once with one result per request, in their order. Returns a number for `stop_probes`.
    std::uint64_t probe(std::vector<ResolvedRequest> requests, bool sequential, ProbeCallback done);
    /// Nobody waits for these any more: what is under way ends, the rest is not sent, and `done` is
    /// not called. No effect if they are over.
    void stop_probes(std::uint64_t list);

    /// Rules have dropped these packets. A probe whose packet is among them, and which has no
    /// answer yet, ends at once: Timeout, with what `describe_drop` says of the notice.
    void dropped(const std::vector<DropNotice>& notices);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace labctl::dataplane
