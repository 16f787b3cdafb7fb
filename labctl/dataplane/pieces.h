#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace labctl::dataplane {

/// Of what does not fit into one message, each piece but the last is so large.
inline constexpr std::size_t kPieceBytes = 64U << 10U;

/// Hands it on in pieces that each fit into a message.
inline void
in_pieces(std::string_view whole, const std::function<void(std::string_view piece)>& send) {
    while (!whole.empty()) {
        const auto piece = whole.substr(0, kPieceBytes);
        whole.remove_prefix(piece.size());
        send(piece);
    }
}

} // namespace labctl::dataplane
