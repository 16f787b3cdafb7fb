#pragma once

#include <string>

namespace labctl::dataplane {

/// For the field X-Request-ID of a request that has none: 32 random hexadecimal digits.
std::string make_request_id();

} // namespace labctl::dataplane
