#include "labctl/supervisor/drop_story.h"

#include <array>
#include <ctime>

#include <netinet/in.h>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"

namespace labctl::supervisor {

using api::Json;

namespace {

/// RFC 3339, with milliseconds.
std::string time_text(std::chrono::system_clock::time_point time) {
    using std::chrono::milliseconds;
    const auto since = std::chrono::duration_cast<milliseconds>(time.time_since_epoch());
    const std::time_t seconds = since.count() / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const auto rest = std::to_string(1000 + since.count() % 1000); // keeps the zeros
    return std::string(text.data()) + "." + rest.substr(1) + "Z";
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
    case IPPROTO_TCP:
        return "TCP";
    case IPPROTO_UDP:
        return "UDP";
    case IPPROTO_SCTP:
        return "SCTP";
    case IPPROTO_ICMP:
        return "ICMP";
    case IPPROTO_ICMPV6:
        return "ICMPv6";
    default:
        return "protocol " + std::to_string(protocol);
    }
}

std::string end_text(const netemu::Endpoint& end) {
    return end.port == 0 ? end.address.to_string() : end.to_string();
}

} // namespace

std::string service_text(const netemu::LoggedPacket& packet) {
    auto text = protocol_text(packet.protocol);
    if (packet.destination.port != 0) {
        return text + " " + std::to_string(packet.destination.port);
    }
    const bool v4 = packet.protocol == IPPROTO_ICMP;
    if (v4 || packet.protocol == IPPROTO_ICMPV6) {
        const bool echo = packet.icmp_type == (v4 ? 8 : 128);
        text += echo ? " echo request" : " type " + std::to_string(packet.icmp_type);
    }
    return text;
}

DropStory::DropStory(store::Store& store, const compile::ClusterConfig& config)
    : store_(store), config_(config), watch_(store.watch([this](const store::Event& event) {
          const auto kind = event.object->kind();
          stale_ = stale_ || kind == "Pod" || kind == "Node";
      })) {
}

DropStory::~DropStory() {
    store_.unwatch(watch_);
}

/// Nodes last: pods on the host's network have the addresses of theirs.
void DropStory::learn_addresses() {
    owners_.clear();
    for (const auto& pod : store_.list("Pod")) {
        const Owner owner{
            pod->ns() + "/" + pod->name(), api::string_at(pod->body, "spec.nodeName")};
        for (const auto& entry : api::at(pod->body, "status.podIPs")) {
            if (const auto address = netemu::IpAddress::parse(api::string_at(entry, "ip"))) {
                owners_.insert_or_assign(*address, owner);
            }
        }
    }
    for (const auto& node : compile::view_nodes(store_, config_)) {
        for (const auto& address : compile::node_addresses(node, compile::cni_profile(config_))) {
            owners_.insert_or_assign(address, Owner{"node/" + node.name, node.name});
        }
    }
    for (const auto& prefix : compile::external_addresses(config_)) {
        owners_.insert_or_assign(prefix.address, Owner{"external", {}});
    }
    stale_ = false;
}

const DropStory::Owner* DropStory::owner(const netemu::IpAddress& address) {
    if (stale_) {
        learn_addresses();
    }
    const auto found = owners_.find(address);
    return found == owners_.end() ? nullptr : &found->second;
}

std::string DropStory::who(const netemu::IpAddress& address) {
    const auto* const found = owner(address);
    return found == nullptr ? address.to_string() : found->name;
}

std::string DropStory::node_of(const netemu::IpAddress& address) {
    const auto* const found = owner(address);
    return found == nullptr ? std::string() : found->node;
}

probe::Drop DropStory::drop_of(const DroppedPacket& dropped) {
    probe::Drop drop;
    drop.node = dropped.node;
    drop.prefix = dropped.packet.prefix;
    drop.destination = end_text(dropped.packet.destination);
    if (naming_) {
        naming_(dropped, drop);
    }
    const auto decider = drop.text.empty() ? drop.prefix.empty()
                                                 ? std::string("a rule of no policy")
                                                 : "the rule that logs '" + drop.prefix + "'"
                                           : drop.text;
    drop.text = "dropped on " + drop.node + " by " + decider;
    return drop;
}

Json DropStory::to_json(const DroppedPacket& dropped) {
    const auto& packet = dropped.packet;
    const auto drop = drop_of(dropped);
    return {
        {"time", time_text(packet.time)},
        {"node", dropped.node},
        {"from", who(packet.source.address)},
        {"to", who(packet.destination.address)},
        {"source", end_text(packet.source)},
        {"destination", end_text(packet.destination)},
        {"inLink", packet.in_link},
        {"outLink", packet.out_link},
        {"service", service_text(packet)},
        {"drop", probe::to_json(drop)}};
}

} // namespace labctl::supervisor
