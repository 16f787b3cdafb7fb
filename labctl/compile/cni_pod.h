#pragma once

#include <string>

#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

/// What every plugin makes of a pod and of its node, however they are wired.
namespace labctl::compile {

/// A pod's namespace with lo and eth0, without addresses and routes.
[[nodiscard]] netemu::NamespaceSpec make_pod_namespace(const PodView& pod, std::uint32_t mtu);

/// The end of the pod's veth on its node. The MAC address is that of `outer_mac`.
[[nodiscard]] netemu::LinkSpec
make_pod_port(const PodView& pod, std::string name, std::uint32_t mtu);

/// Outside of the pod network a pod has the address of its node.
[[nodiscard]] netemu::NftTable
make_masquerade(const netemu::IpPrefix& range, const std::string& profile);

} // namespace labctl::compile
