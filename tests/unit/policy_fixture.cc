#include "tests/unit/policy_fixture.h"

#include <algorithm>
#include <stdexcept>

#include "netemu/base/text.h"

namespace services::test {

namespace {

LabelRequirement requirement(const std::string& text) {
    using Operator = LabelRequirement::Operator;
    const auto set = [&](const std::string& word, Operator op) {
        const auto at = text.find(" " + word + " (");
        LabelRequirement made{text.substr(0, at), op, {}};
        auto list = text.substr(at + word.size() + 3);
        list.pop_back();
        for (std::size_t start = 0; start <= list.size();) {
            const auto comma = std::min(list.find(',', start), list.size());
            made.values.push_back(list.substr(start, comma - start));
            start = comma + 1;
        }
        std::sort(made.values.begin(), made.values.end());
        return made;
    };
    if (text.find(" in (") != std::string::npos) {
        return set("in", Operator::In);
    }
    if (text.find(" notin (") != std::string::npos) {
        return set("notin", Operator::NotIn);
    }
    if (text.front() == '!') {
        return {text.substr(1), Operator::DoesNotExist, {}};
    }
    if (const auto at = text.find("!="); at != std::string::npos) {
        return {text.substr(0, at), Operator::NotIn, {text.substr(at + 2)}};
    }
    if (const auto at = text.find('='); at != std::string::npos) {
        return {text.substr(0, at), Operator::In, {text.substr(at + 1)}};
    }
    return {text, Operator::Exists, {}};
}

IpAddress address(const std::string& text) {
    return IpAddress::parse(text).value();
}

std::vector<NamedPort> served() {
    return {
        {"serve-80-tcp", Protocol::Tcp, 80},
        {"serve-80-udp", Protocol::Udp, 80},
        {"serve-81-tcp", Protocol::Tcp, 81},
    };
}

Policy
cluster_wide(PolicyTier tier, const std::string& name, int priority, const PodSelection& subject) {
    Policy made;
    made.tier = tier;
    made.kind = "ClusterNetworkPolicy";
    made.name = name;
    made.priority = priority;
    made.subject = subject;
    return made;
}

} // namespace

LabelSelector select(const std::string& text) {
    LabelSelector made;
    for (std::size_t start = 0; start < text.size();) {
        const auto end = std::min(text.find("; ", start), text.size());
        made.requirements.push_back(requirement(text.substr(start, end - start)));
        start = end + 2;
    }
    std::sort(made.requirements.begin(), made.requirements.end());
    return made;
}

PodSelection local(const std::string& ns, const std::string& pods) {
    return {ns, {}, select(pods)};
}

PodSelection anywhere(const std::string& namespaces, const std::string& pods) {
    return {"", select(namespaces), select(pods)};
}

AddressBlock block(const char* cidr, const std::vector<const char*>& except) {
    AddressBlock made{IpPrefix::parse(cidr).value().network(), {}};
    for (const auto* one : except) {
        made.except.push_back(IpPrefix::parse(one).value());
    }
    return made;
}

NodeSelection nodes(const std::string& labels) {
    return {select(labels)};
}

PolicyPort port(const std::string& text) {
    PolicyPort made;
    const auto slash = text.find('/');
    const auto first = text.substr(0, slash);
    if (slash != std::string::npos) {
        const auto protocol = text.substr(slash + 1);
        made.protocol = protocol == "*" ? std::nullopt : parse_protocol(protocol);
    } else if (parse_protocol(first)) {
        made.protocol = parse_protocol(first);
        return made;
    }
    if (first.find_first_not_of("0123456789-") != std::string::npos) {
        made.name = first;
        return made;
    }
    const auto dash = first.find('-');
    made.first = static_cast<std::uint16_t>(std::stoi(first));
    made.last = dash == std::string::npos
                    ? made.first
                    : static_cast<std::uint16_t>(std::stoi(first.substr(dash + 1)));
    return made;
}

PolicyRule rule(Peers peers, const Ports& ports) {
    return rule(PolicyAction::Allow, std::move(peers), ports);
}

PolicyRule rule(PolicyAction action, Peers peers, const Ports& ports) {
    PolicyRule made;
    made.action = action;
    made.peers = std::move(peers);
    if (!ports.empty()) {
        made.ports.emplace();
        for (const auto& one : ports) {
            made.ports->push_back(port(one));
        }
    }
    return made;
}

Policy
network_policy(const std::string& name, const std::string& pods, Rules ingress, Rules egress) {
    Policy made;
    made.ns = name.substr(0, name.find('/'));
    made.name = name.substr(name.find('/') + 1);
    made.subject = local(made.ns, pods);
    made.ingress = std::move(ingress);
    made.egress = std::move(egress);
    return made;
}

Policy admin(
    const std::string& name,
    int priority,
    const PodSelection& subject,
    Rules ingress,
    Rules egress) {
    auto made = cluster_wide(PolicyTier::Admin, name, priority, subject);
    made.ingress = std::move(ingress);
    made.egress = std::move(egress);
    return made;
}

Policy baseline(
    const std::string& name,
    int priority,
    const PodSelection& subject,
    Rules ingress,
    Rules egress) {
    auto made = cluster_wide(PolicyTier::Baseline, name, priority, subject);
    made.ingress = std::move(ingress);
    made.egress = std::move(egress);
    return made;
}

World::World() {
    cluster.nodes["node-1"] = {"node-1", {{"zone", "east"}}, {address("172.18.0.1")}};
    cluster.nodes["node-2"] = {"node-2", {{"zone", "west"}}, {address("172.18.0.2")}};
    int ns_number = 0;
    for (const std::string ns : {"x", "y", "z"}) {
        ++ns_number;
        cluster.namespaces[ns] = {ns, {{"kubernetes.io/metadata.name", ns}, {"ns", ns}}};
        int pod_number = 0;
        for (const std::string name : {"a", "b", "c"}) {
            ++pod_number;
            const auto n = std::to_string(ns_number);
            const auto p = std::to_string(pod_number);
            cluster.pods[{ns, name}] = {
                ns,
                name,
                name == "c" ? "node-2" : "node-1",
                {{"pod", name}},
                {address("10.0." + n + "." + p), address("fd00::" + n + ":" + p)},
                false,
                served()};
        }
    }
}

void World::add(Policy policy) {
    const auto key = policy_key(policy);
    cluster.policies[key] = std::make_shared<const Policy>(std::move(policy));
}

PolicyPod& World::pod(const std::string& name) {
    const auto slash = name.find('/');
    return cluster.pods.at({name.substr(0, slash), name.substr(slash + 1)});
}

PolicyEnd World::end(const std::string& text) {
    if (text.rfind("node/", 0) == 0) {
        const auto& node = cluster.nodes.at(text.substr(5));
        return {nullptr, &node, node.ips.front()};
    }
    if (text.find('/') != std::string::npos) {
        const auto& found = pod(text);
        return {&found, nullptr, found.ips.front()};
    }
    return {nullptr, nullptr, address(text)};
}

PolicyFlow World::flow(const std::string& from, const std::string& to, const std::string& port) {
    PolicyFlow made;
    made.from = end(from);
    made.to = end(to);
    made.port = static_cast<std::uint16_t>(std::stoi(port));
    if (port.find("UDP") != std::string::npos) {
        made.protocol = Protocol::Udp;
    } else if (port.find("SCTP") != std::string::npos) {
        made.protocol = Protocol::Sctp;
    }
    if (port.size() > 2 && port.substr(port.size() - 2) == "/6") {
        for (auto* one : {&made.from, &made.to}) {
            if (one->pod != nullptr) {
                one->address = one->pod->ips.back();
            }
        }
    }
    return made;
}

PolicyVerdict World::ask(const std::string& from, const std::string& to, const std::string& port) {
    return PolicyEvaluator(cluster).evaluate(flow(from, to, port));
}

bool World::allowed(const std::string& from, const std::string& to, const std::string& port) {
    return ask(from, to, port).allowed;
}

std::string World::reach(const std::string& to, const std::string& port) {
    const PolicyEvaluator evaluator(cluster);
    std::string text;
    for (const auto& [key, one] : cluster.pods) {
        const auto name = key.first + "/" + key.second;
        if (evaluator.evaluate(flow(name, to, port)).allowed) {
            text += (text.empty() ? "" : " ") + name;
        }
    }
    return text;
}

} // namespace services::test
