#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/limits.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// A query as it lies in its packet, with the name once more in lower case for look-ups. Fixed
/// size, nothing is allocated; `packet` stays the caller's.
struct QueryView {
    Bytes packet;
    std::uint16_t id = 0;
    std::uint16_t flags = 0;
    /// Behind the question; kHeaderBytes if there is none that could be echoed.
    std::size_t question_end = limits::kHeaderBytes;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    /// The name in lower case, in wire form with the root. Only `lower_size` bytes are set.
    std::array<std::uint8_t, limits::kNameBytesMax + 1> lower;
    std::size_t lower_size = 0;
    /// Offsets into `lower` of each label's length byte; one more for the root.
    std::array<std::uint8_t, limits::kLabelsMax + 1> label_at;
    std::size_t labels = 0; // without the root
    bool edns = false;
    bool dnssec_ok = false;
    std::uint8_t edns_version = 0;
    std::uint16_t udp_size = 0; // as the client advertised it

    [[nodiscard]] unsigned opcode() const { return (flags & flag::kOpcode) >> 11U; }
    [[nodiscard]] bool has_question() const { return question_end > limits::kHeaderBytes; }
    /// The name's bytes from label `first` to the end, lower case.
    [[nodiscard]] std::string_view name_from(std::size_t first) const {
        const std::size_t at = label_at[first]; // NOLINT: first <= labels
        return {reinterpret_cast<const char*>(lower.data()) + at, lower_size - at}; // NOLINT
    }
    /// Label `index` without its length byte, lower case.
    [[nodiscard]] std::string_view label(std::size_t index) const {
        const std::size_t at = label_at[index];                                   // NOLINT
        return {reinterpret_cast<const char*>(lower.data()) + at + 1, lower[at]}; // NOLINT
    }
    /// The name in the case it was asked in.
    [[nodiscard]] Name name() const;
    /// The most that a UDP answer may hold: RFC 6891 section 6.2.3, never above our own `cap`.
    [[nodiscard]] std::size_t udp_limit(std::size_t cap) const;
};

enum class Parsed : std::uint8_t {
    Good,
    Drop, // not a query at all: no answer, or two servers could talk for ever
    Bad,  // to be answered with the rcode
};

struct ParseResult {
    Parsed state = Parsed::Good;
    Rcode rcode = Rcode::NoError;
};

/// Reads a query. FORMERR, NOTIMP and BADVERS by RFC 1035 section 4.1.1, RFC 9619 (one question),
/// RFC 6891 sections 6.1.1 and 6.1.3. Never throws, never reads outside of `packet`.
ParseResult parse_query(Bytes packet, QueryView& query);

} // namespace dns
