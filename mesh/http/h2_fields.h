#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/http/message.h"

/// Heads as HTTP/2 has them (RFC 9113 section 8) and as HTTP/1.1 has them: the one becomes the
/// other. Pure.
namespace mesh {

/// The fields of one HEADERS frame, in their order: names in lower case, pseudo-fields first,
/// without those of one HTTP/1.1 connection.
using H2Fields = std::vector<std::pair<std::string, std::string>>;

/// `scheme` is "http" or "https". Host becomes :authority.
[[nodiscard]] H2Fields h2_request_fields(const Request& head, std::string_view scheme);
[[nodiscard]] H2Fields h2_response_fields(const Response& head);
[[nodiscard]] H2Fields h2_trailer_fields(const Headers& trailers);

/// Adds a field that has come; one pseudo-field after the other has its place in the head.
void take_h2_request_field(Request& head, std::string_view name, std::string_view value);
void take_h2_response_field(Response& head, std::string_view name, std::string_view value);

/// Makes a head of which all fields have come what the same one is over HTTP/1.1: cookies in one
/// field, CONNECT's authority as its target, and, unless it `ends` here, Transfer-Encoding: chunked
/// where nobody has told the length of the body.
void complete_h2_request(Request& head, bool ends);
void complete_h2_response(Response& head, bool ends);

} // namespace mesh
