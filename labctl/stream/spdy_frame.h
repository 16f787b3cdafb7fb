#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "labctl/stream/spdy_headers.h"

/// Frames of SPDY/3 and 3.1 (draft-mbelshe-httpbis-spdy-00, section 2.2 and 2.6) as values. Pure.
namespace labctl::stream {

enum class SpdyType : std::uint16_t {
    Data = 0, // our name for what is no control frame
    SynStream = 1,
    SynReply = 2,
    RstStream = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    Headers = 8,
    WindowUpdate = 9,
};

/// Section 2.6.3.
enum class SpdyStatus : std::uint32_t {
    ProtocolError = 1,
    InvalidStream = 2,
    RefusedStream = 3,
    Cancel = 5,
    InternalError = 6,
    StreamInUse = 8,
    StreamAlreadyClosed = 9,
};

struct SpdyFrame {
    SpdyType type = SpdyType::Data;
    std::uint32_t stream = 0; // of all but Settings, Ping and GoAway
    std::uint32_t value = 0;  // RstStream, GoAway: a status; Ping: its number; WindowUpdate: bytes
    bool fin = false;         // the sender's half of the stream ends here
    SpdyHeaders headers;      // SynStream, SynReply, Headers
    std::string bytes;        // Data: a piece of the frame's; `fin` comes with the last one
};

/// A control frame before decompression. Data is handed on as it comes.
inline constexpr std::size_t kSpdyControlBytesMax = 32U << 10U;

/// Takes bytes in pieces of any size and never throws on what a peer sends: a broken frame is a
/// value (`failed()`), after which the connection must be closed, since the peer's header
/// compression can no longer be followed. Control frames of unknown types are passed over (section
/// 2.2.1). Holds no more than was fed and not yet taken.
class SpdyReader {
public:
    void feed(std::string_view bytes);
    std::optional<SpdyFrame> next();

    [[nodiscard]] bool failed() const { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const { return error_; }

private:
    std::optional<SpdyFrame> data();
    std::optional<SpdyFrame> control();
    std::optional<SpdyFrame> read_control(unsigned type, unsigned flags, std::string_view body);
    std::nullopt_t fail(std::string text);
    [[nodiscard]] std::size_t available() const { return input_.size() - used_; }

    std::string input_;
    std::size_t used_ = 0;
    bool in_data_ = false;
    SpdyFrame data_;            // its stream and whether it ends it
    std::size_t data_left_ = 0; // of the payload
    std::size_t skip_ = 0;      // of a frame that is passed over
    SpdyHeaderReader headers_;
    std::string error_;
};

// Frames of ours. A stream's number is one of 31 bits.

std::string spdy_data(std::uint32_t stream, std::string_view bytes, bool fin);
/// `block` is a SpdyHeaderWriter's.
std::string spdy_syn_reply(std::uint32_t stream, std::string_view block);
std::string spdy_rst_stream(std::uint32_t stream, SpdyStatus status);
std::string spdy_ping(std::uint32_t number);
/// `last` is the last stream of the peer's that was served. Status 0: nothing is wrong; 1: the peer
/// has broken the protocol.
std::string spdy_go_away(std::uint32_t last, std::uint32_t status);

} // namespace labctl::stream
