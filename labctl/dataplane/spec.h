#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/dataplane/lookup.h"
#include "labctl/probe/probe.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/address.h"

/// What the supervisor asks of the data plane, as values.
namespace labctl::dataplane {

enum class Protocol : std::uint8_t { Tcp, Udp, Sctp };

struct WorkloadPort {
    std::uint16_t port = 0;
    Protocol protocol = Protocol::Tcp;
    std::string name;                           // containerPort's name, or empty
    std::optional<netemu::IpAddress> address{}; // none: all of its namespace
    auto operator<=>(const WorkloadPort&) const = default;
};

inline constexpr std::uint16_t kDnsServerPort = 53;

/// What an upstream does with a name instead of answering.
enum class DnsFault : std::uint8_t { None, ServFail, Refused, Silence };

/// What a DNS server is, besides a pod.
struct DnsServing {
    enum class Role : std::uint8_t {
        Cluster,   // coredns: the cluster's records and the Corefile
        Upstream,  // the lab's own server for the names of the world
        NodeCache, // NodeLocal DNSCache: a Corefile of its own, and no records
    };
    Role role = Role::Cluster;
    /// Of its /etc/resolv.conf, for `forward`; of an upstream: who knows what it does not, or none.
    std::vector<netemu::Endpoint> nameservers{};
    std::vector<std::string> searches{}; // likewise, for `autopath`
    std::string zone{}; // of an upstream: a zone file of the root; of a cache: its Corefile
    std::vector<std::pair<std::string, DnsFault>> faults{}; // and where it fails
    /// Of an upstream that has name servers: the network namespace of the sockets to ask them with.
    std::string asks_from{};
};

/// What an Ingress controller is, besides a pod.
struct IngressServing {
    std::string controller; // whose rules it follows: DataPlane::change_ingress
    std::vector<std::uint16_t> http_ports;
    std::vector<std::uint16_t> https_ports;
};

/// One pod that the built-in workload serves.
struct WorkloadSpec {
    std::string ns_name;       // the network namespace, "pod/NS/NAME"
    std::string pod_namespace; // the Kubernetes one
    std::string pod;
    std::string node;
    std::vector<WorkloadPort> ports;
    bool ready = true;                       // what /readyz says
    std::optional<DnsServing> dns{};         // set: its port 53 is a DNS server's
    std::optional<IngressServing> ingress{}; // set: these of its ports are an Ingress controller's
    bool sidecar = false;                    // it has one, on the ports of mesh/sidecar/table.h
    mesh::SidecarMesh sidecar_mesh = mesh::SidecarMesh::Istio; // whose
    /// Set: no pod at all but kube-proxy's answer on the health-check node port of the Service
    /// `pod_namespace`/`pod` on `node`, which has so many ready endpoints there.
    std::optional<std::uint32_t> health_endpoints{};
    /// "NS/POD", and "NS/SERVICE@NODE" for a health check.
    [[nodiscard]] std::string key() const {
        return pod_namespace + "/" + pod + (health_endpoints ? "@" + node : "");
    }
};

/// A probe whose names have become addresses.
struct ResolvedRequest {
    probe::Request request;
    std::string ns; // where it is sent from: "pod/NS/NAME", "node/NAME" or "external"
    netemu::IpAddress address;
    std::uint16_t port = 0; // 0 for icmp
    /// What is asked for: of dns, or of a name whose address is to be found first, in place of
    /// `address`.
    std::optional<Lookup> lookup;
    /// Gets every query of a `lookup` that is traced, before the result.
    std::function<void(std::vector<DnsStep> steps)> on_steps{};
    std::string resolved;   // the address as text if `to` had a name, or empty
    std::uint32_t mark = 0; // SO_MARK of its sockets; 0 for none
    /// Set when the outcome is known already (no such name, not supported): nothing is sent.
    std::optional<probe::Sample> decided;
};

} // namespace labctl::dataplane
