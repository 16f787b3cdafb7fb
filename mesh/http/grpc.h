#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/http/message.h"

/// gRPC's form of messages over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md). Pure.
namespace mesh {

inline constexpr std::string_view kGrpcContentType = "application/grpc";

/// Whether a head's content-type is gRPC's: "application/grpc", perhaps with a format
/// ("application/grpc+proto"). Not gRPC-Web's, which is another protocol.
[[nodiscard]] bool has_grpc_content_type(const Headers& headers);

/// A message with the prefix that tells its length, uncompressed.
[[nodiscard]] std::string grpc_frame(std::string_view message);

/// The messages of one side of a call.
struct GrpcBody {
    std::vector<std::string_view> messages; // into what was read
    bool compressed = false;                // one of them is
    bool malformed = false;                 // it does not end with a message, or has unknown flags
};
/// `body` must outlive what is returned.
[[nodiscard]] GrpcBody read_grpc_body(std::string_view body);

/// A call's status, as its trailers (or a head alone) tell it.
struct GrpcEnd {
    int code = 0;
    std::string message;
};
/// nullopt: they tell none; 2 (UNKNOWN) for one that is no number.
[[nodiscard]] std::optional<GrpcEnd> read_grpc_end(const Headers& headers);
/// Adds grpc-status and, if there is one, grpc-message.
void add_grpc_end(const GrpcEnd& end, Headers& headers);
/// Makes a response one that is nothing but a call's end ("Trailers-Only"): 200, whatever went
/// wrong, and no body. Its other fields stay.
void make_grpc_end(const GrpcEnd& end, Response& response);

/// The code that a client takes for an answer that has none but HTTP's
/// (grpc/doc/http-grpc-status-mapping.md).
[[nodiscard]] int grpc_code_of_http(int status);

/// `%` and two digits for each byte that is not printable ASCII, and `%` itself.
[[nodiscard]] std::string percent_encode_grpc_message(std::string_view text);
/// What is no such escape stays as it is.
[[nodiscard]] std::string percent_decode_grpc_message(std::string_view text);

} // namespace mesh
