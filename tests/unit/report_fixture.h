#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"

/// Objects to report on, and comparison with golden files.
namespace labctl::report::testing {

/// 2026-01-02T03:04:05Z: `now` of every report test.
inline constexpr std::int64_t kNow = 1767323045;

/// Reads the objects of tests/unit/data/report/NAME.json (a JSON array).
std::vector<api::ObjectPtr> objects_from(const std::string& name);
api::ObjectPtr object(const api::Json& body);
api::ObjectPtr object(const char* json);

/// Compares with tests/unit/data/report/NAME and says where the first difference is; a test failure
/// if any. With LABCTL_UPDATE_GOLDEN=1 in the environment it writes the file and fails, so that an
/// update is never taken for a passed test.
void check_golden(const std::string& name, const std::string& text);

} // namespace labctl::report::testing
