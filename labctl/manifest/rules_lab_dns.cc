#include <algorithm>
#include <array>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

/// spec.dns.upstream of a lab: the names of the world.
namespace labctl::manifest {

namespace {

/// RFC 1035 section 2.3.1, with underscores and a wildcard as the first label (RFC 4592).
std::string upstream_name(std::string_view text) {
    constexpr std::size_t kDomainNameMax = 253;
    constexpr std::size_t kDnsLabelMax = 63;
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    if (text.empty()) {
        return {}; // the root
    }
    const auto labels = netemu::split(text, '.');
    const auto bad = std::any_of(labels.begin(), labels.end(), [&](std::string_view label) {
        const bool wild = label == "*" && label.data() == text.data();
        const bool plain = std::all_of(label.begin(), label.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_';
        });
        return label.empty() || label.size() > kDnsLabelMax || (!wild && !plain);
    });
    return bad || text.size() > kDomainNameMax ? "must be a domain name, such as www.example.com"
                                               : "";
}

bool is_uint16(std::string_view text) {
    constexpr unsigned long kMax = 65535;
    return !text.empty() && text.size() <= 5 &&
           text.find_first_not_of("0123456789") == std::string_view::npos &&
           std::stoul(std::string(text)) <= kMax;
}

/// `numbers` numbers and a name.
std::string numbers_and_name(std::string_view text, std::size_t numbers, std::string_view form) {
    const auto words = netemu::split(text, ' ');
    const bool good =
        words.size() == numbers + 1 &&
        std::all_of(
            words.begin(), words.begin() + static_cast<std::ptrdiff_t>(numbers), is_uint16) &&
        upstream_name(words.back()).empty();
    return good ? "" : compose({"must be ", form});
}

/// Why a value is none of the type, or nothing.
std::string upstream_value(std::string_view type, std::string_view value) {
    if (type == "A" || type == "AAAA") {
        const auto address = netemu::IpAddress::parse(value);
        const bool good = address && address->is_v4() == (type == "A");
        return good          ? ""
               : type == "A" ? "must be an IPv4 address, such as 203.0.113.10"
                             : "must be an IPv6 address, such as 2001:db8::10";
    }
    if (type == "MX") {
        return numbers_and_name(value, 1, "a preference and a name, such as '10 mail.example.com'");
    }
    if (type == "SRV") {
        return numbers_and_name(
            value, 3, "priority, weight, port and name, such as '0 5 443 www.example.com'");
    }
    if (type == "TXT") {
        return value.find_first_of("\"\n;\\") == std::string_view::npos && value.size() <= 255
                   ? ""
                   : "must be a text of at most 255 characters, without quotes, ';' and '\\'";
    }
    return upstream_name(value);
}

} // namespace

void check_upstream_record(const Cursor& record) {
    if (record["name"].is_text()) {
        record["name"].check(upstream_name(record["name"].text()));
    }
    const auto value = record["value"];
    if (record["fail"].present()) {
        for (const auto* field : {"value", "type", "ttl"}) {
            if (record[field].present()) {
                record[field].forbidden("a name that fails has no records");
            }
        }
        return;
    }
    if (!value.present() || (value.json().is_array() && value.size() == 0)) {
        value.required("a record needs `value`, or else `fail`");
        return;
    }
    const auto type = record["type"].present() ? record["type"].text() : "A";
    const auto check = [&](const Cursor& item) {
        if (!item.is_text()) {
            item.error(
                compose({"expected a string, found ", quoted(item.json())}),
                "put it in quotes, so that it is text");
        } else if (const auto why = upstream_value(type, item.text()); !why.empty()) {
            item.invalid(why);
        }
    };
    value.json().is_array() ? value.each(check) : check(value);
}

/// An alias has no other data (RFC 1034 section 3.6.2).
void check_upstream(const Cursor& upstream) {
    const auto records = upstream["records"];
    const auto same_name = [](std::string_view one, std::string_view other) {
        const auto plain = [](std::string_view name) {
            return netemu::to_lower(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
        };
        return plain(one) == plain(other);
    };
    records.each([&](const Cursor& alias) {
        if (!alias["type"].is("CNAME")) {
            return;
        }
        if (alias["value"].json().is_array() && alias["value"].size() > 1) {
            alias["value"].invalid("an alias has one target");
        }
        std::size_t others = 0;
        records.each([&](const Cursor& record) {
            const bool same = same_name(record["name"].text(), alias["name"].text());
            others += same && !record["fail"].present() ? 1 : 0;
        });
        if (others > 1) {
            alias.error("Invalid value: a name with a CNAME record has no other records");
        }
    });
}

} // namespace labctl::manifest
