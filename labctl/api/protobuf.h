#pragma once

#include <string_view>

#include "labctl/api/object.h"

namespace labctl::api {

/// Whether a body is one of Kubernetes' protobuf envelopes
/// (k8s.io/apimachinery/pkg/runtime/serializer/protobuf): "k8s", a zero, and a runtime.Unknown.
bool is_kubernetes_protobuf(std::string_view body);

/// The object in such an envelope as JSON, for the kinds that `kubectl create` sends so. Fields
/// that JSON would leave out (empty, zero or false) are left out. Throws StatusError 415 for
/// another kind, or a field that is not known here (so that none is lost), 400 for what is no
/// protobuf.
Json decode_kubernetes_protobuf(std::string_view body);

} // namespace labctl::api
