#include <algorithm>

#include "labctl/explain/policy_lint_rules.h"

namespace labctl::explain {

namespace {

using services::PodSelection;
using services::PolicyDirection;
using services::PolicyPort;

std::string port_words(const PolicyPort& port) {
    const auto protocol = port.protocol ? " " + std::string(services::to_text(*port.protocol)) : "";
    if (!port.name.empty()) {
        return "port name \"" + port.name + "\"" + protocol;
    }
    return port.first == port.last
               ? "port " + std::to_string(port.first) + protocol
               : "ports " + std::to_string(port.first) + "-" + std::to_string(port.last) + protocol;
}

bool is_of_number(const PolicyPort& port, const services::NamedPort& declared) {
    return port.protocol == declared.protocol && declared.number >= port.first &&
           declared.number <= port.last;
}

} // namespace

/// Only where every destination of the rule is a pod that we know.
void PolicyLinter::check_ports(const RulePlace& place) {
    if (!has_pods_ || !place.rule.ports) {
        return;
    }
    services::PodBits pods(pods_.size());
    if (place.way == PolicyDirection::Ingress) {
        pods = pods_.resolve(policy_->subject);
    } else {
        if (!place.rule.peers) {
            return;
        }
        for (const auto& peer : *place.rule.peers) {
            const auto* selection = std::get_if<PodSelection>(&peer);
            if (selection == nullptr) {
                return;
            }
            pods.add(pods_.resolve(*selection));
        }
    }
    if (!pods.members().empty()) {
        for (std::size_t i = 0; i < place.rule.ports->size(); ++i) {
            check_port(place, i, pods);
        }
    }
}

void PolicyLinter::check_port(
    const RulePlace& place, std::size_t number, const services::PodBits& pods) {
    const auto& port = (*place.rule.ports)[number];
    if (port.name.empty() && port.first == 0) {
        return; // a whole protocol
    }
    std::string other; // who has the name with another protocol
    for (const auto pod : pods.members()) {
        const auto& value = pods_.pod(pod);
        for (const auto& declared : world_.ports.at({value.ns, value.name})) {
            const bool same_name = !port.name.empty() && declared.name == port.name;
            if (port.name.empty()
                    ? is_of_number(port, declared)
                    : same_name && (!port.protocol || *port.protocol == declared.protocol)) {
                return;
            }
            if (same_name) {
                other = value.ns + "/" + value.name + " declares it as " +
                        std::to_string(declared.number) + "/" +
                        std::string(services::to_text(declared.protocol));
            }
        }
    }
    const auto* const list = policy_->kind == "ClusterNetworkPolicy" ? ".protocols[" : ".ports[";
    const auto path = place.path + list + std::to_string(number) + "]";
    if (!other.empty()) {
        say(path,
            port_words(port) + " matches nothing, because the protocol is another: " + other,
            "write the protocol that the container declares");
        return;
    }
    const auto who =
        place.way == PolicyDirection::Ingress ? "that this policy selects" : "that this rule names";
    say(path,
        "no pod " + std::string(who) + " declares " + port_words(port),
        "policies see the pod's own port, not the Service's: write the containerPort");
}

} // namespace labctl::explain
