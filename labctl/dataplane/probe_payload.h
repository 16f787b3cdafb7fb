#pragma once

#include <string>

#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

/// What a probe sends: the HTTP request (of grpc, in the form of HTTP/1.1), the datagram, or
/// nothing.
std::string probe_payload(const ResolvedRequest& request);

/// Whom a probe over https wants to talk to: the name in `to`, or, where that is an address or a
/// pod, the name in its `host` field, or else the address. Only a name is sent to the server (SNI).
std::string tls_host(const ResolvedRequest& request);

/// The Host that a probe over HTTP sends, unless its own fields say otherwise.
std::string host_field(const ResolvedRequest& request);

} // namespace labctl::dataplane
