#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_profile.h"

namespace labctl::compile {

/// The CNI bridge plugin with a VXLAN backend of our own: bridge cni0, device vxlan1, VNI 1.
const CniProfile kBridgeProfile{
    .name = "bridge",
    .bridge = "cni0",
    .ports = "veth*",
    .tunnel = "vxlan1",
    .vni = 1,
    .port = 4789, // RFC 7348
    .enforces_policies = true,
    .always_checks_sources = false,
    .add = add_bridge_wiring,
    .geneve = "geneve1",
    .wireguard = "wg0",
    .wireguard_annotation = "labctl.dev/wireguard-public-key",
};

} // namespace labctl::compile
