#pragma once

#include <string>
#include <string_view>

#include "mesh/sidecar/table.h"

namespace labctl::dataplane {

/// What sidecars go by, as the supervisor sends it to the child, in pieces.
[[nodiscard]] std::string encode_sidecar_table(const mesh::SidecarTable& table);

/// Throws netemu::Error for bytes that are no table.
[[nodiscard]] mesh::SidecarTable decode_sidecar_table(std::string_view bytes);

} // namespace labctl::dataplane
