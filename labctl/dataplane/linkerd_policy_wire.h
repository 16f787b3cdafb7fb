#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/linkerd/inbound_server.h"

namespace labctl::dataplane {

/// What governs the ports of Linkerd's pods as one text, for the channel between supervisor and
/// child.
[[nodiscard]] std::string
encode_inbound_servers(std::span<const mesh::linkerd::InboundServer> servers);
/// Throws netemu::Error if it makes no sense.
[[nodiscard]] std::vector<mesh::linkerd::InboundServer>
decode_inbound_servers(std::string_view bytes);

} // namespace labctl::dataplane
