#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// Endpoints and EndpointSlices as the proxy reads them. Source: kubernetes/api discovery/v1
/// types.go. Defaults are those of a consumer: nil ready and serving are true, nil terminating is
/// false.
namespace services {

using netemu::Family;
using netemu::IpAddress;
using netemu::IpPrefix;

/// The value is the IANA protocol number.
enum class Protocol : std::uint8_t { Tcp = 6, Udp = 17, Sctp = 132 };

[[nodiscard]] constexpr std::uint8_t protocol_number(Protocol protocol) {
    return static_cast<std::uint8_t>(protocol);
}
/// As the API writes it: "TCP", "UDP", "SCTP".
[[nodiscard]] std::string_view to_text(Protocol protocol);
/// As nft(8), iptables(8) and chain names write it: "tcp", "udp", "sctp".
[[nodiscard]] std::string_view lower_text(Protocol protocol);
/// Exactly the text of the API; "" is TCP, the API's default; anything else is nullopt.
[[nodiscard]] std::optional<Protocol> parse_protocol(std::string_view text);

/// Where a controller would like an endpoint to be used (2.11); empty lists: no hint.
struct EndpointHints {
    std::vector<std::string> zones;
    std::vector<std::string> nodes;
    bool operator==(const EndpointHints&) const = default;
};

/// One endpoint of a slice. Only the first address of an endpoint is ever used (kube-proxy
/// endpointslicecache.go), so there is one.
struct Endpoint {
    IpAddress address;
    bool ready = true;
    bool serving = true;
    bool terminating = false;
    std::string node; // empty: unknown, and then never local
    std::string zone; // empty: unknown
    std::string hostname;
    std::string pod_namespace; // of the targetRef, if that is a pod; else both are empty
    std::string pod_name;
    EndpointHints hints;
    bool operator==(const Endpoint&) const = default;
};

/// A port of a slice. `port` absent means "all ports" in the API; the proxy skips it, as it skips
/// 0.
struct SlicePort {
    std::string name; // "" for an unnamed port
    Protocol protocol = Protocol::Tcp;
    std::optional<std::uint16_t> port;
    std::string app_protocol;
    bool operator==(const SlicePort&) const = default;
};

/// The endpoints of one Service that share a family and a list of resolved ports. Slices of
/// `addressType: FQDN` have no such value: nobody reads them.
struct EndpointSlice {
    std::string name_space;
    std::string name;
    std::string service; // the label kubernetes.io/service-name
    Family family = Family::V4;
    std::vector<SlicePort> ports;
    std::vector<Endpoint> endpoints;
    bool operator==(const EndpointSlice&) const = default;
};

} // namespace services
