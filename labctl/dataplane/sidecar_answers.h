#pragma once

#include <optional>
#include <string>

#include "labctl/dataplane/http_proxy.h"

/// What a sidecar says in the place of an endpoint, in Envoy's words (reference mesh.md 11, 4.5).
/// Pure.
namespace labctl::dataplane {

/// To a request that has no answer from `endpoint`; source/common/router of envoy.
[[nodiscard]] HttpProxy::Refusal
sidecar_failure(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint);

/// For a Service whose endpoints want mutual TLS, when this pod has no certificate.
[[nodiscard]] HttpProxy::Refusal sidecar_without_certificate(const std::string& service);

/// What no sidecar forwards, because it could not judge what follows on the connection: CONNECT,
/// and upgrades but to WebSocket (Istio enables no other). nullopt: it is none of these.
/// `head` is that which would go to the endpoint.
[[nodiscard]] std::optional<HttpProxy::Refusal> sidecar_tunnel_refusal(const mesh::Request& head);

/// As a response by `server`; to a request of gRPC in gRPC's form, "trailers only"
/// (envoy: source/common/http/utility.cc, sendLocalReply). `request` may be null.
[[nodiscard]] mesh::Response
sidecar_reply(const char* server, const HttpProxy::Refusal& refusal, const mesh::Request* request);

} // namespace labctl::dataplane
