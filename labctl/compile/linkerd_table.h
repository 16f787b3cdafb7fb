#pragma once

#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "mesh/sidecar/table.h"

namespace labctl::compile {

struct ClusterConfig;

/// What the objects of a lab make of Linkerd's proxies, without identities and bundles. Internal to
/// this folder.
[[nodiscard]] mesh::SidecarTable make_linkerd_table(
    const store::Store& store, const SliceNames& slices, const ClusterConfig& config);

} // namespace labctl::compile
