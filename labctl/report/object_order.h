#pragma once

#include <string_view>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::report {

/// Whether one text comes before the other where runs of digits count as numbers: "web-2" before
/// "web-10", "10.244.1.9" before "10.244.1.10".
bool natural_less(std::string_view left, std::string_view right);

/// `kubectl get --sort-by`: the order of the first value that `path` has in each object, those
/// without one first, equal ones as they were. Numbers, RFC 3339 times and quantities ("128Mi") go
/// by their value, other texts by natural_less. Throws netemu::UsageError for a bad path, for one
/// that no object has, and for values that have no order.
void sort_objects(std::vector<api::ObjectPtr>& objects, std::string_view path);

} // namespace labctl::report
