/// Any bytes at all from a client of exec or port-forward end as events or as a failure, soon, and
/// the same however they are cut. The first byte says what they are: "w" frames of a WebSocket,
/// others SPDY. libFuzzer's entry point; replay.cc calls it with the files of a corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "labctl/stream/spdy_session.h"
#include "labctl/stream/websocket.h"

using namespace labctl::stream; // NOLINT(google-build-using-namespace): a program of one page

namespace {

std::string of_websocket(std::string_view bytes, std::size_t piece) {
    WebSocketReader reader;
    std::string told;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.feed(bytes.substr(at, piece));
        while (const auto event = reader.next()) {
            told += event->bytes;
        }
    }
    return told + (reader.failed() ? "!" + reader.error() : "");
}

std::string of_spdy(std::string_view bytes, std::size_t piece) {
    SpdySession session;
    std::string told;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        session.feed(bytes.substr(at, piece));
        while (const auto event = session.next()) {
            told += event->bytes + std::to_string(event->headers.size());
            session.send(event->stream, "x");
            session.finish(event->stream);
        }
        told += session.take_output().empty() ? "" : "o";
    }
    return told;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT: its name
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.empty()) {
        return 0;
    }
    const auto bytes = text.substr(1);
    if (text.front() != 'w') {
        (void)of_spdy(bytes, 1);
        (void)of_spdy(bytes, 4096);
    } else if (of_websocket(bytes, 1) != of_websocket(bytes, bytes.size() + 1)) {
        std::abort();
    }
    return 0;
}
