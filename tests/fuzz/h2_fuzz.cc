/// Any bytes at all that a peer sends over HTTP/2 end as messages or as a broken connection, and
/// what is told of a stream is in order. The first byte says which side we are, and how large the
/// pieces are. libFuzzer's entry point; replay.cc calls it with the files of a corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string_view>

#include "mesh/http/h2_streams.h"

namespace {

constexpr std::size_t kOutputMax = 64U << 20U;

/// Answers each request, and fails when it is told of things in another order than is promised.
class Peer final : public mesh::H2Listener {
public:
    explicit Peer(mesh::H2Streams::Role role) : streams(role, *this, {}) {}

    void on_h2_request(std::int32_t stream, const mesh::Request& /*head*/, bool ends) override {
        expect(State::None, stream, ends ? State::Ended : State::Open);
        streams.respond(stream, {}, false);
        streams.send_body(stream, "answer");
        if (ends) {
            streams.end(stream, {{"x", "y"}});
        }
    }
    void on_h2_response(std::int32_t stream, const mesh::Response& /*head*/, bool ends) override {
        expect(State::None, stream, ends ? State::Ended : State::Open);
    }
    void on_h2_body(std::int32_t stream, std::string_view /*piece*/) override {
        expect(State::Open, stream, State::Open);
        streams.pause(stream, ++pieces % 2 == 0);
    }
    void on_h2_end(std::int32_t stream, const mesh::Headers& /*trailers*/) override {
        expect(State::Open, stream, State::Ended);
        streams.end(stream, {});
    }
    void on_h2_reset(std::int32_t stream, std::uint32_t /*code*/) override {
        if (states_[stream] == State::Reset) {
            fail("a stream is reset twice");
        }
        states_[stream] = State::Reset;
    }

    mesh::H2Streams streams;
    std::size_t pieces = 0;

private:
    enum class State : std::uint8_t { None, Open, Ended, Reset };

    [[noreturn]] static void fail(const char* what) {
        std::cerr << what << '\n';
        std::abort();
    }
    void expect(State before, std::int32_t stream, State after) {
        auto& state = states_[stream];
        if (state != before) {
            fail("a stream is told in a wrong order");
        }
        state = after;
    }

    std::map<std::int32_t, State> states_;
};

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT: its name
    if (size == 0) {
        return 0;
    }
    const unsigned first = data[0];
    const bool client = (first & 1U) != 0;
    const std::size_t step = (first >> 1U) + 1;
    Peer peer(client ? mesh::H2Streams::Role::Client : mesh::H2Streams::Role::Server);
    if (client) {
        (void)peer.streams.request({}, "http", true);
        (void)peer.streams.request({}, "http", false);
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::size_t sent = 0;
    bool healthy = true;
    for (std::size_t at = 0; at < bytes.size() && healthy; at += step) {
        healthy = peer.streams.feed(bytes.substr(at, step));
        sent += peer.streams.take_output().size();
        if (sent > kOutputMax) {
            std::cerr << "there is no end to what it says\n";
            std::abort();
        }
    }
    return 0;
}
