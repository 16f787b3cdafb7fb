#pragma once

#include <string>

#include "labctl/dataplane/workload.h"

/// What the built-in workload answers to gRPC (design.md, section 9). Pure.
///
/// grpc.health.v1.Health/Check says SERVING or NOT_SERVING by the pod's readiness, whatever the
/// service in question; /status/NAME-OR-NUMBER (also "UNAVAILABLE:0.3,OK:0.7") and /delay/SECONDS
/// do what they do over HTTP; every other method is answered with one empty message, which each
/// type of protobuf can be read from, once the caller has said all.
namespace labctl::dataplane {

/// Whether a request that came over HTTP/2 is a call of gRPC.
[[nodiscard]] bool is_grpc_call(const mesh::Request& request);

/// The answer with its trailers, or with grpc-status in its head where there is no message
/// ("trailers only"). The metadata are the fields of every answer over HTTP.
[[nodiscard]] Answer answer_grpc(const Exchange& exchange, const mesh::Request& request);

/// To a call whose messages are more than the workload takes.
[[nodiscard]] mesh::Response
refuse_large_call(const Exchange& exchange, const mesh::Request& request);

/// For the access log: "gRPC /shop.Cart/AddItem UNAVAILABLE".
[[nodiscard]] std::string
grpc_log_text(const mesh::Request& request, const mesh::Response& response);

} // namespace labctl::dataplane
