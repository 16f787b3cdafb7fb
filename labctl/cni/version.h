#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace labctl::cni {

/// The newest version of the CNI specification that is spoken here
/// (https://www.cni.dev/docs/spec/).
inline constexpr const char* kVersion = "1.1.0";
/// Of a configuration that names none (the specification's first release).
inline constexpr const char* kVersionUnnamed = "0.1.0";

/// 0.3.0 to 1.1.0, oldest first.
[[nodiscard]] const std::vector<std::string>& supported_versions();
[[nodiscard]] bool is_supported(std::string_view version);
/// Whether `version` is `other` or later. Both are supported ones.
[[nodiscard]] bool at_least(std::string_view version, std::string_view other);

} // namespace labctl::cni
