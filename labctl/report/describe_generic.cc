#include <cctype>

#include "labctl/report/describe_parts.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;

/// "podCIDR" -> "Pod CIDR", as smartLabelFor of kubectl; keys with dots or slashes stay as they
/// are.
std::string label_for(std::string_view field) {
    if (field.find_first_of("./") != std::string_view::npos) {
        return std::string(field);
    }
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    std::vector<std::string> words;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const bool starts = i == 0 || (is_upper(field[i]) && !is_upper(field[i - 1])) ||
                            (is_upper(field[i]) && i + 1 < field.size() && !is_upper(field[i + 1]));
        if (starts) {
            words.emplace_back();
        }
        words.back() += field[i];
    }
    for (auto& word : words) {
        const auto lower = netemu::to_lower(word);
        const bool acronym = lower == "api" || lower == "url" || lower == "uid";
        for (std::size_t i = 0; i < word.size(); ++i) {
            if (i == 0 || acronym) {
                word[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[i])));
            }
        }
    }
    return netemu::join(words, " ");
}

void describe_fields(Description& out, int level, const Json& fields, bool is_metadata);

void describe_value(Description& out, int level, const std::string& name, const Json& value) {
    const auto label = visible(label_for(name));
    if (value.is_object()) {
        out.line(level, label + ":");
        describe_fields(out, level + 1, value, level == 0 && name == "metadata");
    } else if (value.is_array()) {
        out.line(level, label + ":");
        for (const auto& entry : value) {
            if (entry.is_object()) {
                describe_fields(out, level + 1, entry, false);
            } else {
                out.line(level + 1, visible(plain(entry)));
            }
        }
    } else {
        out.field(level, label, plain(value));
    }
}

void describe_fields(Description& out, int level, const Json& fields, bool is_metadata) {
    for (const auto& [name, value] : fields.items()) {
        const bool shown_above =
            is_metadata && (name == "name" || name == "namespace" || name == "labels" ||
                            name == "annotations" || name == "managedFields");
        const bool head = level == 0 && (name == "apiVersion" || name == "kind");
        if (!shown_above && !head) {
            describe_value(out, level, name, value);
        }
    }
}

} // namespace

void describe_generic(Description& out, const DescribeInput& input) {
    const auto& object = input.object;
    out.field(0, "Name", object.name());
    out.field(0, "Namespace", object.ns());
    out.labels(0, "Labels", object.labels());
    out.annotations(0, "Annotations", object.annotations());
    out.field(0, "API Version", object.api_version());
    out.field(0, "Kind", string_at(object.body, "kind"));
    describe_fields(out, 0, object.body, false);
}

} // namespace labctl::report
