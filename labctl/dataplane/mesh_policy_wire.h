#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/istio/authorization.h"
#include "mesh/istio/request_authentication.h"

namespace labctl::dataplane {

/// The policies of a workload as one text, for the channel between supervisor and child.
[[nodiscard]] std::string
encode_authorization_policies(std::span<const mesh::istio::AuthorizationPolicy> policies);
/// Throws netemu::Error if it makes no sense.
[[nodiscard]] std::vector<mesh::istio::AuthorizationPolicy>
decode_authorization_policies(std::string_view bytes);

/// The same of RequestAuthentications.
[[nodiscard]] std::string
encode_request_authentications(std::span<const mesh::istio::RequestAuthentication> policies);
[[nodiscard]] std::vector<mesh::istio::RequestAuthentication>
decode_request_authentications(std::string_view bytes);

} // namespace labctl::dataplane
