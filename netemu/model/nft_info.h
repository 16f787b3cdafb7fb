#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netemu/model/nft_set.h"

/// What is read back from nftables for people: values that change with every packet.
namespace netemu {

struct NftRuleInfo {
    std::string chain;
    std::uint64_t handle = 0; // the number that nft(8) shows with -a, unique in the table
    std::string comment;
    bool counts = false; // it has a counter
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};

struct NftElementInfo {
    /// Key and value as NftBytes makes them; of an interval set one element for each range.
    NftElement element;
    std::optional<std::uint64_t> expires_ms; // milliseconds left; none: it stays
};

} // namespace netemu
