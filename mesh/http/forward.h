#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/http/message.h"

/// What a reverse proxy changes in the heads that it passes on (RFC 9110 section 7.6; reference
/// mesh.md 12). Pure.
namespace mesh {

/// How a body is framed on one connection.
enum class BodyFraming : std::uint8_t {
    None,
    Sized,      // content-length
    Chunked,    // transfer-encoding: chunked
    UntilClose, // the end of the connection is that of the body
};

/// The client's side of a proxied request, for the fields that tell the server of it.
struct ForwardedFor {
    std::string client;          // its address
    std::string scheme = "http"; // or "https"
    std::uint16_t port = 0;      // that the client has connected to
    std::string request_id;      // used if the request has none
};

/// Removes the fields of one connection: Connection and what it names, Keep-Alive,
/// Proxy-Connection, TE, Transfer-Encoding, Upgrade. What it names cannot be Host, Content-Length
/// or a field that a proxy adds: those stay.
void remove_hop_by_hop(Headers& headers);

/// Whether the message asks for (or agrees to) another protocol on this connection: Upgrade, and
/// Connection names it. Not HTTP/2: its requests would pass the proxy unseen, and so past all of
/// its rules ("h2c smuggling"); nor in HTTP/1.0, which has no upgrades.
[[nodiscard]] bool upgrades(const Headers& headers, int version_minor = 1);

/// How the body of a parsed request is framed: None, Sized or Chunked.
[[nodiscard]] BodyFraming body_framing(const Request& request);
/// Of a parsed response to a request with that method (RFC 9112 section 6.3).
[[nodiscard]] BodyFraming body_framing(const Response& response, const std::string& method);

/// The head that goes to the server: HTTP/1.1, target in origin form, the authority of an
/// absolute-form target in Host, nothing hop-by-hop but an upgrade that the client asks for, no
/// Expect (the proxy answers it), framed as the body came.
[[nodiscard]] Request pass_request(const Request& head);

/// The same at the edge, with X-Forwarded-For, -Host, -Port and -Proto, X-Real-IP and X-Request-ID.
/// As ingress-nginx does, what the client says in the first five of these is replaced: whoever is
/// at the edge believes nobody.
[[nodiscard]] Request forward_request(const Request& head, const ForwardedFor& from);

/// The head that goes to the client, without what frames the message or concerns one connection
/// only; of a 101, with what it has been upgraded to.
[[nodiscard]] Response pass_response(const Response& head);

/// Adds what an HTTP/1.x connection wants to a head that goes to the client. `framing` is that of
/// the body towards the client (`client_framing`); `keep_alive` whether another request may follow.
void frame_response(Response& head, int client_version_minor, BodyFraming framing, bool keep_alive);

/// How to frame towards the client what the server has framed as `framing`: HTTP/1.0 knows no
/// chunks.
[[nodiscard]] BodyFraming client_framing(BodyFraming framing, int client_version_minor);

/// The request's host as a server is to see it: the authority of an absolute-form target, else the
/// Host field (RFC 9112 section 3.2.2).
[[nodiscard]] std::string request_authority(const Request& request);

/// Whether it is a host with or without a port, and nothing else: no "user@", no character that a
/// host cannot have (RFC 3986 section 3.2.2). "" is one: a request may have none.
[[nodiscard]] bool is_authority(std::string_view text);

} // namespace mesh
