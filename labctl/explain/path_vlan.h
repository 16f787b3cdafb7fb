#pragma once

#include <cstdint>
#include <optional>

#include "netemu/model/network.h"

/// How a frame goes through a bridge that keeps networks apart (IEEE 802.1Q, section 8.6), as the
/// wanted network has it. A tag of 0 is none.
namespace labctl::explain {

/// The network of a frame that comes in by a port with that tag; of a bridge that does not filter
/// the tag itself. None: it is dropped.
[[nodiscard]] std::optional<std::uint16_t>
vlan_at_port(const netemu::NamespaceSpec& ns, const netemu::LinkSpec& port, std::uint16_t tag);

/// The tag with which a frame of that network leaves by a port. None: it does not.
[[nodiscard]] std::optional<std::uint16_t>
tag_at_port(const netemu::NamespaceSpec& ns, const netemu::LinkSpec& port, std::uint16_t network);

/// Which link takes a frame with that tag that comes in by `link`, a port of no bridge: itself, or
/// its network of that number. None: nobody.
[[nodiscard]] const netemu::LinkSpec*
taker_of(const netemu::NamespaceSpec& ns, const netemu::LinkSpec& link, std::uint16_t tag);

} // namespace labctl::explain
