#include "labctl/supervisor/tunnel_drops.h"

#include <algorithm>

#include "labctl/compile/policies.h"

namespace labctl::supervisor {

namespace {

constexpr std::string_view kTunnelPrefix = "labctl tunnel/";

/// The rule that would have dropped it, by the policies of today; "" if none would.
std::string policy_prefix(const netemu::LoggedPacket& packet, compile::Policies& policies) {
    auto& evaluator = policies.evaluator();
    const services::PolicyFlow flow{
        evaluator.end_of(packet.source.address),
        evaluator.end_of(packet.destination.address),
        static_cast<services::Protocol>(packet.protocol),
        packet.destination.port};
    const auto verdict = evaluator.evaluate(flow);
    return verdict.ingress.allowed ? std::string()
                                   : services::PolicyTables::drop_prefix(
                                         verdict.ingress, services::PolicyDirection::Ingress);
}

} // namespace

std::optional<DroppedPacket> dropped_by_tunnel(
    const dataplane::TunnelDropped& dropped,
    const std::string& overlay,
    compile::Policies& policies) {
    auto packet = netemu::read_headers(dropped.head);
    if (!packet) {
        return std::nullopt;
    }
    packet->time = std::chrono::system_clock::now();
    if (dropped.reason == dataplane::TunnelDrop::PolicyDenied) {
        packet->prefix = policy_prefix(*packet, policies);
    }
    if (packet->prefix.empty()) {
        packet->prefix = std::string(kTunnelPrefix) + overlay + "/" + to_text(dropped.reason);
    }
    return DroppedPacket{0, dropped.node, std::move(*packet)};
}

std::optional<std::string> tunnel_drop_text(std::string_view prefix) {
    if (!prefix.starts_with(kTunnelPrefix)) {
        return std::nullopt;
    }
    prefix.remove_prefix(kTunnelPrefix.size());
    const auto slash = std::min(prefix.find('/'), prefix.size());
    const auto overlay = prefix.substr(0, slash);
    return "its " + std::string(overlay == "geneve" ? "Geneve" : "Sleeve") +
           " tunnel: " + std::string(prefix.substr(std::min(slash + 1, prefix.size())));
}

} // namespace labctl::supervisor
