#include "netemu/model/cable.h"

namespace netemu {

std::optional<CableEnd> cable_peer(const LinkKind& kind) {
    if (const auto* veth = std::get_if<VethSpec>(&kind)) {
        return CableEnd{veth->peer_namespace, veth->peer_name};
    }
    const auto* tap = std::get_if<TapSpec>(&kind);
    if (tap != nullptr && tap->first) {
        return CableEnd{tap->peer_namespace, tap->peer_name};
    }
    return std::nullopt;
}

std::optional<TunSpec> tun_of(const LinkKind& kind) {
    if (const auto* tun = std::get_if<TunSpec>(&kind)) {
        return *tun;
    }
    if (std::holds_alternative<TapSpec>(kind)) {
        return TunSpec{true, true};
    }
    return std::nullopt;
}

} // namespace netemu
