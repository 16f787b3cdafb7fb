#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh {

/// How much two spellings of a path are made one (Istio's MeshConfig
/// pathNormalization.normalization; istio.io reference/config/security/normalization).
enum class PathNormalization : std::uint8_t {
    Base,                  // `.` and `..` resolved, `\` is `/`, escapes of unreserved characters
                           // decoded once; `//`, `%2f` and `%5c` stay
    MergeSlashes,          // Base, and `//` is `/`
    DecodeAndMergeSlashes, // MergeSlashes, and before it `%2f` and `%5c` are slashes
};

/// The path, with its query as it was, that policies are matched with and that the backend gets.
/// nullopt: to be answered 400. That are an empty target, one that does not begin with `/` (but
/// `*`), one with a fragment, and `%00` in the path. After a `%` that begins no escape, an escape
/// is not decoded where that would make up a new one (`%%34%31`): the backend would read more
/// into the path than policies did.
[[nodiscard]] std::optional<std::string>
normalize_path(std::string_view target, PathNormalization how = PathNormalization::Base);

} // namespace mesh
