#include <algorithm>

#include "labctl/api/status_error.h"
#include "labctl/compile/network.h"
#include "labctl/supervisor/cni_calls.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/pod_workload.h"
#include "netemu/model/plan.h"

/// How a pod got its network: the calls of plugins, or what the lab did in their place.
namespace labctl::supervisor {

using api::Json;

namespace {

/// What is to be done for one pod when all the rest is there.
Json operations_for(const std::string& ns, const netemu::DesiredState& desired) {
    auto observed = netemu::expected_observation(desired);
    observed.namespaces.erase(ns);
    for (const auto& [name, spec] : desired.namespaces) {
        for (const auto& link : spec.links) {
            const auto* veth = std::get_if<netemu::VethSpec>(&link.kind);
            if (veth == nullptr || veth->peer_namespace != ns) {
                continue;
            }
            auto& info = observed.namespaces.at(name);
            info.links.erase(link.name);
            std::erase_if(info.routes, [&](const auto& each) { return each.link == link.name; });
            std::erase_if(
                info.neighbours, [&](const auto& each) { return each.mac == veth->peer_mac; });
        }
    }
    Json lines = Json::array();
    for (const auto& operation : netemu::make_plan(desired, observed).operations) {
        lines.push_back(netemu::describe(operation));
    }
    return lines;
}

} // namespace

Json Lab::explain_cni(const std::string& pod, const std::string& default_ns) {
    const auto slash = pod.find('/');
    const api::ObjectKey key{
        "Pod",
        slash == std::string::npos ? (default_ns.empty() ? "default" : default_ns)
                                   : pod.substr(0, slash),
        slash == std::string::npos ? pod : pod.substr(slash + 1)};
    const auto name = key.ns + "/" + key.name;
    auto calls = cni_calls_->of(name);
    const auto object = store_.get(key);
    if (!object && calls.empty()) {
        throw api::StatusError::not_found("pods", name);
    }
    Json answer{
        {"pod", name},
        {"there", object != nullptr},
        {"wiredBy", cni_ ? "plugins" : "lab"},
        {"profile", cluster_->config().cni_profile},
        {"calls", std::move(calls)}};
    if (object && cni_ == nullptr && network_namespace(*object) == pod_namespace(key)) {
        const auto desired = desired_state();
        const auto ns = pod_namespace(key);
        answer["operations"] =
            desired.namespaces.contains(ns) ? operations_for(ns, desired) : Json::array();
    }
    return answer;
}

} // namespace labctl::supervisor
