#pragma once

#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/network.h"

namespace labctl::compile {

/// What leads the connections of a pod to its sidecar: Istio's table of nftables, with its names
/// (istio/istio tools/istio-nftables/pkg/capture/run.go; reference 5.2), and a mark where Istio has
/// the user ID of the sidecar's process. Only TCP.
void add_sidecar_network(
    const std::vector<netemu::IpAddress>& addresses, netemu::NamespaceSpec& pod);

} // namespace labctl::compile
