#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers of the protocol and their names (IANA "Domain Name System (DNS) Parameters").
namespace dns {

enum class Type : std::uint16_t {
    A = 1,
    Ns = 2,
    Cname = 5,
    Soa = 6,
    Ptr = 12,
    Hinfo = 13,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Srv = 33,
    Dname = 39,
    Opt = 41,
    Https = 65,
    Ixfr = 251,
    Axfr = 252,
    Any = 255,
};

enum class Class : std::uint16_t { In = 1, Ch = 3, None = 254, Any = 255 };

enum class Rcode : std::uint16_t {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    BadVers = 16, // RFC 6891: the upper bits are in the OPT record
};

/// Bits of the second word of the header (RFC 1035 section 4.1.1, RFC 4035 section 3).
namespace flag {
inline constexpr std::uint16_t kResponse = 0x8000;
inline constexpr std::uint16_t kOpcode = 0x7800;
inline constexpr std::uint16_t kAuthoritative = 0x0400;
inline constexpr std::uint16_t kTruncated = 0x0200;
inline constexpr std::uint16_t kRecursionDesired = 0x0100;
inline constexpr std::uint16_t kRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kAuthenticData = 0x0020;
inline constexpr std::uint16_t kCheckingDisabled = 0x0010;
inline constexpr std::uint16_t kRcode = 0x000f;
} // namespace flag

/// "A", "SRV", or "TYPE1234" for those without a name here (RFC 3597 section 5).
std::string type_text(std::uint16_t type);
std::optional<std::uint16_t> parse_type(std::string_view text);
std::string class_text(std::uint16_t value);
std::optional<std::uint16_t> parse_class(std::string_view text);
/// "NOERROR", "NXDOMAIN", or "RCODE23".
std::string rcode_text(Rcode rcode);
std::optional<Rcode> parse_rcode(std::string_view text);

} // namespace dns
