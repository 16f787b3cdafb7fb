#include "netemu/model/wireguard.h"

#include <algorithm>

#include "netemu/base/base64.h"

namespace netemu {

namespace {

constexpr std::size_t kKeyTextBytes = 44; // 32 bytes are 43 digits and a sign that pads

} // namespace

std::string to_text(const WireguardKey& key) {
    return encode_base64(
        {reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()}); // NOLINT
}

std::optional<WireguardKey> parse_wireguard_key(std::string_view text) {
    const auto bytes = text.size() == kKeyTextBytes ? decode_base64(text) : std::nullopt;
    if (!bytes || bytes->size() != WireguardKey::kBytes) {
        return std::nullopt;
    }
    WireguardKey key;
    std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
    return key;
}

bool same_peer(const WireguardPeer& there, const WireguardPeer& wanted, bool roams) {
    return there.key == wanted.key && there.allowed == wanted.allowed &&
           (roams || there.endpoint == wanted.endpoint);
}

} // namespace netemu
