#include "labctl/supervisor/drop_naming.h"

#include "labctl/compile/policies.h"
#include "labctl/supervisor/drop_story.h"
#include "labctl/supervisor/tunnel_drops.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

using services::Policy;
using services::PolicyDirection;
using services::PolicyDropSource;

/// "networkpolicy/prod/deny-all", "adminnetworkpolicy/cluster-control".
std::string owner_of(const Policy& policy) {
    return netemu::to_lower(policy.kind) + "/" + (policy.ns.empty() ? "" : policy.ns + "/") +
           policy.name;
}

/// "NetworkPolicy prod/deny-all (manifests/p.yaml:12)".
std::string place_of(const Policy& policy) {
    return policy.label() + (policy.source.empty() ? "" : " (" + policy.source + ")");
}

/// "prod/other (app=other)".
std::string with_labels(const std::string& who, const services::PolicyPod* pod) {
    if (pod == nullptr) {
        return who;
    }
    for (const auto& [key, value] : pod->labels) {
        if (key == "app" || key == "app.kubernetes.io/name") {
            return who + " (" + key + "=" + value + ")";
        }
    }
    return who;
}

std::string isolated_text(
    const PolicyDropSource& source, const std::string& other, const std::string& service) {
    auto text = place_of(*source.policies.front());
    if (const auto more = source.policies.size() - 1; more > 0) {
        text += " and " + std::to_string(more) + " more NetworkPolic" + (more == 1 ? "y" : "ies");
    }
    return text + ": no rule allows " +
           (source.way == PolicyDirection::Ingress ? "" : "it to reach ") + other + " on " +
           service;
}

} // namespace

void name_drop(
    compile::Policies& policies,
    const std::function<std::string(const netemu::IpAddress&)>& who,
    const DroppedPacket& dropped,
    probe::Drop& drop) {
    const auto& packet = dropped.packet;
    if (auto text = tunnel_drop_text(packet.prefix)) {
        drop.direction = "ingress";
        drop.text = std::move(*text);
        return;
    }
    const auto source = policies.tables().drop_source(packet.prefix);
    if (!source) {
        return;
    }
    const bool ingress = source->way == PolicyDirection::Ingress;
    drop.direction = ingress ? "ingress" : "egress";
    for (const auto& policy : source->policies) {
        drop.policies.push_back(owner_of(*policy));
    }
    drop.by = drop.policies.empty() ? std::string() : drop.policies.front();
    const auto address = ingress ? packet.source.address : packet.destination.address;
    const auto end = policies.evaluator().end_of(address);
    const auto other = with_labels(who(address), end.pod);
    switch (source->kind) {
    case PolicyDropSource::Kind::Spoofed:
        drop.text = "the rule against spoofing: " + packet.source.address.to_string() +
                    " is not the pod's own address";
        break;
    case PolicyDropSource::Kind::Invalid:
        drop.text = "the rule against packets of no known connection";
        break;
    case PolicyDropSource::Kind::Rule:
        drop.rule = source->rule + 1;
        drop.text = place_of(*source->policies.front()) + ": its " + drop.direction + " rule " +
                    std::to_string(*drop.rule) + " denies " + (ingress ? "" : "what goes to ") +
                    other + " on " + service_text(packet);
        break;
    case PolicyDropSource::Kind::Isolated:
        drop.text = isolated_text(*source, other, service_text(packet));
        break;
    }
}

} // namespace labctl::supervisor
