#include "labctl/check/fields.h"

#include <algorithm>

#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

using api::Json;
using netemu::UsageError;

std::string text_of(const std::string& field, const Json& value) {
    if (!value.is_string()) {
        throw UsageError(quote(field) + " must be a string, not " + value.type_name());
    }
    return value.get<std::string>();
}

std::string scalar_of(const std::string& field, const Json& value) {
    return value.is_number() ? value.dump() : text_of(field, value);
}

std::int64_t
int_of(const std::string& field, const Json& value, std::int64_t low, std::int64_t high) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < low ||
        value.get<std::int64_t>() > high) {
        throw UsageError(
            quote(field) + " must be a whole number from " + std::to_string(low) + " to " +
            std::to_string(high));
    }
    return value.get<std::int64_t>();
}

void each_entry(const Json& list, const std::function<void(const Json& entry)>& read) {
    Problems problems;
    for (const auto& entry : list) {
        problems.in({}, [&] { read(entry); });
    }
    problems.raise();
}

std::string list_text(const std::string& field, const Json& value) {
    if (!value.is_array()) {
        return text_of(field, value);
    }
    std::vector<std::string> parts;
    for (const auto& entry : value) {
        parts.push_back(text_of(field, entry));
    }
    return netemu::join(parts, ",");
}

std::string scalars_text(const std::string& field, const Json& value) {
    if (!value.is_array()) {
        return scalar_of(field, value);
    }
    std::vector<std::string> parts;
    for (const auto& entry : value) {
        parts.push_back(scalar_of(field, entry));
    }
    return netemu::join(parts, ",");
}

std::map<std::string, std::string> map_of(const std::string& field, const Json& value) {
    if (!value.is_object()) {
        throw UsageError(quote(field) + " must be a mapping of names to strings");
    }
    std::map<std::string, std::string> result;
    Problems problems;
    for (const auto& [name, entry] : value.items()) {
        problems.in(name, [&, &key = name, &given = entry] {
            result[netemu::to_lower(key)] = scalar_of(field + "." + key, given);
        });
    }
    problems.raise();
    return result;
}

namespace {

[[noreturn]] void
throw_unknown(const std::string& field, const char* where, const FieldReaders& readers) {
    std::vector<std::string> names;
    std::ranges::transform(
        readers, std::back_inserter(names), [](const auto& entry) { return entry.first; });
    const auto near = netemu::nearest(field, names);
    throw UsageError(
        std::string(where) + " has no field " + quote(field),
        near ? "did you mean '" + *near + "'?" : "it has " + netemu::join(names, ", "));
}

} // namespace

void read_fields(const Json& mapping, const char* where, const FieldReaders& readers) {
    Problems problems;
    for (const auto& [name, value] : mapping.items()) {
        const auto reader = readers.find(name);
        problems.in(name, [&, &field = name, &given = value] {
            reader == readers.end() ? throw_unknown(field, where, readers)
                                    : reader->second(field, given);
        });
    }
    problems.raise();
}

std::string filled_text(const std::string& field, const Json& value) {
    auto text = text_of(field, value);
    if (text.empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if anything will do");
    }
    return text;
}

std::string given_text(const std::string& field, const Json& value) {
    auto text = text_of(field, value);
    if (netemu::trim(text).empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if nothing is meant by it");
    }
    return text;
}

std::map<std::string, std::string> filled_map(const std::string& field, const Json& value) {
    auto map = map_of(field, value);
    if (map.empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if anything will do");
    }
    return map;
}

} // namespace labctl::check
