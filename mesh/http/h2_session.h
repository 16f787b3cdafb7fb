#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mesh/http/h2_streams.h"
#include "mesh/http/message.h"
#include "netemu/base/limits.h"

namespace mesh {

struct H2Options {
    std::size_t head_bytes_max = netemu::limits::kHttpHeaderBytesMax;
    std::size_t body_bytes_max = netemu::limits::kHttpBodyBytesMax;
    std::uint32_t streams_max = 100;
    /// What is answered to a request with a larger body, of which its head is given; null: 413.
    std::function<Response(const Request& head)> too_large;
};

/// The server's side of one HTTP/2 connection whose requests and answers are kept as a whole, for a
/// server that has small ones (H2Streams is for all others). Pure: bytes in, bytes out.
/// Requests arrive as the same values as over HTTP/1.1, with a Host field made from :authority.
/// Must not be destroyed from within its own callback.
class H2ServerSession {
public:
    /// Called from `feed` or `upgrade` when a request is complete; `respond` may be called at once
    /// or later.
    using Handler = std::function<void(std::int32_t stream, Request request)>;

    explicit H2ServerSession(Handler handler, H2Options options = {});
    H2ServerSession(const H2ServerSession&) = delete;
    H2ServerSession& operator=(const H2ServerSession&) = delete;
    ~H2ServerSession();

    /// Takes over a connection after "101 Switching Protocols" (RFC 7540 section 3.2): `settings`
    /// is the value of HTTP2-Settings, and `request`, the one that asked for it, becomes stream 1.
    /// False if the settings are bad.
    [[nodiscard]] bool upgrade(std::string_view settings, const Request& request);

    /// Takes what the client has sent, preface included. False when the peer broke the protocol:
    /// send what `take_output` still has, then close.
    [[nodiscard]] bool feed(std::string_view bytes);

    /// Answers a stream; no effect if the client has reset it meanwhile. A HEAD request is answered
    /// without body. The client is told the body's length, unless there is a transfer-encoding.
    void respond(std::int32_t stream, Response response);

    /// The bytes to send now, at most about 1 MiB; empty when there is nothing (or flow control
    /// says wait).
    std::string take_output();
    /// Whether the session has ended in good order: nothing will be read or written any more.
    [[nodiscard]] bool finished() const;
    [[nodiscard]] std::size_t open_streams() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace mesh
