#include "dns/types.h"

#include <array>
#include <charconv>
#include <utility>

#include "netemu/base/text.h"

namespace dns {
namespace {

using Row = std::pair<std::uint16_t, std::string_view>;

constexpr std::array<Row, 38> kTypeNames{{
    {1, "A"},       {2, "NS"},     {5, "CNAME"}, {6, "SOA"},     {12, "PTR"},   {13, "HINFO"},
    {15, "MX"},     {16, "TXT"},   {17, "RP"},   {18, "AFSDB"},  {24, "SIG"},   {25, "KEY"},
    {28, "AAAA"},   {29, "LOC"},   {33, "SRV"},  {35, "NAPTR"},  {37, "CERT"},  {39, "DNAME"},
    {41, "OPT"},    {42, "APL"},   {43, "DS"},   {44, "SSHFP"},  {46, "RRSIG"}, {47, "NSEC"},
    {48, "DNSKEY"}, {50, "NSEC3"}, {52, "TLSA"}, {53, "SMIMEA"}, {59, "CDS"},   {60, "CDNSKEY"},
    {64, "SVCB"},   {65, "HTTPS"}, {99, "SPF"},  {250, "TSIG"},  {251, "IXFR"}, {252, "AXFR"},
    {255, "ANY"},   {257, "CAA"},
}};

constexpr std::array<Row, 4> kClassNames{{{1, "IN"}, {3, "CH"}, {254, "NONE"}, {255, "ANY"}}};

constexpr std::array<Row, 12> kRcodeNames{{
    {0, "NOERROR"},
    {1, "FORMERR"},
    {2, "SERVFAIL"},
    {3, "NXDOMAIN"},
    {4, "NOTIMP"},
    {5, "REFUSED"},
    {6, "YXDOMAIN"},
    {7, "YXRRSET"},
    {8, "NXRRSET"},
    {9, "NOTAUTH"},
    {10, "NOTZONE"},
    {16, "BADVERS"},
}};

template <std::size_t N>
std::string
number_text(const std::array<Row, N>& rows, std::uint16_t value, std::string_view prefix) {
    for (const auto& row : rows) {
        if (row.first == value) {
            return std::string(row.second);
        }
    }
    return std::string(prefix) + std::to_string(value);
}

bool same_word(std::string_view text, std::string_view upper) {
    return text.size() == upper.size() && netemu::to_lower(text) == netemu::to_lower(upper);
}

template <std::size_t N>
std::optional<std::uint16_t>
parse_number(const std::array<Row, N>& rows, std::string_view text, std::string_view prefix) {
    for (const auto& row : rows) {
        if (same_word(text, row.second)) {
            return row.first;
        }
    }
    if (text.size() <= prefix.size() || !same_word(text.substr(0, prefix.size()), prefix)) {
        return std::nullopt;
    }
    std::uint16_t value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + prefix.size(), end, value);
    return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

} // namespace

std::string type_text(std::uint16_t type) {
    return number_text(kTypeNames, type, "TYPE");
}

std::optional<std::uint16_t> parse_type(std::string_view text) {
    return parse_number(kTypeNames, text, "TYPE");
}

std::string class_text(std::uint16_t value) {
    return number_text(kClassNames, value, "CLASS");
}

std::optional<std::uint16_t> parse_class(std::string_view text) {
    return parse_number(kClassNames, text, "CLASS");
}

std::string rcode_text(Rcode rcode) {
    return number_text(kRcodeNames, static_cast<std::uint16_t>(rcode), "RCODE");
}

std::optional<Rcode> parse_rcode(std::string_view text) {
    const auto value = parse_number(kRcodeNames, text, "RCODE");
    return value ? std::optional(static_cast<Rcode>(*value)) : std::nullopt;
}

} // namespace dns
