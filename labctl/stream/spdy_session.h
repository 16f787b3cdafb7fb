#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "labctl/stream/spdy_frame.h"

/// The server's side of one SPDY/3.1 connection: streams that a client opens, and what is sent on
/// them. Pure: bytes go in by `feed` and come out by `take_output`.
///
/// Flow control is TCP's alone. Kubernetes' clients (github.com/moby/spdystream) announce no
/// windows and look at none, so holding to SPDY's would stall them after 64 KiB; a WINDOW_UPDATE is
/// read and means nothing.
namespace labctl::stream {

struct SpdyEvent {
    enum class Kind : unsigned char {
        Opened, // accepted already (SYN_REPLY)
        Data,
        Ended, // the client's half; it may still read
        Reset, // by the client; the stream is gone
    };
    Kind kind = Kind::Opened;
    std::uint32_t stream = 0;
    SpdyHeaders headers; // Opened
    std::string bytes;   // Data
};

inline constexpr std::size_t kSpdyStreamsMax = 1024; // open at the same time

class SpdySession {
public:
    void feed(std::string_view bytes) { reader_.feed(bytes); }
    std::optional<SpdyEvent> next();
    /// Whether the client has said GOAWAY or broken the protocol: there is nothing more to wait
    /// for.
    [[nodiscard]] bool over() const { return over_; }

    // A stream that is not open on our side any more is passed over.
    void send(std::uint32_t stream, std::string_view bytes);
    /// Ends our half.
    void finish(std::uint32_t stream);
    void reset(std::uint32_t stream, SpdyStatus status);
    /// Tells that no more streams are served.
    void go_away();

    /// What is to be sent to the client.
    std::string take_output() { return std::exchange(output_, {}); }

private:
    struct Stream {
        bool ours = true;   // open from us to the client
        bool theirs = true; // open from the client to us
    };
    using Streams = std::map<std::uint32_t, Stream>;

    std::optional<SpdyEvent> handle(SpdyFrame& frame);
    std::optional<SpdyEvent> opened(SpdyFrame& frame);
    std::optional<SpdyEvent> data(SpdyFrame& frame);
    void forget_closed(Streams::iterator stream);
    void fail();

    SpdyReader reader_;
    SpdyHeaderWriter headers_;
    std::string output_;
    Streams streams_;
    std::optional<SpdyEvent> pending_; // the end of a stream that came with something else
    std::uint32_t last_ = 0;           // stream that the client has opened
    bool gone_away_ = false;
    bool over_ = false;
};

} // namespace labctl::stream
