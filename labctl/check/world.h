#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"

/// What the checks know of a lab: plain values taken from its objects at one moment.
namespace labctl::check {

/// A port that a container declares or that a Service offers.
struct PortView {
    std::string name;
    std::uint16_t number = 0;
    std::string protocol = "TCP"; // TCP, UDP, SCTP
};

struct PodView {
    std::string ns;
    std::string name;
    std::string node;  // empty: not scheduled
    std::string phase; // Pending, Running, Succeeded, Failed
    bool terminating = false;
    bool host_network = false;
    std::vector<std::string> ips; // primary first; empty: none yet
    api::Labels labels;
    /// Its owners, nearest first and up to the root: {"ReplicaSet", "web-5d9"}, {"Deployment",
    /// "web"}.
    std::vector<std::pair<std::string, std::string>> owners;
    std::vector<PortView> ports;

    [[nodiscard]] std::string id() const { return ns + "/" + name; }
    /// It can still send and receive: not finished and not on its way out.
    [[nodiscard]] bool alive() const;
};

struct NodeView {
    std::string name;
    std::vector<std::string> ips; // as its object tells them
    /// Those and its devices' among the pods, of which a node that masquerades may use any. No
    /// object tells them: the caller knows them.
    std::vector<std::string> device_ips{};
};

struct ServiceView {
    std::string ns;
    std::string name;
    std::vector<std::string> ips; // cluster IPs; empty: headless
    std::vector<PortView> ports;
};

/// A workload object that exists, whether it has pods or not: for better messages.
struct WorkloadView {
    std::string kind;
    std::string ns;
    std::string name;
};

struct World {
    std::vector<PodView> pods; // in order of namespace and name
    std::vector<NodeView> nodes;
    std::vector<ServiceView> services;
    std::vector<WorkloadView> workloads;
    std::vector<std::string> external_ips; // of the namespace `external`; the caller knows them
    /// Hosts and routers of the underlay, named "host/h1" and "router/r1"; likewise.
    std::vector<NodeView> devices{};
    /// Whether the lab answers DNS queries. Without it a name in a URL can only be taken as a
    /// selector.
    bool has_dns = false;

    /// From the lab's objects, of any kinds and in any order; what is no pod, node, Service or
    /// workload is ignored.
    static World from_objects(std::span<const api::ObjectPtr> objects);
};

} // namespace labctl::check
