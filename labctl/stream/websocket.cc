#include "labctl/stream/websocket.h"

#include <algorithm>

#include "labctl/stream/big_endian.h"
#include "netemu/base/base64.h"
#include "netemu/base/sha1.h"

namespace labctl::stream {

namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kOpcode = 0x0f;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength = 0x7f;
constexpr unsigned kLength16 = 126; // the length follows in 16 bits
constexpr unsigned kLength64 = 127; // in 64 bits
constexpr std::size_t kMaskBytes = 4;

bool is_control(WebSocketOpcode opcode) {
    return static_cast<unsigned>(opcode) >= static_cast<unsigned>(WebSocketOpcode::Close);
}

bool is_known(unsigned opcode) {
    return opcode <= static_cast<unsigned>(WebSocketOpcode::Binary) ||
           (opcode >= static_cast<unsigned>(WebSocketOpcode::Close) &&
            opcode <= static_cast<unsigned>(WebSocketOpcode::Pong));
}

/// Whether an endpoint may send that code in a closing frame (section 7.4).
bool is_close_code(unsigned code) {
    constexpr unsigned kNoStatus = 1005;
    constexpr unsigned kAbnormal = 1006;
    constexpr unsigned kUnassigned = 1004;
    constexpr unsigned kDefinedLast = 1014;
    const bool defined = code >= 1000 && code <= kDefinedLast && code != kUnassigned &&
                         code != kNoStatus && code != kAbnormal;
    return defined || (code >= 3000 && code <= 4999);
}

} // namespace

void WebSocketReader::feed(std::string_view bytes) {
    if (failed() || closed_) {
        return;
    }
    input_.erase(0, used_);
    used_ = 0;
    input_.append(bytes);
}

std::optional<WebSocketEvent> WebSocketReader::next() {
    if (failed() || closed_ || (!frame_ && !read_head())) {
        return std::nullopt;
    }
    return is_control(frame_->opcode) ? control() : data();
}

/// Whether a whole head was there, and right.
bool WebSocketReader::read_head() {
    constexpr std::size_t kShortest = 2;
    if (available() < kShortest || !check_head(byte(0), byte(1))) {
        return false;
    }
    const unsigned length = byte(1) & kLength;
    const std::size_t extended = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
    if (available() < kShortest + extended + kMaskBytes) {
        return false;
    }
    Frame frame;
    frame.opcode = static_cast<WebSocketOpcode>(byte(0) & kOpcode);
    frame.final = (byte(0) & kFinal) != 0;
    frame.remaining =
        extended == 0
            ? length
            : from_big_endian(std::string_view(input_).substr(used_ + kShortest, extended));
    const std::uint64_t shorter = extended == 2 ? kLength16 : extended == 8 ? 0x10000U : 0;
    if (frame.remaining < shorter) {
        fail(WebSocketClose::ProtocolError, "a length is written with more bytes than it needs");
        return false;
    }
    if (frame.remaining > kWebSocketFrameBytesMax) {
        fail(WebSocketClose::TooBig, "a frame is too long");
        return false;
    }
    for (std::size_t i = 0; i < kMaskBytes; ++i) {
        frame.mask[i] = static_cast<unsigned char>(byte(kShortest + extended + i));
    }
    if (!is_control(frame.opcode)) {
        frame.begins = !in_message_;
        in_message_ = true;
    }
    frame_ = frame;
    consume(kShortest + extended + kMaskBytes);
    return true;
}

bool WebSocketReader::check_head(unsigned first, unsigned second) {
    const unsigned opcode = first & kOpcode;
    const bool control = opcode >= static_cast<unsigned>(WebSocketOpcode::Close);
    const char* wrong = nullptr;
    if ((first & kReserved) != 0) {
        wrong = "a frame uses an extension that nobody has agreed on";
    } else if (!is_known(opcode)) {
        wrong = "a frame has an unknown opcode";
    } else if ((second & kMasked) == 0) {
        wrong = "a frame of a client is not masked";
    } else if (control && (first & kFinal) == 0) {
        wrong = "a control frame is fragmented";
    } else if (control && (second & kLength) > kWebSocketControlBytesMax) {
        wrong = "a control frame is too long";
    } else if (!control && (opcode == 0) != in_message_) {
        wrong = in_message_ ? "a message begins within another one"
                            : "a frame continues a message that has not begun";
    }
    if (wrong != nullptr) {
        fail(WebSocketClose::ProtocolError, wrong);
    }
    return wrong == nullptr;
}

std::optional<WebSocketEvent> WebSocketReader::data() {
    auto& frame = *frame_;
    if (frame.remaining > 0 && available() == 0) {
        return std::nullopt;
    }
    WebSocketEvent event;
    event.begins = frame.begins;
    frame.begins = false;
    event.bytes = take_payload(
        static_cast<std::size_t>(std::min<std::uint64_t>(frame.remaining, available())));
    if (frame.remaining == 0) {
        event.ends = frame.final;
        in_message_ = !frame.final;
        frame_.reset();
    }
    return event;
}

std::optional<WebSocketEvent> WebSocketReader::control() {
    if (available() < frame_->remaining) {
        return std::nullopt;
    }
    const auto opcode = frame_->opcode;
    auto payload = take_payload(static_cast<std::size_t>(frame_->remaining));
    frame_.reset();
    if (opcode == WebSocketOpcode::Close) {
        auto event = close(payload);
        return failed() ? std::nullopt : std::optional(std::move(event));
    }
    WebSocketEvent event;
    event.kind =
        opcode == WebSocketOpcode::Ping ? WebSocketEvent::Kind::Ping : WebSocketEvent::Kind::Pong;
    event.bytes = std::move(payload);
    return event;
}

WebSocketEvent WebSocketReader::close(std::string_view payload) {
    WebSocketEvent event;
    event.kind = WebSocketEvent::Kind::Close;
    constexpr std::size_t kCodeBytes = 2;
    if (payload.size() >= kCodeBytes) {
        const auto code = static_cast<unsigned>(from_big_endian(payload.substr(0, kCodeBytes)));
        if (!is_close_code(code)) {
            fail(WebSocketClose::ProtocolError, "a closing frame has a code that is none");
        }
        event.bytes = payload.substr(kCodeBytes);
    } else if (!payload.empty()) {
        fail(WebSocketClose::ProtocolError, "a closing frame has half a code");
    }
    closed_ = true;
    return event;
}

std::string WebSocketReader::take_payload(std::size_t size) {
    auto& frame = *frame_;
    auto payload = input_.substr(used_, size);
    for (auto& each : payload) {
        each = static_cast<char>(
            static_cast<unsigned char>(each) ^ frame.mask[frame.masked++ % kMaskBytes]);
    }
    frame.remaining -= size;
    consume(size);
    return payload;
}

void WebSocketReader::consume(std::size_t size) {
    used_ += size;
}

void WebSocketReader::fail(WebSocketClose code, std::string text) {
    error_code_ = code;
    error_ = std::move(text);
}

std::string websocket_head(WebSocketOpcode opcode, std::size_t size) {
    std::string head(1, static_cast<char>(kFinal | static_cast<unsigned>(opcode)));
    if (size < kLength16) {
        return head + static_cast<char>(size);
    }
    const bool large = size > 0xffffU;
    head += static_cast<char>(large ? kLength64 : kLength16);
    return head + big_endian(size, large ? 8 : 2);
}

std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload) {
    return websocket_head(opcode, payload.size()).append(payload);
}

std::string websocket_close(WebSocketClose code, std::string_view why) {
    auto payload = big_endian(static_cast<std::uint64_t>(code), 2);
    payload += why.substr(0, kWebSocketControlBytesMax - payload.size());
    return websocket_frame(WebSocketOpcode::Close, payload);
}

std::string websocket_accept(std::string_view key) {
    const auto digest =
        netemu::sha1(std::string(key).append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    return netemu::encode_base64(std::string(digest.begin(), digest.end()));
}

} // namespace labctl::stream
