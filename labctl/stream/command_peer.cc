#include "labctl/stream/command_peer.h"

#include <nlohmann/json.hpp>

namespace labctl::stream {

TerminalSize parse_terminal_size(std::string_view json) {
    const auto parsed = nlohmann::json::parse(json, nullptr, false);
    const auto number = [&parsed](const char* name) -> std::uint16_t {
        const auto found = parsed.is_object() ? parsed.find(name) : parsed.end();
        const bool fits = found != parsed.end() && found->is_number_unsigned() &&
                          found->get<std::uint64_t>() <= UINT16_MAX;
        return fits ? found->get<std::uint16_t>() : std::uint16_t{0};
    };
    const TerminalSize size{number("Width"), number("Height")};
    return size.columns == 0 || size.rows == 0 ? TerminalSize{} : size;
}

} // namespace labctl::stream
