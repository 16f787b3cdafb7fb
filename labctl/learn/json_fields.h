#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::learn {

/// The texts of a list; what is none is left out.
inline std::vector<std::string> texts_of(const api::Json& list) {
    std::vector<std::string> texts;
    for (const auto& entry : list) {
        if (entry.is_string()) {
            texts.push_back(entry.get<std::string>());
        }
    }
    return texts;
}

/// Those at a path of `json`; none if nothing is there.
inline std::vector<std::string> texts_at(const api::Json& json, std::string_view path) {
    const auto& list = api::at(json, path);
    return list.is_array() ? texts_of(list) : std::vector<std::string>();
}

} // namespace labctl::learn
