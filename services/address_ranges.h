#pragma once

#include <vector>

#include "services/policy.h"

namespace services {

/// Addresses of one family from `first` to `last`, both included.
struct AddressRange {
    IpAddress first;
    IpAddress last;
    auto operator<=>(const AddressRange&) const = default;
};

/// The addresses of the blocks of this family: the union of each block without its own excepts
/// (reference 5.2, 5.3), as disjoint ranges in order that do not touch each other. nftables refuses
/// overlapping ones in a set.
[[nodiscard]] std::vector<AddressRange>
merge_blocks(const std::vector<AddressBlock>& blocks, Family family);

} // namespace services
