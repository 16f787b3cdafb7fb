#include "labctl/compile/traffic_fields.h"

#include "netemu/base/text.h"

namespace labctl::compile {

using std::chrono::milliseconds;

std::uint32_t traffic_number(const api::Json& of, std::string_view path, std::uint32_t otherwise) {
    const auto& value = api::at(of, path);
    return value.is_number_integer() && value.get<std::int64_t>() >= 0
               ? static_cast<std::uint32_t>(value.get<std::int64_t>())
               : otherwise;
}

std::uint16_t traffic_port(const api::Json& of, std::string_view path) {
    return static_cast<std::uint16_t>(traffic_number(of, path));
}

milliseconds traffic_time(const api::Json& of, std::string_view path, milliseconds otherwise) {
    constexpr std::uint64_t kMillisecond = 1000;
    const auto time = netemu::parse_duration_us(api::string_at(of, path));
    return time ? milliseconds(*time / kMillisecond) : otherwise;
}

std::vector<std::string> traffic_texts(const api::Json& list) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (item.is_string()) {
            texts.push_back(item.get<std::string>());
        }
    }
    return texts;
}

} // namespace labctl::compile
