#include "services/address_match.h"

#include <algorithm>

namespace services {

namespace {

constexpr unsigned kWordBits = 64;

/// The first `bits` bits set; all of them for more than 64.
std::uint64_t leading_ones(unsigned bits) {
    return bits == 0 ? 0 : bits >= kWordBits ? UINT64_MAX : UINT64_MAX << (kWordBits - bits);
}

} // namespace

AddressWords address_words(const IpAddress& address) {
    AddressWords words;
    words.v6 = address.is_v6();
    const auto* bytes = address.bytes();
    for (std::size_t i = 0; i < 8; ++i) { // of an IPv4 address the rest is zero
        words.high = words.high << 8U | bytes[i];
        words.low = words.low << 8U | bytes[i + 8];
    }
    return words;
}

RangeWords::RangeWords(const IpPrefix& range)
    : base_(address_words(range.address)), mask_high_(leading_ones(range.length)),
      mask_low_(range.length > kWordBits ? leading_ones(range.length - kWordBits) : 0) {
}

BlockWords::BlockWords(const AddressBlock& block) : cidr_(block.cidr) {
    for (const auto& range : block.except) {
        except_.emplace_back(range);
    }
}

bool BlockWords::has(const AddressWords& address) const {
    return cidr_.has(address) &&
           std::none_of(except_.begin(), except_.end(), [&](const RangeWords& except) {
               return except.has(address);
           });
}

} // namespace services
