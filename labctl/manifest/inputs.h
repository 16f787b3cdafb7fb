#pragma once

#include <functional>
#include <span>
#include <string>

#include "labctl/manifest/diagnostic.h"
#include "labctl/manifest/read.h"

namespace labctl::manifest {

/// Calls `visit(name, text)` for each file that `inputs` mean, each file once. What cannot be read
/// becomes an error in `findings`. Ends early when `visit` returns false.
void for_each_input(
    std::span<const std::string> inputs,
    const ReadOptions& options,
    Findings& findings,
    const std::function<bool(const std::string& name, std::string_view text)>& visit);

/// Whether the reader takes files of this name from a directory.
bool is_manifest_name(std::string_view name);

/// The manifest files of a directory, sorted; its sub-directories' too if asked.
std::vector<std::string> manifest_files(const std::string& directory, bool recursive);

} // namespace labctl::manifest
