#include "services/address_ranges.h"

#include <algorithm>
#include <array>
#include <optional>

namespace services {
namespace {

/// The address below; nullopt below the first one.
std::optional<IpAddress> address_below(const IpAddress& address) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(address.bytes(), address.size(), bytes.begin());
    for (std::size_t i = address.size(); i-- > 0;) {
        if (bytes.at(i)-- != 0) {
            return IpAddress::from_bytes(address.family(), bytes.data());
        }
    }
    return std::nullopt;
}

/// The address above; nullopt above the last one.
std::optional<IpAddress> address_above(const IpAddress& address) {
    const auto next = address.plus(1);
    return next < address ? std::nullopt : std::optional(next);
}

AddressRange range_of(const IpPrefix& prefix) {
    return {prefix.network().address, prefix.last()};
}

/// Sorted and merged where they overlap or touch.
std::vector<AddressRange> merge_ranges(std::vector<AddressRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<AddressRange> merged;
    for (const auto& range : ranges) {
        const auto behind = merged.empty() ? std::nullopt : address_above(merged.back().last);
        if (!merged.empty() && (!behind || range.first <= *behind)) {
            merged.back().last = std::max(merged.back().last, range.last);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

/// What is left of the block.
std::vector<AddressRange> without_excepts(const AddressBlock& block) {
    std::vector<AddressRange> holes;
    for (const auto& except : block.except) {
        if (except.address.family() == block.cidr.address.family()) {
            holes.push_back(range_of(except));
        }
    }
    std::vector<AddressRange> left;
    auto rest = std::optional(range_of(block.cidr));
    for (const auto& hole : merge_ranges(std::move(holes))) {
        if (!rest || hole.last < rest->first || hole.first > rest->last) {
            continue;
        }
        if (hole.first > rest->first) {
            left.push_back({rest->first, *address_below(hole.first)});
        }
        const auto behind = address_above(hole.last);
        if (!behind || *behind > rest->last) {
            rest.reset();
        } else {
            rest->first = *behind;
        }
    }
    if (rest) {
        left.push_back(*rest);
    }
    return left;
}

} // namespace

std::vector<AddressRange> merge_blocks(const std::vector<AddressBlock>& blocks, Family family) {
    std::vector<AddressRange> all;
    for (const auto& block : blocks) {
        if (block.cidr.address.family() == family) {
            const auto left = without_excepts(block);
            all.insert(all.end(), left.begin(), left.end());
        }
    }
    return merge_ranges(std::move(all));
}

} // namespace services
