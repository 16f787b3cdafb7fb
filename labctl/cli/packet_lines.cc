#include "labctl/cli/packet_lines.h"

#include <array>
#include <cstdio>
#include <ctime>

#include <netinet/in.h>

namespace labctl::cli {

using nlohmann::json;

namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::string clock_text(std::uint64_t time_ns) {
    const auto seconds = static_cast<std::time_t>(time_ns / kNsPerSecond);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 32> text{};
    const auto size = std::strftime(text.data(), text.size(), "%H:%M:%S", &local);
    std::array<char, 16> fraction{};
    constexpr std::uint64_t kMicro = 1000;
    std::snprintf(
        fraction.data(),
        fraction.size(),
        ".%06u",
        static_cast<unsigned>(time_ns % kNsPerSecond / kMicro));
    return std::string(text.data(), size) + fraction.data();
}

std::string utc_text(std::uint64_t time_ns) {
    const auto seconds = static_cast<std::time_t>(time_ns / kNsPerSecond);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 32> text{};
    const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    std::array<char, 16> fraction{};
    std::snprintf(
        fraction.data(), fraction.size(), ".%09uZ", static_cast<unsigned>(time_ns % kNsPerSecond));
    return std::string(text.data(), size) + fraction.data();
}

const char* direction_text(const netemu::CapturedPacket& packet) {
    return packet.direction == netemu::PacketDirection::In ? "in " : "out";
}

std::string name_of(const AddressNames& names, const netemu::IpAddress& address) {
    const auto found = names.find(address.to_string());
    return found == names.end() ? std::string() : found->second;
}

/// "default/client > svc/default/web", of the innermost level that has an address with a name.
std::string ends_text(const std::vector<netemu::PacketLevel>& levels, const AddressNames& names) {
    for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
        if (!level->ip) {
            continue;
        }
        const auto source = name_of(names, level->ip->source);
        const auto destination = name_of(names, level->ip->destination);
        if (!source.empty() || !destination.empty()) {
            return (source.empty() ? "?" : source) + " > " +
                   (destination.empty() ? "?" : destination);
        }
    }
    return {};
}

json ip_json(const netemu::PacketLevel& level, const AddressNames& names) {
    const auto& ip = *level.ip;
    json entry{
        {"source", ip.source.to_string()},
        {"destination", ip.destination.to_string()},
        {"hops", ip.hops},
        {"protocol", netemu::ip_protocol_name(ip.protocol)}};
    if (const auto name = name_of(names, ip.source); !name.empty()) {
        entry["sourceName"] = name;
    }
    if (const auto name = name_of(names, ip.destination); !name.empty()) {
        entry["destinationName"] = name;
    }
    if (ip.fragment) {
        entry["fragment"] = true;
    }
    if (level.transport) {
        entry["sourcePort"] = level.transport->source;
        entry["destinationPort"] = level.transport->destination;
        if (ip.protocol == IPPROTO_TCP) {
            entry["tcpFlags"] = level.transport->tcp_flags;
            entry["sequence"] = level.transport->sequence;
            entry["acknowledgement"] = level.transport->acknowledgement;
        }
    }
    if (level.icmp) {
        entry["icmpType"] = level.icmp->type;
        entry["icmpCode"] = level.icmp->code;
    }
    return entry;
}

json level_json(const netemu::PacketLevel& level, const AddressNames& names) {
    json entry = json::object();
    if (level.ether_type != 0) {
        entry["sourceMAC"] = level.source_mac.to_string();
        entry["destinationMAC"] = level.destination_mac.to_string();
        entry["etherType"] = level.ether_type;
    }
    if (level.vlan) {
        entry["vlan"] = *level.vlan;
    }
    if (level.arp) {
        entry["arp"] = {
            {"operation", level.arp->operation},
            {"sender", level.arp->sender.to_string()},
            {"senderMAC", level.arp->sender_mac.to_string()},
            {"target", level.arp->target.to_string()}};
    }
    if (level.ip) {
        entry["ip"] = ip_json(level, names);
    }
    if (level.tunnel.empty()) {
        entry["payloadBytes"] = level.payload_size;
    } else {
        entry["tunnel"] = level.tunnel;
        if (level.peers) {
            entry["peers"] = {level.peers->first.to_string(), level.peers->second.to_string()};
        } else if (level.tunnel != "IPIP") {
            entry["vni"] = level.tunnel_id;
        }
        if (level.identity) {
            entry["identity"] = *level.identity;
        }
    }
    return entry;
}

} // namespace

std::string packet_line(
    const netemu::CapturedPacket& packet,
    const netemu::CapturePlace& place,
    const std::vector<netemu::PacketLevel>& levels,
    std::size_t place_width,
    const AddressNames* names) {
    auto name = place.name;
    name.resize(std::max(name.size(), place_width), ' ');
    auto line = clock_text(packet.time_ns) + "  " + name + "  " + direction_text(packet) + "  " +
                netemu::packet_summary(levels);
    if (names != nullptr) {
        const auto ends = ends_text(levels, *names);
        line += ends.empty() ? "" : "  [" + ends + "]";
    }
    return line + "\n";
}

json packet_json(
    const netemu::CapturedPacket& packet,
    const netemu::CapturePlace& place,
    const std::vector<netemu::PacketLevel>& levels,
    const AddressNames& names) {
    json list = json::array();
    for (const auto& level : levels) {
        list.push_back(level_json(level, names));
    }
    return {
        {"time", utc_text(packet.time_ns)},
        {"place", place.name},
        {"direction", packet.direction == netemu::PacketDirection::In ? "in" : "out"},
        {"size", packet.size},
        {"summary", netemu::packet_summary(levels)},
        {"levels", std::move(list)}};
}

} // namespace labctl::cli
