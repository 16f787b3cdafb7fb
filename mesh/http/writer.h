#pragma once

#include <string>
#include <string_view>

#include "mesh/http/message.h"

/// HTTP/1.x messages as bytes (RFC 9112). Every function throws netemu::Error if a method, target,
/// field name or value could not be read back as it is (a line end in a value would forge a field).
namespace mesh {

/// The whole request. `content-length` is added when there is a body (or the method is POST, PUT or
/// PATCH) and neither content-length nor transfer-encoding is set.
std::string to_bytes(const Request& request);

/// The whole response. `content-length` is added unless set, unless transfer-encoding is set, or
/// the status has no body (1xx, 204, 304). With `head_only` (an answer to HEAD) the length is that
/// of the body, which is left out.
std::string to_bytes(const Response& response, bool head_only = false);

/// Only the head, nothing added. For streams: set `transfer-encoding: chunked` and send chunks
/// after it.
std::string head_bytes(const Request& request);
std::string head_bytes(const Response& response);

/// One chunk of a chunked body; empty data gives "" (an empty chunk would end the body).
std::string chunk_bytes(std::string_view data);
/// What comes before the data of a chunk; behind them comes CRLF.
std::string chunk_head_bytes(std::size_t size);
/// The end of a chunked body.
std::string last_chunk_bytes(const Headers& trailers = {});

/// Whether a response of that status can have a body at all.
bool status_has_body(int status);

} // namespace mesh
