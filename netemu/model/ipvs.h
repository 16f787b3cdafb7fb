#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "netemu/base/address.h"

/// Virtual servers of the kernel's IPVS as values. See ipvsadm(8).
namespace netemu {

/// What tells one virtual server of a network namespace from another.
struct VirtualServerKey {
    Endpoint address;
    std::uint8_t protocol = 0; // IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
    auto operator<=>(const VirtualServerKey&) const = default;

    /// As ipvsadm(8) takes it: "-t 10.96.0.1:443".
    [[nodiscard]] std::string to_string() const;
};

/// One that serves; packets are sent to it by destination NAT ("masquerading" in ipvsadm's words).
struct RealServer {
    Endpoint address;
    std::uint32_t weight = 1; // 0: no new connections
    auto operator<=>(const RealServer&) const = default;
};

struct VirtualServer {
    VirtualServerKey key;
    std::string scheduler = "rr";          // "rr", "lc", "sh", ... at most 15 bytes
    std::uint32_t persistence_seconds = 0; // a client stays with its server so long; 0: it does not
    std::vector<RealServer> servers{};     // sorted, each address once
    auto operator<=>(const VirtualServer&) const = default;
};

/// How much a real server has to do and had.
struct RealServerInfo {
    RealServer server;
    std::uint32_t active = 0;      // connections that are established
    std::uint32_t inactive = 0;    // others that are not forgotten
    std::uint64_t connections = 0; // so many were sent to it
    std::uint64_t packets = 0;     // towards it
    std::uint64_t bytes = 0;
};

/// A virtual server that is there, with its counters.
struct VirtualServerInfo {
    VirtualServer server; // its list of real servers is sorted, as the next one is
    std::vector<RealServerInfo> servers;
};

} // namespace netemu
