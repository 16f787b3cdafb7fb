#pragma once

#include <string>

#include "labctl/api/object.h"

/// The pod that somebody means who names a place to be in: `exec`, `probe`, `explain`, `capture`,
/// `logs`.
namespace labctl::store {
class Store;
}

namespace labctl::compile {

/// "[NS/]NAME", "pod/NAME", or "[NS/]KIND/NAME" of a workload or Service, as kubectl takes it. A
/// name alone is a pod's, else that of a workload. Of several pods the one that kubectl would
/// choose (podutils.ByLogging): neither ending nor ended, ready rather than not, the first by name.
/// Nothing if no object has that name. Throws netemu::UsageError for a workload or Service
/// that has no such pod.
[[nodiscard]] api::ObjectPtr
find_pod_target(const store::Store& store, const std::string& text, const std::string& default_ns);

} // namespace labctl::compile
