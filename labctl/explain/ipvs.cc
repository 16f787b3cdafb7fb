#include "labctl/explain/ipvs.h"

#include <algorithm>
#include <iterator>

namespace labctl::explain {

namespace {

constexpr const char* kIpvsPlace = "IPVS,";

const netemu::VirtualServerInfo* server_of(
    const services::TracePacket& packet, const std::vector<netemu::VirtualServerInfo>& servers) {
    const netemu::VirtualServerKey key{
        {packet.destination, packet.destination_port}, packet.protocol};
    const auto found = std::find_if(
        servers.begin(), servers.end(), [&](const auto& each) { return each.server.key == key; });
    return found == servers.end() ? nullptr : &*found;
}

bool is_marked(const services::TraceOutcome& outcome) {
    return std::any_of(outcome.steps.begin(), outcome.steps.end(), [](const auto& step) {
        return step.chain == "KUBE-MARK-MASQ";
    });
}

std::string scheduler_text(const netemu::VirtualServer& server) {
    auto text = "scheduler " + server.scheduler;
    if (server.persistence_seconds != 0) {
        text += ", a client stays with its server for " +
                std::to_string(server.persistence_seconds) + " s";
    }
    return text;
}

/// "virtual server 10.96.0.1:80" and the like: a place that `add_ipvs_counters` finds again.
std::string server_place(const netemu::VirtualServer& server) {
    return "virtual server " + server.key.address.to_string();
}

} // namespace

std::vector<services::TraceOutcome> through_virtual_servers(
    std::vector<services::TraceOutcome> outcomes,
    const services::TracePacket& packet,
    const std::vector<netemu::VirtualServerInfo>& servers) {
    const auto* found = server_of(packet, servers);
    if (found == nullptr) {
        return outcomes;
    }
    const auto& server = found->server;
    std::vector<netemu::RealServer> open;
    std::copy_if(
        server.servers.begin(),
        server.servers.end(),
        std::back_inserter(open),
        [](const auto& real) { return real.weight != 0; });
    std::vector<services::TraceOutcome> result;
    for (auto& outcome : outcomes) {
        if (outcome.verdict != services::TraceVerdict::Accept || !outcome.delivered_here) {
            result.push_back(std::move(outcome));
            continue;
        }
        outcome.delivered_here = false;
        if (open.empty()) {
            outcome.verdict = services::TraceVerdict::Reject;
            outcome.steps.push_back(
                {"reject", kIpvsPlace, server_place(server), {}, {}, "it has no real server"});
            result.push_back(std::move(outcome));
            continue;
        }
        const bool marked = is_marked(outcome);
        for (std::size_t i = 0; i < open.size(); ++i) {
            const auto& real = open[i];
            auto taken = outcome;
            taken.probability /= static_cast<double>(open.size());
            taken.target = real.address;
            taken.masqueraded = marked || real.address.address == packet.source;
            taken.steps.push_back(
                {"real server " + std::to_string(i + 1) + " of " + std::to_string(open.size()),
                 kIpvsPlace,
                 server_place(server),
                 {},
                 scheduler_text(server),
                 real.address.to_string()});
            result.push_back(std::move(taken));
        }
    }
    return result;
}

void add_ipvs_counters(
    api::Json& step,
    const services::ExplainStep& of,
    const std::vector<netemu::VirtualServerInfo>& servers) {
    for (const auto& info : servers) {
        if (of.where != std::string(kIpvsPlace) + " " + server_place(info.server)) {
            continue;
        }
        for (const auto& real : info.servers) {
            if (real.server.address.to_string() == of.detail) {
                step["connections"] = real.connections;
                step["packets"] = real.packets;
                step["bytes"] = real.bytes;
            }
        }
    }
}

} // namespace labctl::explain
