#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace labctl::report {

/// A dropped packet, as the control API tells it, in one line without a line end:
///
///     23:05:12.345 node-2 prod/other -> prod/web-1 TCP 8080: NetworkPolicy prod/deny-all: ...
///
/// The time is the UTC one of the packet's arrival.
std::string drop_line(const nlohmann::json& dropped);

} // namespace labctl::report
