#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/supervisor/bird_control.h"
#include "netemu/base/address.h"

/// What BIRD says of its sessions and routes (`show protocols all`, `show route all` of BIRD 2.0),
/// as values. Times are seconds since 1970, as our configuration asks for them.
namespace labctl::supervisor {

struct BirdSession {
    std::string protocol; // "Mesh_172_18_0_3"
    std::string peer;     // its description: the name of the other speaker
    std::string address;  // of the neighbour
    std::uint32_t as_number = 0;
    std::uint32_t local_as = 0;
    std::string state; // of RFC 4271, section 8.2.2: "Established", "Active", ...; or "Down"
    std::int64_t since = 0;
    std::uint64_t received = 0; // prefixes that it has from there
    std::uint64_t sent = 0;
    std::string error; // the last one, in BIRD's words
};

struct BirdRoute {
    netemu::IpPrefix destination;
    std::string type;     // "unicast", "blackhole"
    std::string protocol; // that brought it
    bool best = false;
    std::int64_t since = 0;
    std::vector<std::string> gateways; // one for each way
    std::string interface;             // of the last of them
    std::string as_path;
    std::string next_hop;
    std::string origin; // "BGP", "static"
};

struct BirdView {
    std::vector<BirdSession> sessions; // protocols of the kind BGP
    std::vector<BirdRoute> routes;     // of all tables
};

/// What cannot be read is left out.
BirdView read_bird(const std::vector<BirdLine>& lines);

} // namespace labctl::supervisor
