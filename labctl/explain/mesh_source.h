#pragma once

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "netemu/model/network.h"

/// Whom a pod sees as its client. Internal to this folder.
namespace labctl::explain {

/// On the way of one branch of an Explanation, towards an address of that family. Where rules
/// masquerade, and for what a node itself sends, it is the address of the device by which the node
/// sends it (explain_ways tells which; else the node's own), in all other cases that of FROM.
[[nodiscard]] netemu::IpAddress explain_client(
    const api::Json& explanation,
    const api::Json& branch,
    netemu::Family family,
    const store::Store& store,
    const netemu::DesiredState& network);

} // namespace labctl::explain
