#include "labctl/explain/path_cable.h"

#include "labctl/explain/path_route.h"
#include "labctl/explain/path_vlan.h"
#include "netemu/model/cable.h"

namespace labctl::explain {

using netemu::DesiredState;
using netemu::LinkSpec;

LinkPlace far_end(const DesiredState& network, const LinkPlace& near) {
    if (const auto end = netemu::cable_peer(near.link->kind)) {
        const auto peer = network.namespaces.find(end->ns);
        return {
            end->ns,
            peer == network.namespaces.end() ? nullptr : link_named(peer->second, end->link)};
    }
    for (const auto& [name, ns] : network.namespaces) {
        for (const auto& outer : ns.links) {
            const auto end = netemu::cable_peer(outer.kind);
            if (end && end->ns == near.ns && end->link == near.link->name) {
                return {name, &outer};
            }
        }
    }
    return {};
}

const LinkSpec*
port_to(const DesiredState& network, const BridgedFrame& frame, const Wanted& wanted) {
    const auto& ns = network.namespaces.at(frame.in.ns);
    const auto& in = *frame.in.link;
    const auto vlan = vlan_at_port(ns, in, frame.tag);
    if (!vlan) {
        return nullptr;
    }
    const auto& bridge = in.master.empty() ? in.name : in.master;
    for (const auto& port : ns.links) {
        if (port.master != bridge || &port == &in) {
            continue;
        }
        const auto far = far_end(network, {frame.in.ns, &port});
        const auto out = tag_at_port(ns, port, *vlan);
        if (far.link == nullptr || !out) {
            continue;
        }
        const auto& there = network.namespaces.at(far.ns);
        const bool leads =
            far.link->master.empty()
                ? taker_of(there, *far.link, *out) != nullptr && wanted(far.ns, there)
                : port_to(network, {far, *out}, wanted) != nullptr;
        if (leads) {
            return &port;
        }
    }
    return nullptr;
}

} // namespace labctl::explain
