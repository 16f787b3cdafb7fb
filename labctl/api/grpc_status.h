#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The status codes of gRPC (grpc/doc/statuscodes.md). Pure.
namespace labctl::api {

/// "PERMISSION_DENIED" for 7; the number as text for one that gRPC does not know.
std::string grpc_status_name(int code);
/// 7 for "PERMISSION_DENIED", in capitals.
std::optional<int> grpc_status_named(std::string_view name);
/// All of them, by their numbers from 0.
const std::vector<std::string>& grpc_status_names();

} // namespace labctl::api
