#pragma once

#include <map>
#include <string>

#include "labctl/api/object.h"

namespace labctl::api {

/// One entry of a check, as labctl/manifest reads it. The language is that of labctl/check.
struct AssertionInput {
    Json value; // a string (short form) or a mapping (long form)
    Source source;
    std::string check_name; // of the Check object, or the file's name without its ending
    std::string ns;         // whose pods bare names mean
    /// Where its fields are written, by their paths: "expect", "expect.clientIP".
    std::map<std::string, Source> places{};

    /// Where that is written, or the nearest thing above it; an empty path is the entry.
    [[nodiscard]] const Source& place_of(std::string path) const;
};

} // namespace labctl::api
