#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.h"
#include "dns/origin.h"
#include "dns/query.h"
#include "dns/types.h"

namespace dns {

/// A resource record. Names inside `rdata` are uncompressed; types that are unknown here are opaque
/// (RFC 3597).
struct Record {
    Name owner;
    std::uint16_t type = 0;
    std::uint16_t klass = static_cast<std::uint16_t>(Class::In);
    std::uint32_t ttl = 0;
    std::string rdata;

    [[nodiscard]] bool is(Type wanted) const { return type == static_cast<std::uint16_t>(wanted); }
    bool operator==(const Record&) const = default;
};

struct Question {
    Name name;
    std::uint16_t type = 0;
    std::uint16_t klass = static_cast<std::uint16_t>(Class::In);
    bool operator==(const Question&) const = default;
};

struct Edns {
    std::uint16_t udp_size = 0;
    std::uint8_t version = 0;
    bool dnssec_ok = false;
    bool operator==(const Edns&) const = default;
};

/// A whole message as values: for everything that is not answered straight from a zone or cache.
struct Message {
    std::uint16_t id = 0;
    std::uint16_t flags = 0; // without the rcode
    Rcode rcode = Rcode::NoError;
    std::optional<Question> question;
    std::vector<Record> answers;
    std::vector<Record> authority;
    std::vector<Record> additional; // without the OPT
    std::optional<Edns> edns;
    Origin origin{}; // of an answer that was made here; not in the wire form

    [[nodiscard]] bool has(std::uint16_t bits) const { return (flags & bits) == bits; }
    bool operator==(const Message&) const = default;
};

/// nullopt when malformed: a name, a length, rdata of a known type, more than one question or OPT,
/// bytes behind the last record.
std::optional<Message> decode(Bytes packet);

/// The wire form with compression; never of the names inside SRV (RFC 2782) or of types unknown to
/// RFC 1035 (RFC 3597 section 4). Records that do not fit in `limit` are left out: from the
/// additional section silently, otherwise with TC set.
std::string encode(const Message& message, std::size_t limit = limits::kMessageBytesMax);

/// `response` as the answer to `query`: its id, question in its case, flags to echo, OPT if it has
/// one.
std::string encode_response(const QueryView& query, const Message& response, std::size_t limit);

/// A query for one name with recursion desired.
Message make_query(const Name& name, std::uint16_t type);

/// The least TTL of the records of the first two sections; for negative answers at most the SOA's
/// minimum (RFC 2308 section 5). nullopt: not to be cached.
std::optional<std::uint32_t> cache_ttl(const Message& response);

/// As `Message` wants them; for tests and others that hold a string.
inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; // NOLINT
}

} // namespace dns
