#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/nft_set.h"

/// nftables as values: what a table of ours shall contain. See nft(8).
///
/// A table has its own chains and sets (base chains, dispatch maps), and parts. A part is what one
/// owner (a Service, a policy) contributes: immutable, shared between the tables of all nodes that
/// have the same, and the unit that nft_diff compares by pointer first. Rules for a large table:
/// keep parts that did not change (the same pointer), make new ones for what changed.
///
/// What a change costs in the kernel: see nft_change.h.
namespace netemu {

enum class NftFamily : std::uint8_t { Ip, Ip6, Inet, Bridge };
enum class NftHook : std::uint8_t { Prerouting, Input, Forward, Output, Postrouting };

// --- matches

/// Matches `ip saddr`, `ip daddr` (or ip6, by the prefix's family) against a prefix.
struct NftMatchAddress {
    enum class Field : std::uint8_t { Source, Destination };
    Field field = Field::Source;
    IpPrefix prefix;
    bool negate = false;
    bool operator==(const NftMatchAddress&) const = default;
};
/// The same against a literal set: `ip saddr != { 10.0.0.0/8, 192.0.2.1 }`. Prefixes of one family,
/// at least one; overlaps do no harm. An anonymous set: costs more than a named one.
struct NftMatchAddresses {
    NftMatchAddress::Field field = NftMatchAddress::Field::Source;
    bool negate = false;
    std::vector<IpPrefix> prefixes;
    bool operator==(const NftMatchAddresses&) const = default;
};
/// Matches `iifname` or `oifname`: exactly, or, of a name that ends in `*`, all that begin so.
struct NftMatchInterface {
    enum class Direction : std::uint8_t { Input, Output };
    Direction direction = Direction::Input;
    std::string name;
    bool negate = false;
    bool operator==(const NftMatchInterface&) const = default;
};
/// `ip saddr @set`, `ip daddr . meta l4proto . th dport @set`, or with `!=`.
struct NftMatchSet {
    NftKey key;
    std::string set;
    bool negate = false;
    bool operator==(const NftMatchSet&) const = default;
};
/// `meta l4proto tcp`: IPPROTO_*.
struct NftMatchProtocol {
    std::uint8_t protocol = 0;
    bool negate = false;
    bool operator==(const NftMatchProtocol&) const = default;
};
/// `th dport 80` or `th sport 80-90`. Match the protocol first: without it any protocol's first
/// four bytes are looked at.
struct NftMatchPort {
    enum class Side : std::uint8_t { Source, Destination };
    Side side = Side::Destination;
    std::uint16_t first = 0;
    std::uint16_t last = 0; // the same as `first` for one port
    bool negate = false;
    bool operator==(const NftMatchPort&) const = default;
};
/// `meta mark and MASK == VALUE`, or `!=`.
struct NftMatchMark {
    std::uint32_t mask = 0xffffffff;
    std::uint32_t value = 0;
    bool negate = false;
    bool operator==(const NftMatchMark&) const = default;
};
/// `ct state established,related`: any of the states, bits of NftCtState.
struct NftMatchCtState {
    std::uint32_t states = 0;
    bool operator==(const NftMatchCtState&) const = default;
};
namespace nft_ct_state {
inline constexpr std::uint32_t kInvalid = 1;
inline constexpr std::uint32_t kEstablished = 2;
inline constexpr std::uint32_t kRelated = 4;
inline constexpr std::uint32_t kNew = 8;
} // namespace nft_ct_state
/// `fib daddr type local` or `fib saddr type local`: an address of this namespace. In prerouting,
/// input and output.
struct NftMatchLocal {
    bool negate = false;
    NftMatchAddress::Field field = NftMatchAddress::Field::Destination;
    bool operator==(const NftMatchLocal&) const = default;
};
/// `ether type 0x0806` (bridge): a number of linux/if_ether.h in host byte order.
struct NftMatchEtherType {
    std::uint16_t type = 0;
    bool negate = false;
    bool operator==(const NftMatchEtherType&) const = default;
};

/// `icmp type echo-request` or, of a range, `icmpv6 type 133-137`. Checks the protocol too.
struct NftMatchIcmp {
    Family family = Family::V4; // V6: ICMPv6
    std::uint8_t first = 0;
    std::uint8_t last = 0; // the same as `first` for one type
    bool operator==(const NftMatchIcmp&) const = default;
};

// --- statements that do something and go on

struct NftCounter {
    bool operator==(const NftCounter&) const = default;
};
/// `log prefix "..."`, to the kernel's log; with a group `log prefix "..." group 100 snaplen 128`,
/// to who listens to that group of nfnetlink_log (NFLOG) in this network namespace.
struct NftLog {
    std::string prefix;                   // at most 64 bytes; may be empty
    std::optional<std::uint16_t> group{}; // none: the kernel's log
    std::uint32_t snaplen = 0;            // with a group: bytes of the packet; 0: all of them
    bool operator==(const NftLog&) const = default;
};
/// `meta nftrace set 1`.
struct NftTrace {
    bool operator==(const NftTrace&) const = default;
};
/// `notrack`: connection tracking leaves the packet alone, and so do NAT and `ct state`. In chains
/// of prerouting and output at the priority -300 (raw), which is before tracking.
struct NftNotrack {
    bool operator==(const NftNotrack&) const = default;
};
/// `meta mark set V`, `meta mark set meta mark or V`, `... and V`, `... xor V`.
struct NftSetMark {
    enum class How : std::uint8_t { Set, Or, And, Xor };
    How how = How::Or;
    std::uint32_t value = 0;
    bool operator==(const NftSetMark&) const = default;
};
/// `update @set { ip saddr }` or with `timeout 3600s`: adds the element or starts its clock again.
/// The set must be `dynamic` and have a timeout.
struct NftUpdateSet {
    std::string set;
    NftKey key;
    std::uint32_t timeout_seconds = 0; // 0: that of the set
    bool operator==(const NftUpdateSet&) const = default;
};
/// `meta pkttype set host` (bridge prerouting): the frame is for us, whatever its address.
struct NftSetPacketTypeHost {
    bool operator==(const NftSetPacketTypeHost&) const = default;
};
/// `ether daddr set MAC` (bridge).
struct NftSetEtherDestination {
    MacAddress mac;
    bool operator==(const NftSetEtherDestination&) const = default;
};

// --- statements that end a rule

/// `dnat to ADDRESS:PORT` (port 0: as it was).
struct NftDnat {
    IpAddress address;
    std::uint16_t port = 0;
    bool operator==(const NftDnat&) const = default;
};
/// `dnat ip addr . port to KEY map @map`, with map data {Ipv4 or Ipv6, Port}. `modulus` is the N of
/// NftField::Random. A packet whose key is not in the map goes on to the next rule.
struct NftDnatMap {
    NftKey key;
    std::uint32_t modulus = 0;
    std::string map;
    bool operator==(const NftDnatMap&) const = default;
};
/// `masquerade` or `masquerade fully-random`.
struct NftMasquerade {
    bool fully_random = false;
    bool operator==(const NftMasquerade&) const = default;
};
/// `redirect to :PORT`: to this namespace itself.
struct NftRedirect {
    std::uint16_t port = 0;
    bool operator==(const NftRedirect&) const = default;
};
/// `reject`: ICMP (or ICMPv6) port unreachable; as `tcp_reset`, a RST (match TCP first).
struct NftReject {
    bool tcp_reset = false;
    bool operator==(const NftReject&) const = default;
};
struct NftSetVerdict {
    NftVerdict verdict = NftVerdict::Accept;
    std::string chain; // for Jump and Goto
    bool operator==(const NftSetVerdict&) const = default;
};
/// `KEY vmap @map`: `ip daddr . meta l4proto . th dport vmap @service-ips`, or
/// `numgen random mod 3 vmap @map` with key {Random} and modulus 3. A packet whose key is not in
/// the map goes on.
struct NftVerdictMap {
    NftKey key;
    std::uint32_t modulus = 0;
    std::string map;
    bool operator==(const NftVerdictMap&) const = default;
};
/// `numgen random mod N vmap { 0 : goto A, 1 : goto B }`, N being the number of chains. An
/// anonymous map. One chain is written as a plain `goto`.
struct NftRandomGoto {
    std::vector<std::string> chains;
    bool operator==(const NftRandomGoto&) const = default;
};

using NftStatement = std::variant<
    NftMatchAddress,
    NftMatchAddresses,
    NftMatchInterface,
    NftMatchSet,
    NftMatchProtocol,
    NftMatchPort,
    NftMatchMark,
    NftMatchCtState,
    NftMatchLocal,
    NftMatchEtherType,
    NftMatchIcmp,
    NftCounter,
    NftLog,
    NftTrace,
    NftNotrack,
    NftSetMark,
    NftUpdateSet,
    NftSetPacketTypeHost,
    NftSetEtherDestination,
    NftDnat,
    NftDnatMap,
    NftMasquerade,
    NftRedirect,
    NftReject,
    NftSetVerdict,
    NftVerdictMap,
    NftRandomGoto>;

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
    std::string name;            // at most 127 bytes
    std::optional<NftBase> base; // none: a regular chain
    std::vector<NftRule> rules;
    bool operator==(const NftChain&) const = default;
};

/// What one owner contributes to a table. Names of chains and sets are unique in the table, and a
/// key of a set belongs to one part (or to the set's own list) only.
struct NftContents {
    std::vector<NftSet> sets{};          // with their elements
    std::vector<NftElements> elements{}; // of sets that the table declares
    std::vector<NftChain> chains{};
    bool operator==(const NftContents&) const = default;
};

/// How much a table holds. `elements` without those of sets that are dynamic or have a
/// timeout.
struct NftCounts {
    std::size_t chains = 0;
    std::size_t rules = 0;
    std::size_t sets = 0;
    std::size_t elements = 0;
    NftCounts& operator+=(const NftCounts& more);
    NftCounts& operator-=(const NftCounts& less);
    bool operator==(const NftCounts&) const = default;
};

/// A part of a table: NftContents that never change again, with what is computed once.
class NftPart {
public:
    explicit NftPart(NftContents contents);
    [[nodiscard]] const NftContents& contents() const { return contents_; }
    [[nodiscard]] std::uint64_t digest() const { return digest_; }
    [[nodiscard]] const NftCounts& counts() const { return counts_; }
    bool operator==(const NftPart& other) const;

private:
    NftContents contents_;
    std::uint64_t digest_;
    NftCounts counts_;
};
using NftPartPtr = std::shared_ptr<const NftPart>;
/// A part for a table.
inline NftPartPtr make_nft_part(NftContents contents) {
    return std::make_shared<const NftPart>(std::move(contents));
}

/// The parts of a table, none of them null, in an order without meaning. What they hold together is
/// kept as they come and go, so that asking for it costs nothing, however many there are.
class NftParts {
public:
    NftParts() = default;
    explicit NftParts(std::vector<NftPartPtr> parts);

    void push_back(NftPartPtr part);
    void replace(std::size_t at, NftPartPtr part);
    /// The last one takes the place of the one that is taken out.
    void take_out(std::size_t at);

    [[nodiscard]] std::size_t size() const { return parts_.size(); }
    [[nodiscard]] bool empty() const { return parts_.empty(); }
    [[nodiscard]] const NftPartPtr& at(std::size_t at) const { return parts_.at(at); }
    [[nodiscard]] auto begin() const { return parts_.begin(); }
    [[nodiscard]] auto end() const { return parts_.end(); }
    [[nodiscard]] auto rbegin() const { return parts_.rbegin(); }
    /// The sum of their digests: the same in any order.
    [[nodiscard]] std::uint64_t digest() const { return digest_; }
    [[nodiscard]] const NftCounts& counts() const { return counts_; }

private:
    void count_in(const NftPart& part);
    void count_out(const NftPart& part);

    std::vector<NftPartPtr> parts_;
    std::uint64_t digest_ = 0;
    NftCounts counts_;
};

/// A table. Copies are cheap where the bulk is in parts.
struct NftTable {
    NftFamily family = NftFamily::Ip;
    std::string name;
    std::vector<NftChain> chains;
    std::vector<NftSet> sets{};
    NftParts parts{};
    bool operator==(const NftTable& other) const;
};

NftCounts nft_counts(const NftTable& table);

/// What tells one state of a table from another: `digest` of all that it contains (hexadecimal, 16
/// characters, stable across runs), and how much that is. Costs the table's own chains and sets,
/// however many parts there are.
struct NftIdentity {
    std::string digest;
    NftCounts counts;
    bool operator==(const NftIdentity&) const = default;
};
NftIdentity nft_identity(const NftTable& table);

} // namespace netemu
