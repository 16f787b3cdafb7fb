#pragma once

#include <string>
#include <string_view>

#include "services/ingress.h"

namespace labctl::dataplane {

/// A table of rules as one text, for the channel between supervisor and child.
[[nodiscard]] std::string encode_ingress_table(const services::IngressTable& table);
/// Throws netemu::Error if it makes no sense.
[[nodiscard]] services::IngressTable decode_ingress_table(std::string_view bytes);

} // namespace labctl::dataplane
