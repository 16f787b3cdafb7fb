#pragma once

#include <string>

#include "labctl/api/object.h"

namespace labctl::cli {

/// Reads and checks the file that `spec.cni.conflist` names, relative to the lab file's directory,
/// and puts its text beside it (annotation labctl.dev/cni-conflist), so that the lab can come up
/// again without the file. No effect where the lab names none. Throws manifest::ManifestError with
/// every problem at its place in the file, netemu::UsageError when it cannot be read.
void add_conflist(api::Object& lab, const std::string& directory);

} // namespace labctl::cli
