#include "netemu/kernel/wireguard_keys.h"

#include <algorithm>
#include <cstring>

#include "netemu/base/error.h"

namespace netemu {

WireguardKeys::~WireguardKeys() {
    for (auto& [public_key, private_key] : keys_) {
        ::explicit_bzero(private_key.data(), private_key.size());
    }
}

void WireguardKeys::keep(const WireguardKey& public_key, Bytes private_key) {
    std::copy(private_key.begin(), private_key.end(), keys_[public_key].begin());
}

WireguardKeys::Bytes WireguardKeys::private_of(const WireguardKey& public_key) const {
    const auto found = keys_.find(public_key);
    if (found == keys_.end()) {
        throw Error("nobody has the private key of " + to_text(public_key));
    }
    return found->second;
}

} // namespace netemu
