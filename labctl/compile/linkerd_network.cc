#include "labctl/compile/linkerd_network.h"

#include <utility>

#include <netinet/in.h>

#include "mesh/sidecar/table.h"

namespace labctl::compile {

namespace {

using netemu::NftChain;
using netemu::NftMatchPort;
using netemu::NftRule;
using netemu::NftStatement;
using netemu::NftVerdict;

constexpr int kNatDestination = -100; // NF_IP_PRI_NAT_DST

NftStatement is_tcp() {
    return netemu::NftMatchProtocol{IPPROTO_TCP, false};
}

NftRule returns(NftStatement if_so, const char* comment) {
    return {{std::move(if_so), netemu::NftSetVerdict{NftVerdict::Return, ""}}, comment};
}

NftRule redirects(std::uint16_t port, const char* comment) {
    return {{is_tcp(), netemu::NftCounter{}, netemu::NftRedirect{port}}, comment};
}

void add_ignored(NftChain& chain, const std::vector<PortRange>& ranges) {
    for (const auto& [from, to] : ranges) {
        chain.rules.push_back(
            {{is_tcp(),
              NftMatchPort{NftMatchPort::Side::Destination, from, to, false},
              netemu::NftSetVerdict{NftVerdict::Return, ""}},
             "proxy-init/ignore-port"});
    }
}

NftChain jumps(const char* name, netemu::NftHook hook, const char* to, const char* comment) {
    netemu::NftBase base;
    base.type = "nat";
    base.hook = hook;
    base.priority = kNatDestination;
    return {name, base, {{{netemu::NftSetVerdict{NftVerdict::Jump, to}}, comment}}};
}

} // namespace

void add_linkerd_network(const SkippedPorts& skipped, netemu::NamespaceSpec& pod) {
    constexpr const char* kRedirect = "PROXY_INIT_REDIRECT";
    constexpr const char* kOutput = "PROXY_INIT_OUTPUT";
    NftChain redirect{kRedirect, {}, {}};
    add_ignored(redirect, skipped.inbound);
    redirect.rules.push_back(
        redirects(mesh::kLinkerdInboundPort, "proxy-init/redirect-all-incoming-to-proxy-port"));
    NftChain output{kOutput, {}, {}};
    output.rules.push_back(returns(
        netemu::NftMatchMark{0xffffffff, mesh::kLinkerdMark, false},
        "proxy-init/ignore-proxy-user-id"));
    output.rules.push_back(returns(
        netemu::NftMatchInterface{netemu::NftMatchInterface::Direction::Output, "lo", false},
        "proxy-init/ignore-loopback"));
    add_ignored(output, skipped.outbound);
    output.rules.push_back(
        redirects(mesh::kLinkerdOutboundPort, "proxy-init/redirect-all-outgoing-to-proxy-port"));
    pod.tables.push_back(
        {netemu::NftFamily::Inet,
         "proxy-init",
         {std::move(redirect),
          std::move(output),
          jumps(
              "prerouting",
              netemu::NftHook::Prerouting,
              kRedirect,
              "proxy-init/install-proxy-init-prerouting"),
          jumps(
              "output",
              netemu::NftHook::Output,
              kOutput,
              "proxy-init/install-proxy-init-output")}});
}

} // namespace labctl::compile
