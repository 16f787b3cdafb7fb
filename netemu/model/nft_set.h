#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// Named sets and maps of nftables as values. See nft(8), sections SETS and MAPS.
namespace netemu {

enum class NftVerdict : std::uint8_t { Accept, Drop, Jump, Goto, Return, Continue };

/// What one part of a key, or of a map's data, is: ipv4_addr, ipv6_addr, inet_proto, inet_service,
/// mark, ifname, ether_addr, and the number that numgen gives. A set with a Number is declared with
/// `typeof`: nft 1.0.6 aborts when it lists a concatenation with a plain integer.
enum class NftType : std::uint8_t {
    None,
    Ipv4,
    Ipv6,
    Protocol,
    Port,
    Mark,
    Interface,
    Mac,
    Number
};

/// What one part of a lookup is taken from: `ip saddr`, `ip daddr` (`ip6` in a table of family
/// ip6), `ip6 saddr`, `ip6 daddr`, `meta l4proto`, `th sport`, `th dport`, `meta mark`, `iifname`,
/// `oifname`, `ether saddr`, `ether daddr`, `arp saddr ip` (bridge), and `numgen random mod N` with
/// the N of the statement.
enum class NftField : std::uint8_t {
    None,
    Source,
    Destination,
    Source6,
    Destination6,
    Protocol,
    SourcePort,
    DestinationPort,
    Mark,
    InputInterface,
    OutputInterface,
    SourceMac,
    DestinationMac,
    ArpSource,
    Random,
};

/// Up to five parts, that nft(8) writes with dots between them. `Part` has a member None.
template <class Part>
class NftConcatenation {
public:
    static constexpr std::size_t kPartsMax = 5;

    constexpr NftConcatenation() = default;
    /// Parts beyond the fifth are dropped; encoding and printing cannot see them.
    constexpr NftConcatenation(std::initializer_list<Part> parts) {
        std::copy_n(parts.begin(), std::min(parts.size(), kPartsMax), parts_.begin());
    }
    [[nodiscard]] constexpr const Part* begin() const { return parts_.data(); }
    [[nodiscard]] constexpr const Part* end() const { return parts_.data() + size(); }
    [[nodiscard]] constexpr bool empty() const { return size() == 0; }
    [[nodiscard]] constexpr std::size_t size() const {
        std::size_t count = 0;
        while (count < kPartsMax && parts_[count] != Part::None) {
            ++count;
        }
        return count;
    }
    bool operator==(const NftConcatenation&) const = default;

private:
    std::array<Part, kPartsMax> parts_{};
};

using NftKeyType = NftConcatenation<NftType>; // ipv4_addr . inet_proto . inet_service
using NftKey = NftConcatenation<NftField>;    // ip daddr . meta l4proto . th dport

/// The bytes of a key or of data as nftables keeps them: each part in network byte order (a mark
/// and a number in the host's), padded with zeros to a multiple of 4 bytes. Chain the members in
/// the order of the set's type:
///
///     NftBytes().address(ip).protocol(IPPROTO_TCP).port(80).str()
///
/// Three parts with an IPv4 address are 12 bytes and need no memory of their own.
class NftBytes {
public:
    NftBytes& address(const IpAddress& value);
    NftBytes& protocol(std::uint8_t value);
    NftBytes& port(std::uint16_t value);
    NftBytes& mark(std::uint32_t value);
    NftBytes& number(std::uint32_t value);
    NftBytes& interface(std::string_view name); // an exact name, 16 bytes
    NftBytes& mac(const MacAddress& value);
    [[nodiscard]] const std::string& str() const { return bytes_; }

private:
    NftBytes& add(const void* bytes, std::size_t size);
    std::string bytes_;
};

/// Bytes of one value of a type, without the padding.
std::size_t nft_bytes(NftType type);
/// Bytes of a key or of data of these parts, with the padding.
std::size_t nft_padded_bytes(const NftKeyType& type);
/// A key or data as text: "10.96.0.10 . tcp . 53". Throws Error when `bytes` do not fit `type`.
std::string to_text(const NftKeyType& type, std::string_view bytes);
/// "ipv4_addr . inet_proto . inet_service".
std::string to_text(const NftKeyType& type);

/// One element. Of a plain set only the key counts; of a verdict map the verdict and the chain; of
/// a map of data the data.
struct NftElement {
    std::string key;   // NftBytes, padded; of a range the first key and behind it the last one
    std::string value; // chain of a Jump or Goto, or data (NftBytes)
    std::string comment;
    NftVerdict verdict = NftVerdict::Accept;
    bool range = false; // only in sets with `interval`
    bool operator==(const NftElement&) const = default;
};

/// An element of a set.
NftElement nft_member(const NftBytes& key, std::string comment = {});
/// An element of a set with `interval`: all addresses of a prefix.
NftElement nft_member(const IpPrefix& prefix, std::string comment = {});
/// An element of a verdict map: `key : goto chain`, `key : drop`.
NftElement nft_verdict(
    const NftBytes& key, NftVerdict verdict, std::string chain = {}, std::string comment = {});
/// An element of a map of data: `key : data`.
NftElement nft_data(const NftBytes& key, const NftBytes& data, std::string comment = {});

/// A named set (no data, no verdicts), map, or verdict map.
struct NftSet {
    std::string name;
    NftKeyType key;
    NftKeyType data{};     // of a map of data
    bool verdicts = false; // a verdict map
    bool interval = false; // elements may be ranges; they must not overlap
    bool dynamic = false;  // rules add elements (NftUpdateSet); those are never drift
    /// Elements vanish after this many seconds; 0: they stay. Elements of such sets are not drift.
    std::uint32_t timeout_seconds = 0;
    std::uint32_t size = 0; // at most so many elements; 0: no limit. Dynamic sets should have one.
    std::string comment{};  // at most 120 bytes
    std::vector<NftElement> elements{};
    bool operator==(const NftSet&) const = default;
};

/// Elements of a set that is declared elsewhere in the same table.
struct NftElements {
    std::string set;
    std::vector<NftElement> elements;
    bool operator==(const NftElements&) const = default;
};

} // namespace netemu
