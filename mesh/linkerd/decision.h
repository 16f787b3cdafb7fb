#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mesh/linkerd/inbound_server.h"

/// Whether a proxy of Linkerd lets a request or a connection through. There is no policy that
/// denies: whatever one authorization allows is allowed. Source: linkerd/linkerd2-proxy
/// linkerd/app/inbound/src/policy. Pure.
namespace mesh::linkerd {

/// What is known of a connection.
struct ConnectionFacts {
    bool tls = false;                    // of the mesh
    std::optional<std::string> identity; // that its certificate has shown
    netemu::IpAddress source;
};

enum class Why : std::uint8_t {
    Localhost,     // allowed: it comes from the pod itself
    Authorized,    // by `authorization`
    NotAuthorized, // 403, or the connection is closed
    NoRoute,       // 404: the Server has routes, and none takes the request
    NotHttp,       // what came is not what the Server says that the port speaks
};

struct Decision {
    bool allowed = true;
    Why why = Why::Authorized;
    int status = 0;              // of the answer in place of the application's; 0: none, or no HTTP
    std::string authorization{}; // Authorization::name; "probe" for a kubelet's path
    std::string route{};         // "NS/NAME" of the HTTPRoute that took the request; "": none
    bool audit = false;
    std::string text{}; // one line
};

/// What is spoken on the connection.
enum class Speech : std::uint8_t { Tcp, Http1, Http2 };

/// `request` is for HTTP only, and not null there.
[[nodiscard]] Decision decide(
    const InboundServer& server,
    const ConnectionFacts& connection,
    Speech speech,
    const RequestFacts* request);

[[nodiscard]] bool is_authorized(const Authorization& by, const ConnectionFacts& connection);
/// Why not: "it comes without an identity", "10.1.2.3 is in none of 10.0.0.0/8"; "" if it is.
[[nodiscard]] std::string mismatch(const Authorization& by, const ConnectionFacts& connection);
/// Whom it lets in: "anybody", "clients a.b from 10.0.0.0/8".
[[nodiscard]] std::string describe(const Authorization& by);
/// "AuthorizationPolicy shop/web" of "authorizationpolicy/shop/web".
[[nodiscard]] std::string title(const std::string& reference);

} // namespace mesh::linkerd
