#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/policy_evaluator.h"

/// Policies and their world in few words: the namespaces x, y, z with pods a, b, c of the upstream
/// network policy tests.
namespace services::test {

/// "pod=a", "pod!=a", "pod", "!pod", "pod in (a,b)", "pod notin (a,b)", joined by "; "; "" is
/// everything.
LabelSelector select(const std::string& text);
/// Pods of the namespace `ns` alone; {podSelector}.
PodSelection local(const std::string& ns, const std::string& pods);
/// Pods of every namespace that is selected; {namespaceSelector, podSelector}.
PodSelection anywhere(const std::string& namespaces, const std::string& pods = "");
/// "10.0.0.0/8", followed by what is cut out of it.
AddressBlock block(const char* cidr, const std::vector<const char*>& except = {});
NodeSelection nodes(const std::string& labels);

/// "80", "80-90", "80/UDP", "UDP" (all of it), "serve-80-tcp/TCP", "name/*" (whatever protocol).
PolicyPort port(const std::string& text);

using Peers = std::optional<std::vector<PolicyPeer>>;
using Ports = std::vector<std::string>;
inline const std::nullopt_t kAnyPeer = std::nullopt;
/// No ports: any port of any protocol.
PolicyRule rule(Peers peers = std::nullopt, const Ports& ports = {});
PolicyRule rule(PolicyAction action, Peers peers = std::nullopt, const Ports& ports = {});

using Rules = std::optional<std::vector<PolicyRule>>;
/// `name` is "NS/NAME".
Policy network_policy(
    const std::string& name, const std::string& pods, Rules ingress, Rules egress = std::nullopt);
Policy admin(
    const std::string& name,
    int priority,
    const PodSelection& subject,
    Rules ingress,
    Rules egress = std::nullopt);
Policy baseline(
    const std::string& name,
    int priority,
    const PodSelection& subject,
    Rules ingress,
    Rules egress = std::nullopt);

/// Namespaces x, y, z, each labelled ns=NAME, with pods a, b (node-1) and c (node-2), labelled
/// pod=NAME, with addresses 10.0.N.M and fd00::N:M (x/a is 10.0.1.1, z/c 10.0.3.3), and named ports
/// serve-80-tcp, serve-80-udp, serve-81-tcp. node-1 is 172.18.0.1, node-2 172.18.0.2.
struct World {
    World();
    void add(Policy policy);
    PolicyPod& pod(const std::string& name); // "x/a"
    PolicyEnd end(const std::string& text);  // "x/a", "node/node-1", "10.0.0.1"
    /// `port` is "80", "80/UDP", "80/TCP/6" (the second address of pods).
    PolicyFlow flow(const std::string& from, const std::string& to, const std::string& port = "80");
    PolicyVerdict
    ask(const std::string& from, const std::string& to, const std::string& port = "80");
    bool allowed(const std::string& from, const std::string& to, const std::string& port = "80");
    /// Who of all pods reaches `to`, as "x/a x/b": a row of the truth table.
    std::string reach(const std::string& to, const std::string& port = "80");

    PolicyCluster cluster;
};

} // namespace services::test
