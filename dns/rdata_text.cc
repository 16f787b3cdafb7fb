/// Records as text, both ways (RFC 1035 section 5, RFC 3597 section 5).
#include <algorithm>
#include <charconv>

#include "dns/rdata.h"
#include "dns/text_escape.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

template <typename Number>
std::optional<Number> record_number(std::string_view text) {
    Number value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

std::uint32_t number_at(std::string_view data, std::size_t at, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + bytes; ++i) {
        value = value << 8U | static_cast<std::uint8_t>(data[i]);
    }
    return value;
}

void append_number(std::string& out, std::uint32_t value, unsigned bytes) {
    while (bytes-- > 0) {
        out += static_cast<char>(value >> (8U * bytes));
    }
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= ' ' && byte < 0x7f) {
            out += c;
        } else {
            out += '\\';
            out += static_cast<char>('0' + byte / 100);
            out += static_cast<char>('0' + byte / 10 % 10);
            out += static_cast<char>('0' + byte % 10);
        }
    }
    return out + '"';
}

std::string strings_text(std::string_view data) {
    std::string out;
    while (!data.empty()) {
        const std::size_t length = static_cast<std::uint8_t>(data[0]);
        out += (out.empty() ? "" : " ") + quoted(data.substr(1, length));
        data.remove_prefix(std::min(data.size(), length + 1));
    }
    return out;
}

/// Numbers before the name, the names, numbers behind them.
std::string layout_text(std::string_view data, const RdataLayout& layout) {
    std::string out;
    std::size_t at = 0;
    for (; at < layout.before; at += 2) {
        out += std::to_string(number_at(data, at, 2)) + " ";
    }
    for (std::size_t i = 0; i < layout.names; ++i) {
        const auto start = at;
        while (data[at] != 0) {
            at += 1 + static_cast<std::size_t>(data[at]);
        }
        ++at;
        out += Name::from_wire(data.substr(start, at - start)).to_string();
        out += i + 1 < layout.names ? " " : "";
    }
    for (; at < data.size(); at += 4) {
        out += " " + std::to_string(number_at(data, at, 4));
    }
    return out;
}

std::string opaque_text(std::string_view data) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out = "\\# " + std::to_string(data.size());
    out += data.empty() ? "" : " ";
    for (const char c : data) {
        out += kDigits[static_cast<std::uint8_t>(c) >> 4U];
        out += kDigits[static_cast<std::uint8_t>(c) & 15U];
    }
    return out;
}

std::optional<std::string> parse_opaque(const std::vector<std::string>& words) {
    std::string data;
    std::string digits;
    for (std::size_t i = 2; i < words.size(); ++i) {
        digits += words[i];
    }
    const auto size = words.size() > 1 ? record_number<std::size_t>(words[1]) : std::nullopt;
    if (!size || digits.size() != *size * 2) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        std::uint8_t byte = 0;
        const auto parsed = std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
        if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + i + 2) {
            return std::nullopt;
        }
        data += static_cast<char>(byte);
    }
    return data;
}

std::optional<std::string>
parse_layout(const std::vector<std::string>& words, const RdataLayout& layout, const Name& origin) {
    constexpr std::uint32_t kWordMax = 65535;
    const auto numbers_before = layout.before / 2;
    const auto numbers_after = layout.after / 4;
    if (words.size() != numbers_before + layout.names + numbers_after) {
        return std::nullopt;
    }
    std::string data;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i >= numbers_before && i < numbers_before + layout.names) {
            const auto name = parse_zone_name(words[i], origin);
            if (!name) {
                return std::nullopt;
            }
            data += name->wire();
            continue;
        }
        const bool before = i < numbers_before;
        const auto number = record_number<std::uint32_t>(words[i]);
        if (!number || (before && *number > kWordMax)) {
            return std::nullopt;
        }
        append_number(data, *number, before ? 2 : 4);
    }
    return data;
}

std::optional<std::string>
parse_strings(const std::vector<std::string>& words, std::size_t least, std::size_t most) {
    if (words.size() < least || words.size() > most) {
        return std::nullopt;
    }
    std::string data;
    for (const auto& word : words) {
        data += txt_rdata(word);
    }
    return data;
}

std::optional<std::string> parse_address(const std::vector<std::string>& words, bool v4) {
    const auto address = words.size() == 1 ? netemu::IpAddress::parse(words[0]) : std::nullopt;
    return address && address->is_v4() == v4 ? std::optional(address_rdata(*address))
                                             : std::nullopt;
}

/// "30" or "1h30m", as BIND's zone files allow.
std::optional<std::uint32_t> parse_ttl(std::string_view text) {
    if (const auto number = record_number<std::uint32_t>(text)) {
        return number;
    }
    const auto micros = netemu::parse_duration_us(text);
    constexpr std::uint64_t kMicros = 1000000;
    return micros ? std::optional(static_cast<std::uint32_t>(*micros / kMicros)) : std::nullopt;
}

std::optional<std::string>
parse_words(std::uint16_t type, const std::vector<std::string>& words, const Name& origin) {
    constexpr std::size_t kStringsMax = 64;
    if (!words.empty() && words[0] == "\\#") {
        return parse_opaque(words);
    }
    if (const auto layout = rdata_layout(type)) {
        return parse_layout(words, *layout, origin);
    }
    switch (static_cast<Type>(type)) {
    case Type::A:
        return parse_address(words, true);
    case Type::Aaaa:
        return parse_address(words, false);
    case Type::Txt:
        return parse_strings(words, 1, kStringsMax);
    case Type::Hinfo:
        return parse_strings(words, 2, 2);
    default:
        return std::nullopt;
    }
}

} // namespace

std::string rdata_text(const Record& record) {
    if (const auto address = rdata_address(record)) {
        return address->to_string();
    }
    if (const auto layout = rdata_layout(record.type)) {
        return layout_text(record.rdata, *layout);
    }
    if (record.is(Type::Txt) || record.is(Type::Hinfo)) {
        return strings_text(record.rdata);
    }
    return opaque_text(record.rdata);
}

std::vector<std::string> record_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_quotes = false;
    bool started = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && i + 1 < text.size()) {
            // Inside quotes an escape is a byte of the string; elsewhere it belongs to a name.
            auto behind = i + 1;
            const auto byte = in_quotes ? read_escape(text, behind) : std::nullopt;
            if (byte) {
                word += *byte;
                i = behind - 1;
            } else {
                word += in_quotes ? "" : "\\";
                word += text[++i];
            }
            started = true;
        } else if (c == '"') {
            in_quotes = !in_quotes;
            started = true;
        } else if (!in_quotes && c == ';') {
            break;
        } else if (!in_quotes && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
            if (started) {
                words.push_back(std::move(word));
            }
            word.clear();
            started = false;
        } else {
            word += c;
            started = true;
        }
    }
    if (started) {
        words.push_back(std::move(word));
    }
    return words;
}

std::optional<Name> parse_zone_name(std::string_view text, const Name& origin) {
    if (text == "@") {
        return origin;
    }
    auto name = Name::parse(text);
    if (!name || text.ends_with('.')) {
        return name;
    }
    return name->under(origin);
}

std::optional<std::string>
parse_rdata(std::uint16_t type, std::string_view text, const Name& origin) {
    return parse_words(type, record_words(text), origin);
}

std::optional<Record>
parse_record(std::string_view text, const Name& origin, std::uint32_t default_ttl) {
    auto words = record_words(text);
    Record record;
    record.ttl = default_ttl;
    const auto owner = words.empty() ? std::nullopt : parse_zone_name(words[0], origin);
    if (!owner) {
        return std::nullopt;
    }
    record.owner = *owner;
    std::size_t at = 1;
    // TTL and class in either order (RFC 1035 section 5.1).
    for (; at < words.size(); ++at) {
        if (const auto ttl = parse_ttl(words[at])) {
            record.ttl = *ttl;
        } else if (const auto klass = parse_class(words[at])) {
            record.klass = *klass;
        } else {
            break;
        }
    }
    const auto type = at < words.size() ? parse_type(words[at]) : std::nullopt;
    if (!type) {
        return std::nullopt;
    }
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    record.type = *type;
    auto data = parse_words(*type, words, origin);
    if (!data) {
        return std::nullopt;
    }
    record.rdata = std::move(*data);
    return record;
}

std::string record_text(const Record& record) {
    return record.owner.to_string() + "\t" + std::to_string(record.ttl) + "\t" +
           class_text(record.klass) + "\t" + type_text(record.type) + "\t" + rdata_text(record);
}

} // namespace dns
