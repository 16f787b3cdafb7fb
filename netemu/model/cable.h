#pragma once

#include <optional>
#include <string>

#include "netemu/model/network.h"

/// Cables: links that have two ends, whoever carries what passes.
namespace netemu {

/// Where the other end of a cable is.
struct CableEnd {
    const std::string& ns;
    const std::string& link;
};

/// The other end, of the end that stands for the whole cable: a VethSpec, or the first end of a
/// TapSpec. Nothing for every other link. The names stay the link's own.
[[nodiscard]] std::optional<CableEnd> cable_peer(const LinkKind& kind);

/// What a TUN or TAP device is like, of the kinds that are one.
[[nodiscard]] std::optional<TunSpec> tun_of(const LinkKind& kind);

} // namespace netemu
