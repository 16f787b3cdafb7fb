#pragma once

#include <string_view>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::report {

/// `kubectl get --sort-by`: the order of the first value that `path` has in each object, those
/// without one first, equal ones as they were. Numbers go by their value, and so do texts that are
/// all RFC 3339 times or all quantities ("128Mi"); others by their bytes (since 1.31,
/// kubernetes/kubernetes#124514; kubectl mixes the two, and then has no order). Throws
/// netemu::UsageError for a bad path, for one that no object has, and for values that have no
/// order.
void sort_objects(std::vector<api::ObjectPtr>& objects, std::string_view path);

} // namespace labctl::report
