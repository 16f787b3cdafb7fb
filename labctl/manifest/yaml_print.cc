#include <algorithm>
#include <array>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/yaml.h"
#include "labctl/manifest/yaml_value.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using api::Json;

constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";

/// Whether plain text would be read as something that is not text: true, 12, ~, 2020-01-01 ...
bool reads_as_other(const std::string& text) {
    Node node;
    node.plain = true;
    node.text = text;
    Problems problems;
    const bool other =
        !scalar_value(node, problems).is_string() || !problems.empty() || text == "<<";
    const bool date = text.size() >= 8 &&
                      text.find_first_not_of("0123456789-:TZ. +") == text.npos && text[0] >= '0' &&
                      text[0] <= '9';
    return other || date || text == "=";
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte >= 0x7F; // other scripts stay readable below
    });
}

bool is_plain(const std::string& text) {
    if (text.empty() || text.front() == ' ' || text.back() == ' ' || has_control(text)) {
        return false;
    }
    const bool dash =
        (text[0] == '-' || text[0] == '?' || text[0] == ':') && text.size() > 1 && text[1] != ' ';
    if (kIndicators.find(text[0]) != kIndicators.npos && !dash) {
        return false;
    }
    if (text.find(": ") != text.npos || text.find(" #") != text.npos || text.back() == ':' ||
        text.starts_with("---") || text.starts_with("...")) {
        return false;
    }
    return !reads_as_other(text);
}

std::string escape(unsigned char c) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    case '\r':
        return "\\r";
    default:
        return {'\\', 'x', kHex[c >> 4U], kHex[c & 15U]};
    }
}

/// C1 controls, U+2028, U+2029 and U+FEFF are line breaks or forbidden in YAML: escape the code
/// point.
std::string special_sequence(std::string_view rest) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSpecial{{
        {"\xC2\x85", "\\N"},
        {"\xE2\x80\xA8", "\\L"},
        {"\xE2\x80\xA9", "\\P"},
        {"\xEF\xBB\xBF", "\\uFEFF"},
    }};
    for (const auto& [bytes, written] : kSpecial) {
        if (rest.starts_with(bytes)) {
            return std::string(written);
        }
    }
    const bool c1 =
        rest.size() > 1 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0;
    return c1 ? escape(static_cast<unsigned char>(rest[1])) : std::string{};
}

std::string double_quoted(std::string_view text) {
    std::string result = "\"";
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        if (const auto special = special_sequence(text); !special.empty()) {
            result += special;
            text.remove_prefix(byte == 0xC2 ? 2 : 3);
            continue;
        }
        if (byte < 0x20 || byte == 0x7F || byte == '"' || byte == '\\') {
            result += escape(byte);
        } else {
            result += text.front();
        }
        text.remove_prefix(1);
    }
    return result + "\"";
}

std::string single_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' ? "''" : std::string(1, c);
    }
    return result + "'";
}

/// Texts of several lines are printed as such where a literal block can hold them.
bool is_literal(std::string_view text) {
    const bool lines = text.find('\n') != text.npos && text.front() != '\n' && text.front() != ' ';
    return lines && std::all_of(text.begin(), text.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte == '\n' || (byte >= 0x20 && byte < 0x7F);
           });
}

class Printer {
public:
    std::string text;

    void value(const Json& json, std::size_t indent) {
        if (json.is_object() && !json.empty()) {
            object(json, indent);
        } else if (json.is_array() && !json.empty()) {
            array(json, indent);
        } else {
            scalar(json, indent);
            text += '\n';
        }
    }

private:
    void object(const Json& json, std::size_t indent) {
        bool first = true;
        for (const auto& [key, member] : json.items()) {
            text.append(first ? 0 : indent, ' '); // the first follows "- " or stands at the margin
            first = false;
            text += inline_text(key);
            text += ':';
            if (member.is_object() && !member.empty()) {
                text += '\n';
                text.append(indent + 2, ' ');
                object(member, indent + 2);
            } else if (member.is_array() && !member.empty()) {
                text += '\n';
                text.append(indent, ' ');
                array(member, indent);
            } else {
                text += ' ';
                scalar(member, indent);
                text += '\n';
            }
        }
    }

    void array(const Json& json, std::size_t indent) {
        bool first = true;
        for (const auto& item : json) {
            text.append(first ? 0 : indent, ' ');
            first = false;
            text += "- ";
            value(item, indent + 2);
        }
    }

    void scalar(const Json& json, std::size_t indent) {
        if (!json.is_string()) {
            text += json.is_array() ? "[]" : json.is_object() ? "{}" : json.dump();
            return;
        }
        const auto& content = json.get_ref<const std::string&>();
        if (!content.empty() && is_literal(content)) {
            literal(content, indent + 2);
        } else {
            text += inline_text(content);
        }
    }

    void literal(std::string_view content, std::size_t indent) {
        const bool ends = content.ends_with('\n');
        const bool keeps = content.ends_with("\n\n");
        text += keeps ? "|+" : ends ? "|" : "|-";
        content.remove_suffix(ends ? 1 : 0);
        for (const auto& line : netemu::split(content, '\n')) {
            text += '\n';
            text.append(line.empty() ? 0 : indent, ' ');
            text += line;
        }
    }

    static std::string inline_text(const std::string& content) {
        if (is_plain(content)) {
            return content;
        }
        if (content.empty()) {
            return "\"\"";
        }
        if (has_control(content)) {
            return double_quoted(content);
        }
        return reads_as_other(content) || content.find('\'') != content.npos
                   ? double_quoted(content)
                   : single_quoted(content);
    }
};

} // namespace

std::string to_yaml(const Json& value) {
    Printer printer;
    printer.value(value, 0);
    return std::move(printer.text);
}

} // namespace labctl::manifest
