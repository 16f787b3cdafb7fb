#include "labctl/compile/sidecar_network.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <netinet/in.h>

#include "mesh/sidecar/table.h"

namespace labctl::compile {

namespace {

using netemu::IpPrefix;
using netemu::NftChain;
using netemu::NftRule;
using netemu::NftStatement;
using netemu::NftVerdict;
using Address = netemu::NftMatchAddress;
using Interface = netemu::NftMatchInterface;

constexpr int kDestinationNat = -100; // NF_IP_PRI_NAT_DST
constexpr std::uint16_t kHbonePort = 15008;
/// Merged metrics, readiness and Envoy's metrics: of the sidecar itself. Readiness is not served
/// here.
constexpr std::array<std::uint16_t, 3> kExcludedPorts{15090, 15021, 15020};

NftStatement to_port(std::uint16_t port, bool negate = false) {
    return netemu::NftMatchPort{netemu::NftMatchPort::Side::Destination, port, port, negate};
}

NftStatement verdict(NftVerdict what, const char* chain = "") {
    return netemu::NftSetVerdict{what, chain};
}

NftStatement sidecars_own(bool negate) {
    return netemu::NftMatchMark{0xffffffff, mesh::kSidecarMark, negate};
}

NftStatement over_loopback() {
    return Interface{Interface::Direction::Output, "lo", false};
}

NftStatement tcp() {
    return netemu::NftMatchProtocol{IPPROTO_TCP, false};
}

IpPrefix host(const char* address) {
    return IpPrefix::host(netemu::IpAddress::parse(address).value());
}

NftChain redirect(const char* name, std::uint16_t port) {
    return {name, {}, {{{tcp(), netemu::NftCounter{}, netemu::NftRedirect{port}}, ""}}};
}

NftChain inbound() {
    NftChain chain{"istio-inbound", {}, {}};
    chain.rules.push_back({{tcp(), to_port(kHbonePort), verdict(NftVerdict::Return)}, "HBONE"});
    for (const auto port : kExcludedPorts) {
        chain.rules.push_back(
            {{tcp(), to_port(port), verdict(NftVerdict::Return)}, "the sidecar's own port"});
    }
    chain.rules.push_back(
        {{tcp(), verdict(NftVerdict::Jump, "istio-in-redirect")},
         "what comes to the pod goes to its sidecar"});
    return chain;
}

/// `passthrough`: where the sidecar speaks to the application from.
void add_loopback_rules(NftChain& chain, const char* passthrough, const char* loopback) {
    chain.rules.push_back(
        {{over_loopback(),
          Address{Address::Field::Source, host(passthrough), false},
          verdict(NftVerdict::Return)},
         "the sidecar to its application"});
    chain.rules.push_back(
        {{over_loopback(),
          tcp(),
          Address{Address::Field::Destination, host(loopback), true},
          to_port(kHbonePort, true),
          sidecars_own(false),
          verdict(NftVerdict::Jump, "istio-in-redirect")},
         "a pod that calls its own Service comes in by the front door"});
}

NftChain outbound(bool v4, bool v6) {
    NftChain chain{"istio-output", {}, {}};
    if (v4) {
        add_loopback_rules(chain, "127.0.0.6", "127.0.0.1");
    }
    if (v6) {
        add_loopback_rules(chain, "::6", "::1");
    }
    chain.rules.push_back(
        {{over_loopback(), sidecars_own(true), verdict(NftVerdict::Return)},
         "the application to itself"});
    chain.rules.push_back(
        {{sidecars_own(false), verdict(NftVerdict::Return)}, "the sidecar's own connections"});
    for (const auto* loopback : {"127.0.0.1", "::1"}) {
        if (std::string_view(loopback) == "::1" ? v6 : v4) {
            chain.rules.push_back(
                {{Address{Address::Field::Destination, host(loopback), false},
                  verdict(NftVerdict::Return)},
                 ""});
        }
    }
    chain.rules.push_back(
        {{tcp(), verdict(NftVerdict::Jump, "istio-redirect")},
         "what the application begins goes to its sidecar"});
    return chain;
}

NftChain base(const char* name, netemu::NftHook hook, NftRule rule) {
    netemu::NftBase at;
    at.type = "nat";
    at.hook = hook;
    at.priority = kDestinationNat;
    return {name, at, {std::move(rule)}};
}

} // namespace

void add_sidecar_network(
    const std::vector<netemu::IpAddress>& addresses, netemu::NamespaceSpec& pod) {
    const auto of_family = [&addresses](bool v4) {
        return std::any_of(addresses.begin(), addresses.end(), [v4](const auto& address) {
            return address.is_v4() == v4;
        });
    };
    const bool v6 = of_family(false);
    pod.tables.push_back(
        {netemu::NftFamily::Inet,
         "istio-proxy-nat",
         {redirect("istio-redirect", mesh::kSidecarOutboundPort),
          redirect("istio-in-redirect", mesh::kSidecarInboundPort),
          inbound(),
          outbound(of_family(true), v6),
          base(
              "prerouting",
              netemu::NftHook::Prerouting,
              {{tcp(), verdict(NftVerdict::Jump, "istio-inbound")}, ""}),
          base(
              "output",
              netemu::NftHook::Output,
              {{verdict(NftVerdict::Jump, "istio-output")}, ""})}});
    if (v6) { // 127.0.0.6 is there by itself
        pod.links.front().addresses.push_back(host("::6"));
    }
}

} // namespace labctl::compile
