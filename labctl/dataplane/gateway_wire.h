#pragma once

#include <string>
#include <string_view>

namespace services {
struct GatewayTable;
} // namespace services

namespace labctl::dataplane {

/// By what name the rules of the Gateway "NS/NAME" travel beside those of Ingress controllers:
/// theirs are words with a domain, and never have a space.
[[nodiscard]] std::string gateway_rules_name(const std::string& gateway);
[[nodiscard]] bool is_gateway_rules(std::string_view name);

/// A Gateway's table as one text, for the channel between supervisor and child.
[[nodiscard]] std::string encode_gateway_table(const services::GatewayTable& table);
/// Throws netemu::Error if it makes no sense.
[[nodiscard]] services::GatewayTable decode_gateway_table(std::string_view bytes);

} // namespace labctl::dataplane
