#pragma once

#include <cstdint>
#include <vector>

#include "services/policy.h"

/// Addresses and ranges as two words each, so that whether a range has an address is a few
/// instructions. For the evaluator, which asks millions of times.
namespace services {

struct AddressWords {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool v6 = false;
};
[[nodiscard]] AddressWords address_words(const IpAddress& address);

/// A range, ready to be compared with.
class RangeWords {
public:
    explicit RangeWords(const IpPrefix& range);
    [[nodiscard]] bool has(const AddressWords& address) const {
        return address.v6 == base_.v6 && ((address.high ^ base_.high) & mask_high_) == 0 &&
               ((address.low ^ base_.low) & mask_low_) == 0;
    }

private:
    AddressWords base_;
    std::uint64_t mask_high_ = 0;
    std::uint64_t mask_low_ = 0;
};

/// A block without its excepts (reference 5.2).
class BlockWords {
public:
    explicit BlockWords(const AddressBlock& block);
    [[nodiscard]] bool has(const AddressWords& address) const;

private:
    RangeWords cidr_;
    std::vector<RangeWords> except_;
};

} // namespace services
