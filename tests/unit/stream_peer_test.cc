#include <string>

#include <boost/test/unit_test.hpp>

#include "labctl/stream/channel_command_peer.h"
#include "labctl/stream/channel_forward_peer.h"

using namespace labctl::stream;

namespace {

/// A client that the test plays.
struct FakeLink final : ByteLink {
    Handlers handlers;
    std::string sent;
    bool full = false;
    bool paused = false;
    bool finished = false;

    void handle(Handlers given) override { handlers = std::move(given); }
    void send(std::string_view bytes) override { sent += bytes; }
    [[nodiscard]] bool congested() const override { return full; }
    void pause(bool on) override { paused = on; }
    void finish() override { finished = true; }

    /// A masked frame, with a mask of zeros.
    void say(unsigned char first, const std::string& payload) {
        BOOST_REQUIRE(payload.size() < 126);
        handlers.input(
            std::string{static_cast<char>(first), static_cast<char>(0x80U | payload.size())} +
            std::string(4, '\0') + payload);
    }
};

struct CommandOverWebSocket {
    netemu::EventLoop loop;
    FakeLink link;
    WebSocketLink websocket{link};
    ChannelCommandPeer peer{loop, websocket, {true, true, true, true}, true};
    std::string log;

    CommandOverWebSocket() {
        peer.start(
            {[this] { log += "ready "; },
             [this](std::string_view bytes) { log += "in(" + std::string(bytes) + ") "; },
             [this] { log += "end "; },
             [this](TerminalSize size) {
                 log += std::to_string(size.columns) + "x" + std::to_string(size.rows) + " ";
             },
             [this] { log += "room "; },
             [this] { log += "gone "; }});
        loop.run_once(std::chrono::milliseconds(100));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(peers)

BOOST_FIXTURE_TEST_CASE(channels_of_a_command, CommandOverWebSocket) {
    BOOST_TEST(log == "ready ");
    BOOST_TEST(link.sent == "\x82\x01\x01");
    link.sent.clear();
    link.say(0x82, std::string("\0hello", 6));
    link.say(0x02, std::string(1, '\0')); // a message in two frames
    link.say(0x80, "x");
    link.say(0x82, "\4{\"Width\":80,\"Height\":24}");
    link.say(0x82, "\4nonsense");
    link.say(0x82, "\4{\"Width\":99999,\"Height\":24}");
    link.say(0x82, "\7unknown");
    link.say(0x82, "");
    link.say(0x82, std::string("\xff\0", 2));
    BOOST_TEST(log == "ready in(hello) in(x) 80x24 0x0 0x0 end ");
    peer.output(OutputChannel::Error, "no");
    peer.finish("{}");
    BOOST_TEST(link.sent == std::string("\x82\3\2no\x82\3\3{}\x88\2\3\xe8"));
    BOOST_TEST(link.finished);
}

BOOST_FIXTURE_TEST_CASE(pings_cost_a_client_that_does_not_read_nothing, CommandOverWebSocket) {
    link.sent.clear();
    link.say(0x89, "one");
    BOOST_TEST(link.sent == "\x8a\3one");
    link.sent.clear();
    link.full = true;
    for (int i = 0; i < 1000; ++i) {
        link.say(0x89, std::to_string(i));
    }
    BOOST_TEST(link.sent.empty());
    link.full = false;
    link.handlers.room();
    BOOST_TEST(
        link.sent == "\x8a\3"
                     "999");
    BOOST_TEST(log == "ready room ");
}

BOOST_FIXTURE_TEST_CASE(a_client_that_breaks_the_rules_is_told_and_gone, CommandOverWebSocket) {
    link.sent.clear();
    link.handlers.input(std::string("\x82\1xabcdefgh"));
    BOOST_TEST(link.sent.substr(0, 1) == "\x88");
    BOOST_TEST(link.sent.substr(2, 2) == "\x03\xea");
    BOOST_TEST(link.finished);
    link.say(0x82, std::string("\0x", 2));
    BOOST_TEST(log == "ready gone ");
}

BOOST_FIXTURE_TEST_CASE(a_client_that_closes_is_answered, CommandOverWebSocket) {
    link.sent.clear();
    link.say(0x88, "\x03\xe8");
    link.handlers.gone();
    BOOST_TEST(link.sent == "\x88\2\3\xe8");
    BOOST_TEST(log == "ready gone ");
}

BOOST_AUTO_TEST_CASE(channels_of_forwarded_ports) {
    netemu::EventLoop loop;
    FakeLink link;
    WebSocketLink websocket(link);
    ChannelForwardPeer peer(loop, websocket, {80, 8080});
    std::string log;
    peer.start(
        {[&](auto connection, std::uint16_t port) {
             log += std::to_string(connection) + "=" + std::to_string(port) + " ";
         },
         [&](auto connection, std::string_view bytes) {
             log += std::to_string(connection) + "<" + std::string(bytes) + " ";
         },
         [](auto) {},
         [](auto) {},
         [] {},
         [] {}});
    loop.run_once(std::chrono::milliseconds(100));
    BOOST_TEST(
        link.sent ==
        std::string("\x82\3\0\x50\0\x82\3\1\x50\0\x82\3\2\x90\x1f\x82\3\3\x90\x1f", 20));
    link.say(0x82, "\2abc");
    link.say(0x82, "\1of errors"); // the server's
    link.say(0x82, "\x08nowhere");
    BOOST_TEST(log == "0=80 1=8080 1<abc ");
    link.sent.clear();
    peer.close(0, "no");
    BOOST_TEST(link.sent == std::string("\x82\3\1no"));
    peer.close(1, "");
    BOOST_TEST(link.finished);
}

BOOST_AUTO_TEST_CASE(what_a_fast_client_sends_to_a_port_is_not_lost) {
    netemu::EventLoop loop;
    FakeLink link;
    WebSocketLink websocket(link);
    ChannelForwardPeer peer(loop, websocket, {80});
    std::string log;
    peer.start(
        {[&](auto, std::uint16_t port) { log += "open " + std::to_string(port) + " "; },
         [&](auto, std::string_view bytes) { log += "in(" + std::string(bytes) + ") "; },
         [](auto) {},
         [](auto) {},
         [] {},
         [] {}});
    link.say(0x82, std::string("\0GET", 4)); // before the loop has come to the peer
    loop.run_once(std::chrono::milliseconds(100));
    BOOST_TEST(log == "open 80 in(GET) ");
}

BOOST_AUTO_TEST_SUITE_END()
