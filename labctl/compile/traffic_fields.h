#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// Fields of the kinds of networking.istio.io, read where anything may be absent: validation has
/// told what is wrong. Internal to this folder.
namespace labctl::compile {

[[nodiscard]] std::uint32_t
traffic_number(const api::Json& of, std::string_view path, std::uint32_t otherwise = 0);
[[nodiscard]] std::uint16_t traffic_port(const api::Json& of, std::string_view path);
[[nodiscard]] std::chrono::milliseconds
traffic_time(const api::Json& of, std::string_view path, std::chrono::milliseconds otherwise = {});
[[nodiscard]] std::vector<std::string> traffic_texts(const api::Json& list);

} // namespace labctl::compile
