#include "netemu/model/interface_name.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace netemu {

void InterfaceNames::reserve(std::string_view name) {
    taken_.emplace(name);
}

std::string InterfaceNames::hashed(std::string_view prefix, std::string_view key) {
    for (unsigned attempt = 1;; ++attempt) {
        const auto text =
            attempt == 1 ? std::string(key) : std::string(key) + "#" + std::to_string(attempt);
        std::array<char, 9> digits{};
        std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(fnv1a(text)));
        auto name = std::string(prefix) + digits.data();
        name.resize(std::min(name.size(), limits::kInterfaceNameBytesMax));
        if (taken_.insert(name).second) {
            return name;
        }
    }
}

std::string InterfaceNames::readable(std::string_view prefix, std::string_view key) {
    auto name = std::string(prefix) + std::string(key);
    if (is_valid_interface_name(name) && taken_.insert(name).second) {
        return name;
    }
    return hashed(prefix, key);
}

bool is_valid_interface_name(std::string_view name) {
    return !name.empty() && name.size() <= limits::kInterfaceNameBytesMax && name != "." &&
           name != ".." && name.find_first_of("/: \t\r\n\v\f") == std::string_view::npos;
}

} // namespace netemu
