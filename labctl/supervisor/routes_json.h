#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/supervisor/lab.h"

/// What the routes of the group labctl.dev/v1 take and give. Internal to this folder.
namespace labctl::supervisor {

/// What a change has done, as `apply`, `delete` and `set` print it.
[[nodiscard]] api::Json report_json(const ChangeReport& report);

/// {"object": OBJECT, "source": {"file", "line", "column"}}; the source may be absent.
[[nodiscard]] api::Object object_from(const api::Json& entry);
[[nodiscard]] std::vector<api::Object> objects_from(const api::Json& list);

/// {"kind", "namespace", "name"}; the namespace may be absent.
[[nodiscard]] api::ObjectKey key_from(const api::Json& json);

/// The number in a parameter `what` of a request; throws StatusError 400.
[[nodiscard]] std::uint64_t parse_number(const char* what, const std::string& text);

} // namespace labctl::supervisor
