#include "labctl/explain/policy_lint.h"

#include <algorithm>

#include "labctl/explain/policy_lint_rules.h"
#include "services/policy_evaluator.h"

namespace labctl::explain {

namespace {

using services::LabelRequirement;
using services::PodSelection;
using services::Policy;
using services::PolicyDirection;
using services::PolicyPod;
using services::PolicyTier;

constexpr const char* kSystem = "kube-system";
constexpr std::uint16_t kDnsPort = 53;

std::string requirement_text(const LabelRequirement& one) {
    using Operator = LabelRequirement::Operator;
    std::string values;
    for (const auto& value : one.values) {
        values += (values.empty() ? "" : ",") + value;
    }
    switch (one.op) {
    case Operator::In:
        return one.values.size() == 1 ? one.key + "=" + values : one.key + " in (" + values + ")";
    case Operator::NotIn:
        return one.values.size() == 1 ? one.key + "!=" + values
                                      : one.key + " notin (" + values + ")";
    case Operator::Exists:
        return one.key;
    case Operator::DoesNotExist:
        return "!" + one.key;
    }
    return {};
}

/// A pod that the policy selects, made up from its selector: for inputs without workloads.
PolicyPod sample_pod(const Policy& policy) {
    PolicyPod pod;
    pod.ns = policy.ns;
    pod.name = "a pod";
    pod.ips = {services::IpAddress::v4(0)};
    for (const auto& one : policy.subject.pods.requirements) {
        if (one.op == LabelRequirement::Operator::In && !one.values.empty()) {
            pod.labels.push_back({one.key, one.values.front()});
        } else if (one.op == LabelRequirement::Operator::Exists) {
            pod.labels.push_back({one.key, ""});
        }
    }
    std::sort(pod.labels.begin(), pod.labels.end());
    return pod;
}

PolicyPod sample_dns_pod() {
    PolicyPod pod;
    pod.ns = kSystem;
    pod.name = "the cluster's DNS";
    pod.labels = {{"k8s-app", "kube-dns"}};
    pod.ips = {services::IpAddress::v4(1)};
    pod.ports = {
        {"dns", services::Protocol::Udp, kDnsPort}, {"dns-tcp", services::Protocol::Tcp, kDnsPort}};
    return pod;
}

bool is_dns_pod(const PolicyPod& pod) {
    return pod.ns == kSystem &&
           std::find(
               pod.labels.begin(),
               pod.labels.end(),
               services::PolicyLabel{"k8s-app", "kube-dns"}) != pod.labels.end();
}

} // namespace

std::string selector_text(const services::LabelSelector& selector) {
    std::string text;
    for (const auto& one : selector.requirements) {
        text += (text.empty() ? "" : ",") + requirement_text(one);
    }
    return text;
}

std::string selection_text(const PodSelection& selection) {
    const auto pods = selector_text(selection.pods);
    auto text = pods.empty() ? std::string("pods") : "pods with " + pods;
    if (!selection.ns.empty()) {
        return text + " of namespace " + selection.ns;
    }
    const auto namespaces = selector_text(selection.namespaces);
    return text + (namespaces.empty() ? " of any namespace" : " of namespaces with " + namespaces);
}

PolicyLinter::PolicyLinter(const compile::PolicyWorld& world)
    : world_(world), pods_(world.cluster),
      has_pods_(
          std::any_of(world.cluster.pods.begin(), world.cluster.pods.end(), [](const auto& entry) {
              return entry.first.first != kSystem;
          })) {
}

std::vector<PolicyFinding> PolicyLinter::run() {
    for (const auto& [key, policy] : world_.cluster.policies) {
        policy_ = policy;
        check_selections();
        check_priority();
        each_rule([&](const RulePlace& place) {
            check_and_or(place);
            check_ports(place);
            check_shadowed(place);
        });
        check_dns();
    }
    return std::move(findings_);
}

void PolicyLinter::each_rule(const std::function<void(const RulePlace&)>& visit) const {
    for (const auto way : {PolicyDirection::Ingress, PolicyDirection::Egress}) {
        const auto& rules = policy_->rules(way);
        for (std::size_t i = 0; rules && i < rules->size(); ++i) {
            const auto* const list =
                way == PolicyDirection::Ingress ? "spec.ingress[" : "spec.egress[";
            visit({way, i, (*rules)[i], list + std::to_string(i) + "]"});
        }
    }
}

void PolicyLinter::say(std::string path, std::string message, std::string hint) {
    findings_.push_back({policy_, std::move(path), std::move(message), std::move(hint)});
}

bool PolicyLinter::selects_nobody(const PodSelection& selection) const {
    return has_pods_ && pods_.resolve(selection).members().empty();
}

void PolicyLinter::check_selections() {
    const bool network_policy = policy_->tier == PolicyTier::NetworkPolicy;
    if (selects_nobody(policy_->subject)) {
        say(network_policy ? "spec.podSelector" : "spec.subject",
            "selects nothing: there are no " + selection_text(policy_->subject),
            "compare the selector with `labctl get pods -A -o wide` or the labels in the "
            "manifests");
    }
    each_rule([&](const RulePlace& place) {
        const auto* const field = place.way == PolicyDirection::Ingress ? ".from" : ".to";
        const auto peers = place.rule.peers.value_or(std::vector<services::PolicyPeer>{});
        for (std::size_t i = 0; i < peers.size(); ++i) {
            const auto* pods = std::get_if<PodSelection>(&peers[i]);
            if (pods != nullptr && selects_nobody(*pods)) {
                say(place.path + field + (network_policy ? "[" + std::to_string(i) + "]" : ""),
                    "this peer matches nothing: there are no " + selection_text(*pods),
                    pods->ns.empty()
                        ? "check the labels of both the namespaces and the pods"
                        : "a podSelector alone means pods of the policy's own namespace; add a "
                          "namespaceSelector for others");
            }
        }
    });
}

/// 3.8. Two items where one was meant let in every pod of the namespaces.
void PolicyLinter::check_and_or(const RulePlace& place) {
    if (policy_->tier != PolicyTier::NetworkPolicy || !place.rule.peers) {
        return;
    }
    const auto* const field = place.way == PolicyDirection::Ingress ? ".from[" : ".to[";
    for (std::size_t i = 0; i + 1 < place.rule.peers->size(); ++i) {
        const auto* first = std::get_if<PodSelection>(&(*place.rule.peers)[i]);
        const auto* second = std::get_if<PodSelection>(&(*place.rule.peers)[i + 1]);
        if (first != nullptr && second != nullptr && first->ns.empty() &&
            first->pods.requirements.empty() && !second->ns.empty() &&
            !second->pods.requirements.empty()) {
            say(place.path + field + std::to_string(i + 1) + "]",
                "this podSelector is a peer of its own, so the rule matches all " +
                    selection_text(*first) + " or " + selection_text(*second),
                "to match only pods that satisfy both, take away the dash before podSelector");
        }
    }
}

/// A pod that may go somewhere, but not ask for the name of it.
void PolicyLinter::check_dns() {
    const auto& rules = policy_->egress;
    const bool restricts = policy_->tier == PolicyTier::NetworkPolicy && rules && !rules->empty();
    if (!restricts) {
        return;
    }
    auto cluster = world_.cluster;
    const auto subject = pods_.resolve(policy_->subject).members();
    const PolicyPod* from = nullptr;
    if (!subject.empty()) {
        from = &cluster.pods.at({pods_.pod(subject.front()).ns, pods_.pod(subject.front()).name});
    } else {
        const auto pod = sample_pod(*policy_);
        from = &(cluster.pods[{pod.ns, pod.name}] = pod);
    }
    const auto dns = std::find_if(cluster.pods.begin(), cluster.pods.end(), [](const auto& entry) {
        return is_dns_pod(entry.second);
    });
    const PolicyPod* to = nullptr;
    if (dns != cluster.pods.end()) {
        to = &dns->second;
    } else {
        const auto pod = sample_dns_pod();
        to = &(cluster.pods[{pod.ns, pod.name}] = pod);
        cluster.namespaces[kSystem] = {kSystem, {{"kubernetes.io/metadata.name", kSystem}}};
    }
    const services::PolicyEvaluator evaluator(cluster);
    const auto opinion = evaluator
                             .evaluate(
                                 {{from, nullptr, from->ips.front()},
                                  {to, nullptr, to->ips.front()},
                                  services::Protocol::Udp,
                                  kDnsPort})
                             .egress;
    if (!opinion.allowed && opinion.reason == services::PolicyReason::Isolated) {
        say("spec.egress",
            "its pods may not reach the cluster's DNS (UDP 53 in kube-system), so no name in these "
            "rules can be looked up",
            "add an egress rule to namespaceSelector kubernetes.io/metadata.name=kube-system with "
            "ports 53/UDP and 53/TCP");
    }
}

std::vector<PolicyFinding> lint_policies(const compile::PolicyWorld& world) {
    return PolicyLinter(world).run();
}

} // namespace labctl::explain
