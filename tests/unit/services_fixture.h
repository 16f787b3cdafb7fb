#pragma once

#include <string>
#include <vector>

#include "netemu/model/nft.h"
#include "services/proxy_input.h"
#include "services/tracer.h"

/// Services and slices in few words, for the tests of the room.
namespace services::test {

IpAddress ip(const char* text);
IpPrefix range(const char* text);

/// A slice of Service "NS/NAME" whose family is that of its first endpoint, with one port.
EndpointSlice
slice(const std::string& service, const SlicePort& port, std::vector<Endpoint> endpoints);

Endpoint ready(const char* address, const std::string& node = "", const std::string& zone = "");
Endpoint terminating(const char* address, const std::string& node = "");
Endpoint unready(const char* address, const std::string& node = "");
Endpoint with_hints(Endpoint endpoint, EndpointHints hints);

/// "p80", TCP, 80, and the node port.
ServicePort p80(std::uint16_t node_port = 0);
/// A Service "NS/NAME" with one port p80.
Service service(const std::string& name, const char* cluster_ip, std::uint16_t node_port = 0);

/// The input of the only port of `service`.
ServicePortInputPtr
input(const Service& service, const std::vector<EndpointSlice>& slices, Family family = Family::V4);
std::vector<ServicePortInputPtr> inputs(
    const Service& service, const std::vector<EndpointSlice>& slices, Family family = Family::V4);

/// Node "n1" at 192.168.0.2 and 2001:db8::1 in zone "z1"; pods are 10.0.0.0/8 and fd00:10::/64,
/// services 172.30.0.0/16 and fd00:20::/64: the addresses of kube-proxy's own tests.
ProxyNode node(const std::string& name = "n1");
ProxyConfig config();

/// The six Services of kube-proxy's TestOverall…Rules, in its order.
std::vector<ServicePortInputPtr> overall();

/// The readable nftables table of `node()` for these ports.
netemu::NftTable
nft_table(const std::vector<ServicePortInputPtr>& ports, Family family = Family::V4);

/// Who sends, where to, and what shall become of it, in the words of kube-proxy's tests: endpoints
/// in the order of the choices "10.0.1.1:80, 10.0.1.2:80", "DROP", "REJECT" or "".
struct Flow {
    const char* name;
    const char* source;
    const char* destination;
    std::uint16_t port;
    const char* output;
    bool masqueraded = false;
    Protocol protocol = Protocol::Tcp;
};
/// Sources that are the node's own addresses send from the node; the others' packets are received.
void check_flows(const netemu::NftTable& table, const std::vector<Flow>& flows);

/// Compares with tests/unit/golden/NAME; what was got is left in the build directory.
void check_golden(const std::string& name, const std::string& text);

} // namespace services::test
