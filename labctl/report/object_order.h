#pragma once

#include <string_view>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::report {

/// `kubectl get --sort-by`: the order of the first value that `path` has in each object, those
/// without one first, equal ones as they were. Numbers, RFC 3339 times and quantities ("128Mi") go
/// by their value, other texts by their bytes (since 1.31, kubernetes/kubernetes#124514). Throws
/// netemu::UsageError for a bad path, for one that no object has, and for values that have no
/// order.
void sort_objects(std::vector<api::ObjectPtr>& objects, std::string_view path);

} // namespace labctl::report
