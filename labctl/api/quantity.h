#pragma once

#include <string_view>

namespace labctl::api {

/// Whether `text` is a quantity ("100m", "1.5Gi", "1e3"), and its value, for comparing two of them:
/// k8s.io/apimachinery/pkg/api/resource: sign, decimal number, then a suffix or an exponent. In
/// units of 1e-9, so that 0.1 and 100m are equal.
bool parse_quantity(std::string_view text, long double& value);

} // namespace labctl::api
