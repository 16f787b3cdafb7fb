#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_profile.h"

namespace labctl::compile {

/// flannel: its plugin hands over to the bridge plugin (cni0); its daemon makes flannel.1 with VNI
/// 1 on the port that Linux had before RFC 7348 (flannel, Documentation/backends.md). There is
/// nothing in it that enforces a NetworkPolicy.
const CniProfile kFlannelProfile{
    .name = "flannel",
    .bridge = "cni0",
    .ports = "veth*",
    .tunnel = "flannel.1",
    .vni = 1,
    .port = 8472,
    .enforces_policies = false,
    .always_checks_sources = false,
    .add = add_bridge_wiring,
    .wireguard = "flannel-wg",
    .wireguard_annotation = "flannel.alpha.coreos.com/backend-data",
};

} // namespace labctl::compile
