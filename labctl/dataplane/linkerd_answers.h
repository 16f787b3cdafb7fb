#pragma once

#include "labctl/dataplane/http_proxy.h"

/// What a proxy of Linkerd says in the place of an endpoint (linkerd/linkerd2-proxy
/// linkerd/app/{inbound,outbound}/src/http/server.rs, core/src/errors/respond.rs; reference mesh.md
/// 8.3). The body of such a Refusal is what l5d-proxy-error says; "": it is not told. Pure.
namespace labctl::dataplane {

/// To a request that has no answer from `endpoint`.
[[nodiscard]] HttpProxy::Refusal
linkerd_failure(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint);

/// For a Service without ready endpoints.
[[nodiscard]] HttpProxy::Refusal linkerd_without_endpoints(const std::string& service);
/// For one whose endpoints want mutual TLS, when this pod has no certificate.
[[nodiscard]] HttpProxy::Refusal linkerd_without_certificate(const std::string& service);

/// The answer, which has no body. `request` may be null.
[[nodiscard]] mesh::Response
linkerd_reply(const HttpProxy::Refusal& refusal, const mesh::Request* request);

} // namespace labctl::dataplane
