#include "tests/support/random_policies.h"

#include <algorithm>
#include <array>
#include <memory>

namespace services::test {

namespace {

constexpr std::array<const char*, 3> kKeys{"app", "tier", "env"};
constexpr std::array<const char*, 3> kValues{"a", "b", ""};
constexpr std::array<const char*, 3> kPortNames{"http", "dns", "odd"};
constexpr std::array<std::uint16_t, 4> kNumbers{53, 80, 81, 8080};
constexpr std::array<Protocol, 3> kProtocolsOfFlows{Protocol::Tcp, Protocol::Udp, Protocol::Sctp};

class PolicyGenerator {
public:
    explicit PolicyGenerator(std::mt19937& random) : random_(random) {}

    PolicyCluster run() {
        add_nodes();
        add_namespaces();
        add_pods();
        const auto policies = 1 + below(8);
        for (std::size_t i = 0; i < policies; ++i) {
            add_policy(i);
        }
        return std::move(cluster_);
    }

private:
    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <class List>
    auto pick(const List& list) {
        return list[below(list.size())];
    }
    static IpAddress address(const std::string& text) { return IpAddress::parse(text).value(); }

    PolicyLabels labels() {
        PolicyLabels made;
        for (const auto* key : {"app", "env", "tier"}) {
            if (chance(60)) {
                made.push_back({key, pick(kValues)});
            }
        }
        return made;
    }

    void add_nodes() {
        const auto count = 1 + below(3);
        for (std::size_t i = 1; i <= count; ++i) {
            const auto name = "node-" + std::to_string(i);
            cluster_.nodes[name] = {
                name,
                labels(),
                {address("172.18.0." + std::to_string(i)), address("fd01::" + std::to_string(i))}};
        }
    }

    void add_namespaces() {
        const auto count = 1 + below(4);
        for (std::size_t i = 0; i < count; ++i) {
            const std::string name(1, static_cast<char>('w' + i));
            auto own = labels();
            own.push_back({"kubernetes.io/metadata.name", name});
            std::sort(own.begin(), own.end());
            cluster_.namespaces[name] = {name, own};
            namespaces_.push_back(name);
        }
    }

    void add_pods() {
        const auto count = 1 + below(10);
        for (std::size_t i = 1; i <= count; ++i) {
            PolicyPod pod;
            pod.ns = pick(namespaces_);
            pod.name = "p" + std::to_string(i);
            pod.node = "node-" + std::to_string(1 + below(cluster_.nodes.size()));
            pod.labels = labels();
            pod.host_network = chance(10);
            if (pod.host_network) {
                pod.ips = cluster_.nodes[pod.node].ips;
            } else {
                const auto n = std::to_string(i);
                pod.ips = {address("10.0.0." + n)};
                if (chance(50)) {
                    pod.ips.push_back(address("fd00::" + n));
                }
            }
            for (const auto* name : kPortNames) {
                if (chance(40)) {
                    pod.ports.push_back({name, pick(kProtocolsOfFlows), pick(kNumbers)});
                }
            }
            cluster_.pods[{pod.ns, pod.name}] = std::move(pod);
        }
    }

    LabelSelector selector(bool of_namespace = false) {
        using Operator = LabelRequirement::Operator;
        LabelSelector made;
        const auto count = chance(30) ? 0 : 1 + below(2);
        for (std::size_t i = 0; i < count; ++i) {
            LabelRequirement one;
            one.key = pick(kKeys);
            one.op = pick(std::array{
                Operator::In,
                Operator::In,
                Operator::NotIn,
                Operator::Exists,
                Operator::DoesNotExist});
            if (one.op == Operator::In || one.op == Operator::NotIn) {
                if (of_namespace && chance(40)) {
                    one.key = "kubernetes.io/metadata.name";
                    one.values = {pick(namespaces_)};
                } else {
                    one.values = {pick(kValues)};
                    if (chance(30)) {
                        one.values.push_back(pick(kValues));
                    }
                }
                std::sort(one.values.begin(), one.values.end());
                one.values.erase(
                    std::unique(one.values.begin(), one.values.end()), one.values.end());
            }
            made.requirements.push_back(std::move(one));
        }
        std::sort(made.requirements.begin(), made.requirements.end());
        return made;
    }

    PodSelection selection(const std::string& ns) {
        return !ns.empty() && chance(50) ? PodSelection{ns, {}, selector()}
                                         : PodSelection{"", selector(true), selector()};
    }

    AddressBlock block(bool with_except) {
        static constexpr std::array<const char*, 9> kRanges{
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.0.0.4/30",
            "10.0.0.8/29",
            "10.0.0.3/32",
            "172.18.0.0/30",
            "::/0",
            "fd00::/64",
            "fd00::4/126"};
        static constexpr std::array<const char*, 6> kCuts{
            "10.0.0.4/30",
            "10.0.0.2/31",
            "10.0.0.9/32",
            "fd00::4/127",
            "172.18.0.1/32",
            "fd00::8/125"};
        AddressBlock made{IpPrefix::parse(pick(kRanges)).value(), {}};
        for (const auto* cut : kCuts) {
            const auto range = IpPrefix::parse(cut).value();
            if (with_except && chance(25) && range.length > made.cidr.length &&
                made.cidr.contains(range.address)) {
                made.except.push_back(range);
            }
        }
        return made;
    }

    PolicyPeer peer(const Policy& policy, PolicyDirection way) {
        if (policy.tier == PolicyTier::NetworkPolicy) {
            return chance(30) ? PolicyPeer{block(true)} : PolicyPeer{selection(policy.ns)};
        }
        if (way == PolicyDirection::Egress && chance(30)) {
            return chance(50) ? PolicyPeer{block(false)} : PolicyPeer{NodeSelection{selector()}};
        }
        return PodSelection{"", selector(true), selector()};
    }

    PolicyPort port(bool admin) {
        PolicyPort made;
        made.protocol = pick(kProtocolsOfFlows);
        if (chance(25)) {
            made.name = pick(kPortNames);
            if (admin && chance(50)) {
                made.protocol.reset();
            }
        } else if (chance(80)) {
            made.first = pick(kNumbers);
            made.last =
                chance(70) ? made.first : static_cast<std::uint16_t>(made.first + below(100));
        }
        return made;
    }

    PolicyRule rule(const Policy& policy, PolicyDirection way) {
        const bool is_admin = policy.tier != PolicyTier::NetworkPolicy;
        PolicyRule made;
        if (is_admin) {
            made.action =
                pick(std::array{PolicyAction::Allow, PolicyAction::Deny, PolicyAction::Pass});
        }
        if (chance(85)) {
            made.peers.emplace();
            const auto count = chance(5) ? 0 : 1 + below(3);
            for (std::size_t i = 0; i < count; ++i) {
                made.peers->push_back(peer(policy, way));
            }
        }
        if (chance(50)) {
            made.ports.emplace();
            const auto count = 1 + below(2);
            for (std::size_t i = 0; i < count; ++i) {
                made.ports->push_back(port(is_admin));
            }
        }
        return made;
    }

    std::optional<std::vector<PolicyRule>> rules(const Policy& policy, PolicyDirection way) {
        if (chance(30)) {
            return std::nullopt;
        }
        std::vector<PolicyRule> made;
        const auto count = below(4);
        for (std::size_t i = 0; i < count; ++i) {
            made.push_back(rule(policy, way));
        }
        return made;
    }

    void add_policy(std::size_t number) {
        static constexpr std::array<const char*, 4> kKinds{
            "NetworkPolicy",
            "AdminNetworkPolicy",
            "BaselineAdminNetworkPolicy",
            "ClusterNetworkPolicy"};
        Policy made;
        made.kind = chance(50) ? kKinds[0] : pick(kKinds);
        made.name = "p" + std::to_string(number / 2); // some share a name
        if (made.kind == kKinds[0]) {
            made.ns = pick(namespaces_);
            made.subject = {made.ns, {}, selector()};
        } else {
            const bool base = made.kind == kKinds[2] || (made.kind == kKinds[3] && chance(40));
            made.tier = base ? PolicyTier::Baseline : PolicyTier::Admin;
            made.priority = made.kind == kKinds[2] ? 0 : static_cast<int>(below(3));
            made.subject = {"", selector(true), selector()};
        }
        made.ingress = rules(made, PolicyDirection::Ingress);
        made.egress = rules(made, PolicyDirection::Egress);
        const auto key = policy_key(made);
        cluster_.policies[key] = std::make_shared<const Policy>(std::move(made));
    }

    std::mt19937& random_;
    PolicyCluster cluster_;
    std::vector<std::string> namespaces_;
};

} // namespace

PolicyCluster random_policies(std::mt19937& random) {
    return PolicyGenerator(random).run();
}

std::vector<PolicyEnd> ends_of(const PolicyCluster& cluster) {
    std::vector<PolicyEnd> ends;
    for (const auto& [key, pod] : cluster.pods) {
        for (const auto& address : pod.ips) {
            const auto node = cluster.nodes.find(pod.node);
            const bool host = pod.host_network && node != cluster.nodes.end();
            ends.push_back({&pod, host ? &node->second : nullptr, address});
        }
    }
    for (const auto& [name, node] : cluster.nodes) {
        for (const auto& address : node.ips) {
            ends.push_back({nullptr, &node, address});
        }
    }
    for (const auto* text : {"8.8.8.8", "10.0.0.200", "2001:db8::1"}) {
        ends.push_back({nullptr, nullptr, IpAddress::parse(text).value()});
    }
    return ends;
}

std::vector<FlowPort> flow_ports() {
    std::vector<FlowPort> ports;
    for (const auto protocol : kProtocolsOfFlows) {
        for (const auto number : kNumbers) {
            ports.push_back({protocol, number});
        }
        ports.push_back({protocol, 100}); // inside some ranges
    }
    return ports;
}

} // namespace services::test
