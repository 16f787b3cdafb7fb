#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_profile.h"

namespace labctl::compile {

/// Weave Net: the bridge `weave`, and on it a veth of each pod (weave, net/bridge.go and
/// net/veth.go). Its fast datapath is VXLAN between all pairs of nodes, by one device of Open
/// vSwitch on UDP 6784 with a network number for each direction of each pair (router/fastdp.go);
/// its older way is Sleeve, by which the daemon encapsulates itself what it takes off the end
/// `vethwe-pcap` of a veth pair (router/sleeve.go). Pods have an MTU of 1376 bytes whatever the
/// underlay's is: 1460, the least of the clouds', without the headers of VXLAN and 34 bytes of
/// ESP (net/bridge.go; WEAVE_MTU).
const CniProfile kWeaveProfile{
    .name = "weave",
    .bridge = "weave",
    .ports = "vethwepl*",
    .tunnel = "vxlan-6784",
    .vni = 0,
    .port = 6784,
    .enforces_policies = true, // weave-npc, both directions
    .always_checks_sources = false,
    .add = add_bridge_wiring,
    .sleeve = "vethwe-pcap",
    .peer_networks = true,
    .mtu_max = 1376,
};

} // namespace labctl::compile
