#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netemu/base/address.h"

/// nftables as values: what a table of ours shall contain. See nft(8).
namespace netemu {

enum class NftFamily { Ip, Ip6, Inet, Bridge };
enum class NftHook { Prerouting, Input, Forward, Output, Postrouting };
enum class NftVerdict { Accept, Drop, Jump, Goto, Return };

/// Matches `ip saddr`, `ip daddr` (or ip6, by the prefix's family) against a prefix.
struct NftMatchAddress {
    enum class Field { Source, Destination };
    Field field = Field::Source;
    IpPrefix prefix;
    bool negate = false;
    bool operator==(const NftMatchAddress&) const = default;
};
/// Matches `iifname` or `oifname`, exactly.
struct NftMatchInterface {
    enum class Direction { Input, Output };
    Direction direction = Direction::Input;
    std::string name;
    bool negate = false;
    bool operator==(const NftMatchInterface&) const = default;
};
struct NftCounter {
    bool operator==(const NftCounter&) const = default;
};
struct NftMasquerade {
    bool operator==(const NftMasquerade&) const = default;
};
struct NftSetVerdict {
    NftVerdict verdict = NftVerdict::Accept;
    std::string chain; // for Jump and Goto
    bool operator==(const NftSetVerdict&) const = default;
};
using NftStatement =
    std::variant<NftMatchAddress, NftMatchInterface, NftCounter, NftMasquerade, NftSetVerdict>;

struct NftRule {
    std::vector<NftStatement> statements;
    std::string comment; // owner and purpose, at most 120 bytes; shown by `nft list`
    bool operator==(const NftRule&) const = default;
};

struct NftBase {
    std::string type = "filter"; // filter, nat, route
    NftHook hook = NftHook::Forward;
    int priority = 0;
    NftVerdict policy = NftVerdict::Accept;
    bool operator==(const NftBase&) const = default;
};

struct NftChain {
    std::string name;
    std::optional<NftBase> base; // none: a regular chain
    std::vector<NftRule> rules;
    bool operator==(const NftChain&) const = default;
};

/// A table is the unit of change: it is replaced in one transaction when anything in it differs.
struct NftTable {
    NftFamily family = NftFamily::Ip;
    std::string name;
    std::vector<NftChain> chains;
    bool operator==(const NftTable&) const = default;
};

} // namespace netemu
