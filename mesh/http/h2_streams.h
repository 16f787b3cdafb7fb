#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mesh/http/message.h"
#include "netemu/base/limits.h"

namespace mesh {

/// What a client sends first on a connection that speaks HTTP/2 by prior knowledge (RFC 9113
/// section 3.4).
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Error codes that somebody here asks about (RFC 9113 section 7).
inline constexpr std::uint32_t kH2NoError = 0x0;
inline constexpr std::uint32_t kH2ProtocolError = 0x1;
inline constexpr std::uint32_t kH2InternalError = 0x2;
inline constexpr std::uint32_t kH2RefusedStream = 0x7; // the peer has done nothing of it
inline constexpr std::uint32_t kH2Cancel = 0x8;
inline constexpr std::uint32_t kH2EnhanceYourCalm = 0xb;

/// "REFUSED_STREAM" for 7.
[[nodiscard]] std::string h2_error_name(std::uint32_t code);

/// Unsent bytes of a stream above which whoever feeds it should pause, until it has `drained`.
inline constexpr std::size_t kH2UnsentMax = 64U << 10U;

/// Who hears of what happens on the streams of a connection, from within `feed` and `take_output`.
/// May call all other members of it, may not destroy it, and should not throw.
class H2Listener {
public:
    H2Listener() = default;
    H2Listener(const H2Listener&) = delete;
    H2Listener& operator=(const H2Listener&) = delete;

    /// A stream begins (server), or its answer does (client). The value is the one that the same
    /// message has over HTTP/1.1: Host from :authority, cookies joined, and Transfer-Encoding:
    /// chunked where a body follows whose length nobody has told. `ends`: no body, no trailers.
    virtual void on_h2_request(std::int32_t /*stream*/, const Request& /*head*/, bool /*ends*/) {}
    virtual void on_h2_response(std::int32_t /*stream*/, const Response& /*head*/, bool /*ends*/) {}
    /// Server: the head of a request is larger than `head_bytes_max`, and its body is not told
    /// either. To be answered, or reset.
    virtual void on_h2_too_large(std::int32_t /*stream*/) {}
    virtual void on_h2_body(std::int32_t stream, std::string_view piece) = 0;
    /// All of the message has come. Not after a head that `ends`.
    virtual void on_h2_end(std::int32_t stream, const Headers& trailers) = 0;
    /// The stream is gone before both sides have said all: by the peer's RST_STREAM or GOAWAY, or
    /// because it broke the protocol on this stream. kH2RefusedStream: the peer has done nothing
    /// of it. kH2NoError: the answer is complete, and the rest of the request is not wanted (told
    /// to both sides). Not after `reset`.
    virtual void on_h2_reset(std::int32_t stream, std::uint32_t code) = 0;
    virtual void on_h2_drained(std::int32_t /*stream*/) {} // it was full, and is not any more
    /// Both sides have said all, and what was given here has gone out. Or else on_h2_reset.
    virtual void on_h2_closed(std::int32_t /*stream*/) {}

protected:
    ~H2Listener() = default;
};

/// One HTTP/2 connection, stream by stream and piece by piece, as its server or its client
/// (RFC 9113). Pure: bytes in, bytes out. After each call that may have made some, send what
/// `take_output` gives. Malformed messages end their stream, or the connection, and are not told:
/// what arrives has the form that RFC 9113 section 8 demands.
class H2Streams {
public:
    enum class Role : std::uint8_t { Server, Client };
    struct Options {
        std::size_t head_bytes_max = netemu::limits::kHttpHeaderBytesMax;
        std::uint32_t streams_max = 100; // that a client may have at once
    };

    /// `listener` outlives this. Throws netemu::Error when there is no memory.
    H2Streams(Role role, H2Listener& listener, Options options);
    H2Streams(const H2Streams&) = delete;
    H2Streams& operator=(const H2Streams&) = delete;
    ~H2Streams();

    /// Takes what the peer has sent, a client's preface included. False once it is `broken`.
    /// Rethrows what the listener has thrown, as `take_output` does.
    [[nodiscard]] bool feed(std::string_view bytes);
    /// The bytes to send now, at most about 1 MiB; empty when there is nothing, or flow control
    /// says wait. Not from within what it tells.
    [[nodiscard]] std::string take_output();
    /// Whether the peer broke the protocol of the connection: known at the latest when
    /// `take_output` has given the GOAWAY that tells the peer of it. Send that, then close; of
    /// streams that are open nothing is told any more.
    [[nodiscard]] bool broken() const;
    /// Whether nothing will be read or written any more: close.
    [[nodiscard]] bool finished() const;
    [[nodiscard]] std::size_t open_streams() const;

    /// Server: takes over a connection after "101 Switching Protocols" (RFC 7540 section 3.2);
    /// `settings` is the value of HTTP2-Settings, and the request that asked for it is stream 1,
    /// which is not told. False if the settings are bad.
    [[nodiscard]] bool upgrade(std::string_view settings, bool is_head);

    /// Client: whether another request can be sent now. Not after GOAWAY, nor with as many streams
    /// as the server allows.
    [[nodiscard]] bool has_room() const;
    /// Client: begins a stream. Fields of one HTTP/1.1 connection are left out, `scheme` is "http"
    /// or "https".
    std::int32_t request(const Request& head, std::string_view scheme, bool ends);
    /// Server: an answer before the answer (RFC 9110 section 15.2); `status` is 100, or 102 to 199.
    void inform(std::int32_t stream, int status);
    /// Server: answers a stream; no effect if there is no such stream (any more).
    void respond(std::int32_t stream, const Response& head, bool ends);
    /// More of a message's body; no effect if there is no such stream.
    void send_body(std::int32_t stream, std::string_view piece);
    void end(std::int32_t stream, const Headers& trailers);
    /// Ends a stream without further ado, whatever is under way on it; nothing is told of it.
    void reset(std::int32_t stream, std::uint32_t code);
    /// While it is paused, the peer can send no more than a window of that stream.
    void pause(std::int32_t stream, bool paused);
    /// Of the body.
    [[nodiscard]] std::size_t unsent(std::int32_t stream) const;
    [[nodiscard]] bool full(std::int32_t stream) const { return unsent(stream) > kH2UnsentMax; }

    /// No further streams are taken (GOAWAY); those that are open go on.
    void retire();
    /// Ends all with that code; nothing is told any more.
    void abort(std::uint32_t code);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace mesh
