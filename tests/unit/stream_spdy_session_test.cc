#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "labctl/stream/spdy_session.h"

using namespace labctl::stream;

namespace {

/// A client of a session, with header compression of its own.
struct SpdyClient {
    SpdySession session;
    SpdyHeaderWriter headers;
    SpdyReader answers;

    std::string syn(std::uint32_t stream, const SpdyHeaders& fields = {}, bool fin = false) {
        // The frame is a SYN_REPLY's with another type and six more bytes before the block.
        auto frame = spdy_syn_reply(stream, std::string(6, '\0') + headers.write(fields));
        frame[3] = 1;
        frame[4] = fin ? '\1' : '\0';
        return frame;
    }

    /// What the session makes of it: "open(1) data(1,x) end(1) reset(1)".
    std::string say(const std::string& bytes) {
        session.feed(bytes);
        std::string text;
        while (auto event = session.next()) {
            static constexpr const char* kNames[] = {"open", "data", "end", "reset"};
            text += (text.empty() ? "" : " ") + std::string(kNames[static_cast<int>(event->kind)]) +
                    "(" + std::to_string(event->stream) + (event->bytes.empty() ? "" : ",") +
                    event->bytes + ")";
        }
        return text;
    }

    /// What it answers: types with streams and values, and data.
    std::string heard() {
        answers.feed(session.take_output());
        std::string text;
        while (auto frame = answers.next()) {
            text += (text.empty() ? "" : " ") + std::to_string(static_cast<int>(frame->type)) +
                    ":" + std::to_string(frame->stream) + ":" + std::to_string(frame->value) +
                    frame->bytes + (frame->fin ? "." : "");
        }
        return text;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(spdy_sessions)

BOOST_AUTO_TEST_CASE(streams_open_carry_and_end) {
    SpdyClient client;
    BOOST_TEST(client.say(client.syn(1)) == "open(1)");
    BOOST_TEST(client.heard() == "2:1:0");
    BOOST_TEST(client.say(spdy_data(1, "abc", true)) == "data(1,abc) end(1)");
    client.session.send(1, "answer");
    client.session.finish(1);
    client.session.send(1, "more");
    BOOST_TEST(client.heard() == "0:1:0answer 0:1:0.");
    BOOST_TEST(client.say(client.syn(3, {{"a", "b"}}, true)) == "open(3) end(3)");
    client.session.reset(3, SpdyStatus::Cancel);
    BOOST_TEST(client.heard() == "2:3:0 3:3:5");
    BOOST_TEST(
        client.say(client.syn(5) + spdy_rst_stream(5, SpdyStatus::Cancel)) == "open(5) reset(5)");
    BOOST_TEST(client.say(spdy_data(5, "late", false)).empty());
    BOOST_TEST(client.heard() == "2:5:0");
}

BOOST_AUTO_TEST_CASE(pings_windows_and_settings) {
    SpdyClient client;
    BOOST_TEST(client.say(spdy_ping(1) + spdy_ping(2)).empty());
    BOOST_TEST(client.heard() == "6:0:1"); // an even number would be an answer to ours
    auto window = spdy_rst_stream(1, SpdyStatus::Cancel);
    window[3] = 9;
    BOOST_TEST(client.say(window).empty());
    BOOST_TEST(client.heard().empty());
    BOOST_TEST(!client.session.over());
    client.say(spdy_go_away(0, 0));
    BOOST_TEST(client.session.over());
}

BOOST_AUTO_TEST_CASE(hostile_clients) {
    {
        SpdyClient client;
        client.say(client.syn(3));
        BOOST_TEST(client.say(client.syn(3)).empty()); // used already
        BOOST_TEST(client.session.over());
        BOOST_TEST(client.heard() == "2:3:0 7:0:1");
    }
    {
        SpdyClient client;
        client.say(client.syn(2)); // a server's number
        BOOST_TEST(client.session.over());
    }
    {
        SpdyClient client;
        BOOST_TEST(client.say(spdy_data(7, "x", false)).empty()); // never opened
        BOOST_TEST(client.heard() == "3:7:2");
        client.say(client.syn(9) + spdy_data(9, "", true));
        BOOST_TEST(client.say(spdy_data(9, "x", false)) == "reset(9)"); // ended already
        BOOST_TEST(client.heard() == "2:9:0 3:9:9");
    }
    {
        SpdyClient client;
        client.say("garbage that is no frame: it would be data of a stream that is not there");
        BOOST_TEST(!client.session.over());
        client.say(std::string("\x80\2\0\1\0\0\0\0", 8));
    }
}

BOOST_AUTO_TEST_CASE(streams_are_counted) {
    SpdyClient client;
    std::uint32_t stream = 1;
    for (std::size_t i = 0; i < kSpdyStreamsMax; ++i, stream += 2) {
        BOOST_REQUIRE(client.say(client.syn(stream)) == "open(" + std::to_string(stream) + ")");
    }
    client.heard();
    BOOST_TEST(client.say(client.syn(stream)).empty());
    BOOST_TEST(client.heard() == "3:" + std::to_string(stream) + ":3");
    client.session.reset(1, SpdyStatus::Cancel);
    BOOST_TEST(client.say(client.syn(stream + 2)) == "open(" + std::to_string(stream + 2) + ")");
    client.session.go_away();
    BOOST_TEST(client.say(client.syn(stream + 4)).empty());
}

BOOST_AUTO_TEST_SUITE_END()
