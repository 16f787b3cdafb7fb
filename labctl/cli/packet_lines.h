#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "netemu/model/packet.h"

/// Packets as text: a line for people, an object for programs.
namespace labctl::cli {

/// Whose address is whose: {"10.244.1.2": "default/web-1"}.
using AddressNames = std::map<std::string, std::string>;

/// "12:00:01.123456  node/node-1:eth0  out  172.18.0.2 > 172.18.0.3 VXLAN 1 | ...", in local time.
/// `place_width` pads the place. With `names` the two ends of the innermost packet follow in
/// brackets.
std::string packet_line(
    const netemu::CapturedPacket& packet,
    const netemu::CapturePlace& place,
    const std::vector<netemu::PacketLevel>& levels,
    std::size_t place_width,
    const AddressNames* names);

/// The same as an object: time (RFC 3339, UTC), place, direction, size, summary, levels.
nlohmann::json packet_json(
    const netemu::CapturedPacket& packet,
    const netemu::CapturePlace& place,
    const std::vector<netemu::PacketLevel>& levels,
    const AddressNames& names);

} // namespace labctl::cli
