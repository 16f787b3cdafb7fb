#pragma once

#include <string>
#include <string_view>

#include "labctl/dataplane/probe_task.h"
#include "mesh/http/message.h"

/// What an answer over HTTP/2 is to a client of gRPC. Pure.
namespace labctl::dataplane {

/// An answer as it came: the body is the messages with their prefixes, as far as they are kept.
struct GrpcAnswer {
    mesh::Response head;
    std::string body;
    bool cut = false; // more of the body came than is kept
    mesh::Headers trailers;
};

/// Fills `http`, `grpc`, `backend` and `client_ip` of an outcome. Where the answer has no status of
/// gRPC, it is the one that a client makes of HTTP's (grpc/doc/http-grpc-status-mapping.md).
/// `path` is that of the call.
void note_grpc_answer(const GrpcAnswer& answer, std::string_view path, ProbeOutcome& outcome);

} // namespace labctl::dataplane
