#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

/// Encryption between nodes: what pods send to other nodes goes by a WireGuard device of their
/// node, without any other overlay, as with flannel's backend "wireguard" and Calico's encryption
/// between nodes.
namespace labctl::compile {

struct ClusterConfig;
struct CniProfile;

/// `encryption: wireguard` of spec.cni. Throws netemu::UsageError where the profile has it not, and
/// with an overlay beside it.
[[nodiscard]] bool read_encryption(const api::Json& spec, const CniProfile& profile);

/// The node's public key. Before the lab is up there are none: then the node's name stands in its
/// place.
[[nodiscard]] netemu::WireguardKey
wireguard_key(const ClusterConfig& config, const std::string& node);

/// The node's device: every other node is a peer at its address on the underlay, with its ranges of
/// pods. `node` is one of cluster.nodes.
[[nodiscard]] netemu::WireguardSpec
wireguard_device(const ClusterView& cluster, const NodeView& node);

/// Shows the key where the plugin does: in an annotation of the Node. Takes off what is left of a
/// lab that had another one.
void annotate_key(const ClusterConfig& config, api::Object& node);

} // namespace labctl::compile
