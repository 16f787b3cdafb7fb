#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "labctl/stream/websocket.h"

using namespace labctl::stream;

namespace {

/// Of string literals with zero bytes in them.
template <std::size_t Size>
std::string raw(const char (&text)[Size]) {
    return {text, Size - 1};
}

/// A frame as a client sends it: `first` is the first byte.
std::string masked(unsigned char first, std::string_view payload, unsigned length_bytes = 0) {
    constexpr std::string_view kMask = "\x37\xfa\x21\x3d";
    std::string frame(1, static_cast<char>(first));
    const auto size = payload.size();
    if (length_bytes == 0) {
        length_bytes = size < 126 ? 1 : size < 65536 ? 2 : 8;
    }
    frame += static_cast<char>(
        0x80U | (length_bytes == 1   ? static_cast<unsigned>(size)
                 : length_bytes == 2 ? 126U
                                     : 127U));
    for (unsigned i = length_bytes == 1 ? 0 : length_bytes; i > 0; --i) {
        frame += static_cast<char>(std::uint64_t{size} >> (8 * (i - 1)) & 0xffU);
    }
    frame += kMask;
    for (std::size_t i = 0; i < size; ++i) {
        frame += static_cast<char>(payload[i] ^ kMask[i % kMask.size()]);
    }
    return frame;
}

/// What the bytes say, one line for each event; data in pieces is one event. "!" is a failure.
std::string told(std::string_view bytes, std::size_t piece) {
    WebSocketReader reader;
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.feed(bytes.substr(at, piece));
        while (auto event = reader.next()) {
            switch (event->kind) {
            case WebSocketEvent::Kind::Data:
                text +=
                    std::string(event->begins ? "[" : "") + event->bytes + (event->ends ? "]" : "");
                break;
            case WebSocketEvent::Kind::Ping:
                text += "ping(" + event->bytes + ")";
                break;
            case WebSocketEvent::Kind::Pong:
                text += "pong(" + event->bytes + ")";
                break;
            case WebSocketEvent::Kind::Close:
                text += "close(" + event->bytes + ")";
                break;
            }
        }
    }
    if (reader.failed()) {
        text += "!" + std::to_string(static_cast<int>(reader.error_code()));
    }
    return text;
}

/// The same however the bytes are cut.
std::string told(const std::string& bytes) {
    auto text = told(bytes, bytes.size());
    for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
        BOOST_TEST(told(bytes, piece) == text);
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(websocket)

/// RFC 6455, section 5.7.
BOOST_AUTO_TEST_CASE(frames_of_the_rfc) {
    BOOST_TEST(told("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == "[Hello]");
    BOOST_TEST(told("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == "ping(Hello)");
    BOOST_TEST(websocket_frame(WebSocketOpcode::Text, "Hello") == "\x81\x05Hello");
    BOOST_TEST(websocket_head(WebSocketOpcode::Binary, 256) == raw("\x82\x7e\x01\x00"));
    BOOST_TEST(
        websocket_head(WebSocketOpcode::Binary, 65536) ==
        raw("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"));
    // Section 1.3.
    BOOST_TEST(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

BOOST_AUTO_TEST_CASE(messages_in_fragments_with_control_frames_between) {
    BOOST_TEST(
        told(
            masked(0x02, "ab") + masked(0x89, "now") + masked(0x00, "") + masked(0x80, "c") +
            masked(0x82, "")) == "[abping(now)c][]");
    for (const std::size_t size : {125U, 126U, 65535U, 65536U}) {
        const std::string payload(size, 'x');
        BOOST_TEST((told(masked(0x82, payload)) == "[" + payload + "]"));
    }
}

BOOST_AUTO_TEST_CASE(closing) {
    BOOST_TEST(told(masked(0x88, raw("\x03\xe8") + "done") + masked(0x82, "x")) == "close(done)");
    BOOST_TEST(told(masked(0x88, "")) == "close()");
    BOOST_TEST(told(masked(0x88, "\x03")) == "!1002");
    for (const auto* code : {"\x03\xed", "\x03\xee", "\x03\xf7", "\x01\x01", "\x13\x88"}) {
        BOOST_TEST(told(masked(0x88, code)) == "!1002");
    }
    BOOST_TEST(websocket_close(WebSocketClose::TooBig, "no") == "\x88\x04\x03\xf1no");
    BOOST_TEST(websocket_close(WebSocketClose::Normal, std::string(200, 'x')).size() == 127U);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_rules) {
    const std::vector<std::string> broken{
        raw("\x82\x02") + "ab" + std::string(8, 'x'), // not masked
        masked(0xc2, "x"),                            // a reserved bit
        masked(0x83, "x"),                            // an unknown opcode
        masked(0x8b, ""),
        masked(0x09, ""),                      // a ping in fragments
        masked(0x89, std::string(126, 'x')),   // one that is too long
        masked(0x80, "x"),                     // goes on with nothing
        masked(0x02, "a") + masked(0x82, "b"), // begins within another
        masked(0x82, "x", 2),                  // lengths that are longer than they need be
        masked(0x82, std::string(300, 'x'), 8)};
    for (const auto& bytes : broken) {
        const auto text = told(bytes);
        BOOST_TEST(text.ends_with("!1002"), text);
    }
    const auto huge = raw("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff") + "mask";
    BOOST_TEST(told(huge) == "!1009");
    BOOST_TEST(told(raw("\x82\xff\x00\x00\x00\x00\x40\x00\x00\x01") + "mask") == "!1009");
}

BOOST_AUTO_TEST_SUITE_END()
