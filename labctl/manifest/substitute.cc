#include "labctl/manifest/substitute.h"

namespace labctl::manifest {

std::string substitute(std::string_view text, const std::map<std::string, std::string>& variables) {
    std::string result;
    std::size_t at = 0;
    for (;;) {
        const auto open = text.find("${", at);
        const auto close = open == std::string_view::npos ? open : text.find('}', open);
        if (close == std::string_view::npos) {
            return result += text.substr(at);
        }
        const auto value = variables.find(std::string(text.substr(open + 2, close - open - 2)));
        // An unknown one may hold a known one: go on right behind its "${".
        const auto end = value == variables.end() ? open + 2 : close + 1;
        if (value == variables.end()) {
            result += text.substr(at, end - at);
        } else {
            result += text.substr(at, open - at);
            result += value->second;
        }
        at = end;
    }
}

} // namespace labctl::manifest
