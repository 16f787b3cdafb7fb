#pragma once

#include <string_view>
#include <vector>

/// Files of the repository that travel inside the binary, so that `labctl up` and `labctl
/// completion` need nothing on disk: the built-in demo ("labs/demo/lab.yaml",
/// "labs/demo/manifests/shop.yaml", ...) and the completion scripts ("completion/bash",
/// "completion/zsh", "completion/fish").
namespace labctl::cli {

/// The text of one file. Lives as long as the program. Throws netemu::Error when no such file was
/// embedded, which is a mistake of ours.
std::string_view embedded_file(std::string_view path);

/// The paths that begin with `prefix`, sorted: embedded_files("labs/demo/manifests/").
std::vector<std::string_view> embedded_files(std::string_view prefix);

} // namespace labctl::cli
