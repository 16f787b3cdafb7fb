#include "labctl/supervisor/variables.h"

namespace labctl::supervisor {

std::string
expand_variables(std::string_view text, const std::map<std::string, std::string>& variables) {
    std::string out;
    while (!text.empty()) {
        const auto dollar = text.find('$');
        out += text.substr(0, dollar);
        if (dollar == std::string_view::npos) {
            break;
        }
        text.remove_prefix(dollar);
        if (text.starts_with("$$")) {
            out += '$';
            text.remove_prefix(2);
            continue;
        }
        const auto end = text.starts_with("$(") ? text.find(')') : std::string_view::npos;
        if (end == std::string_view::npos) {
            out += '$';
            text.remove_prefix(1);
            continue;
        }
        const auto found = variables.find(std::string(text.substr(2, end - 2)));
        out += found == variables.end() ? std::string(text.substr(0, end + 1)) : found->second;
        text.remove_prefix(end + 1);
    }
    return out;
}

} // namespace labctl::supervisor
