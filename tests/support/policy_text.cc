#include "tests/support/random_policies.h"

namespace services::test {

namespace {

std::string labels_text(const PolicyLabels& labels) {
    std::string text = "{";
    for (const auto& label : labels) {
        text += (text.size() == 1 ? "" : ", ") + label.key + "=" + label.value;
    }
    return text + "}";
}

std::string selector_text(const LabelSelector& selector) {
    std::string text = "[";
    for (const auto& one : selector.requirements) {
        using Operator = LabelRequirement::Operator;
        text += text.size() == 1 ? "" : ", ";
        text += one.op == Operator::DoesNotExist ? "!" + one.key : one.key;
        if (one.op == Operator::In || one.op == Operator::NotIn) {
            text += one.op == Operator::In ? " in (" : " notin (";
            for (const auto& value : one.values) {
                text += "'" + value + "' ";
            }
            text += ")";
        }
    }
    return text + "]";
}

std::string pods_text(const PodSelection& pods) {
    return (pods.ns.empty() ? "namespaces " + selector_text(pods.namespaces) : "in " + pods.ns) +
           " pods " + selector_text(pods.pods);
}

std::string peer_text(const PolicyPeer& peer) {
    if (const auto* pods = std::get_if<PodSelection>(&peer)) {
        return pods_text(*pods);
    }
    if (const auto* block = std::get_if<AddressBlock>(&peer)) {
        auto text = block->cidr.to_string();
        for (const auto& except : block->except) {
            text += " except " + except.to_string();
        }
        return text;
    }
    return "nodes " + selector_text(std::get<NodeSelection>(peer).nodes);
}

std::string port_text(const PolicyPort& port) {
    const auto protocol = port.protocol ? std::string(to_text(*port.protocol)) : "*";
    return port.name.empty()
               ? std::to_string(port.first) + "-" + std::to_string(port.last) + "/" + protocol
               : port.name + "/" + protocol;
}

std::string rules_text(const char* way, const std::optional<std::vector<PolicyRule>>& rules) {
    if (!rules) {
        return {};
    }
    std::string text = std::string("  ") + way + (rules->empty() ? ": none\n" : ":\n");
    for (const auto& rule : *rules) {
        text += rule.action == PolicyAction::Allow  ? "    allow"
                : rule.action == PolicyAction::Deny ? "    deny"
                                                    : "    pass";
        if (rule.peers) {
            text += " peers (";
            for (const auto& peer : *rule.peers) {
                text += peer_text(peer) + "; ";
            }
            text += ")";
        }
        if (rule.ports) {
            text += " ports (";
            for (const auto& port : *rule.ports) {
                text += port_text(port) + "; ";
            }
            text += ")";
        }
        text += "\n";
    }
    return text;
}

std::string end_text(const PolicyEnd& end) {
    if (end.pod != nullptr) {
        return "pod " + end.pod->ns + "/" + end.pod->name + " (" + end.address.to_string() + ")";
    }
    return (end.node != nullptr ? "node " + end.node->name + " (" : "(") + end.address.to_string() +
           ")";
}

} // namespace

std::string to_text(const PolicyCluster& cluster) {
    std::string text;
    for (const auto& [name, node] : cluster.nodes) {
        text += "node " + name + " " + labels_text(node.labels) + "\n";
    }
    for (const auto& [name, ns] : cluster.namespaces) {
        text += "namespace " + name + " " + labels_text(ns.labels) + "\n";
    }
    for (const auto& [key, pod] : cluster.pods) {
        text += "pod " + pod.ns + "/" + pod.name + " on " + pod.node + " " +
                labels_text(pod.labels) + (pod.host_network ? " hostNetwork" : "");
        for (const auto& port : pod.ports) {
            text += " " + port.name + "=" + std::to_string(port.number) + "/" +
                    std::string(to_text(port.protocol));
        }
        text += "\n";
    }
    for (const auto& [key, policy] : cluster.policies) {
        text += policy->label() + " priority " + std::to_string(policy->priority) +
                (policy->tier == PolicyTier::Baseline ? " baseline" : "") + " subject " +
                pods_text(policy->subject) + "\n" + rules_text("ingress", policy->ingress) +
                rules_text("egress", policy->egress);
    }
    return text;
}

std::string to_text(const PolicyFlow& flow) {
    return end_text(flow.from) + " -> " + end_text(flow.to) + " " +
           std::string(to_text(flow.protocol)) + " " + std::to_string(flow.port);
}

} // namespace services::test
