#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/message.h"
#include "dns/name.h"
#include "netemu/base/address.h"

namespace dns {

/// Where names lie in the data of a type: `before` fixed bytes, then `names` names, then `after`
/// fixed bytes. `compress`: may be compressed when sent (the types of RFC 1035).
struct RdataLayout {
    std::size_t before = 0;
    std::size_t names = 0;
    std::size_t after = 0;
    bool compress = false;
};
/// nullopt for types whose data holds no name, or is opaque to us.
std::optional<RdataLayout> rdata_layout(std::uint16_t type);

/// The data of a record in a message, uncompressed; nullopt when malformed for its type.
std::optional<std::string>
read_rdata(Bytes message, std::size_t at, std::size_t length, std::uint16_t type);

std::string address_rdata(const netemu::IpAddress& address);
/// Of an A or AAAA record.
std::optional<netemu::IpAddress> rdata_address(const Record& record);
/// The name that a CNAME, NS or PTR record leads to, an MX or SRV record names.
std::optional<Name> rdata_target(const Record& record);

struct SoaData {
    Name primary;
    Name mailbox;
    std::uint32_t serial = 0;
    std::uint32_t refresh = 7200;
    std::uint32_t retry = 1800;
    std::uint32_t expire = 86400;
    std::uint32_t minimum = 0;
};
std::string soa_rdata(const SoaData& soa);
/// The last field of an SOA record; nullopt for anything else.
std::optional<std::uint32_t> soa_minimum(const Record& record);
std::string txt_rdata(std::string_view text); // in pieces of at most 255 bytes

/// As dig(1) prints it; opaque data as RFC 3597 section 5 wants it.
std::string rdata_text(const Record& record);
/// The data of `type` from its text; relative names get `origin`. nullopt when malformed.
std::optional<std::string>
parse_rdata(std::uint16_t type, std::string_view text, const Name& origin = {});

/// One record as in a zone file: "OWNER [TTL] [CLASS] TYPE DATA". A name without final dot gets
/// `origin`. nullopt when malformed (RFC 1035 section 5.1).
std::optional<Record>
parse_record(std::string_view text, const Name& origin, std::uint32_t default_ttl);
std::string record_text(const Record& record);
/// Words, and strings in quotes as one word; comments behind ; are left out.
std::vector<std::string> record_words(std::string_view text);
/// A name in a zone file: "@", relative or absolute.
std::optional<Name> parse_zone_name(std::string_view text, const Name& origin);

} // namespace dns
