#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/stream/client_socket.h"
#include "netemu/base/process.h"

using namespace labctl::stream;
using namespace std::chrono_literals;

namespace {

/// A client's connection; the test is the client.
struct Connection {
    netemu::EventLoop loop;
    netemu::SocketPair pair{SOCK_STREAM};
    std::string log;

    void handle(ClientSocket& socket) {
        socket.handle(
            {[this](std::string_view bytes) { log += "in(" + std::string(bytes) + ") "; },
             [this] { log += "room "; },
             [this] { log += "gone "; }});
    }
    void run() {
        while (loop.run_once(20ms)) {
        }
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(client_sockets)

BOOST_FIXTURE_TEST_CASE(
    a_client_that_has_gone_before_the_answer_is_told_of_by_the_loop, Connection) {
    ClientSocket socket(loop, std::move(pair.second), {});
    pair.first.reset();
    socket.send("101"); // nobody has said yet what is to be done
    handle(socket);
    socket.send("more");
    BOOST_TEST(log.empty());
    run();
    BOOST_TEST(log == "gone ");
}

BOOST_FIXTURE_TEST_CASE(what_was_read_before_comes_first, Connection) {
    ClientSocket socket(loop, std::move(pair.second), "first");
    handle(socket);
    BOOST_REQUIRE(::write(pair.first.get(), "second", 6) == 6);
    run();
    BOOST_TEST(log == "in(first) in(second) ");
}

BOOST_FIXTURE_TEST_CASE(what_was_read_before_waits_while_input_is_paused, Connection) {
    ClientSocket socket(loop, std::move(pair.second), "first");
    handle(socket);
    socket.pause(true);
    BOOST_REQUIRE(::write(pair.first.get(), "second", 6) == 6);
    run();
    BOOST_TEST(log.empty());
    socket.pause(false);
    run();
    BOOST_TEST(log == "in(first) in(second) ");
}

BOOST_FIXTURE_TEST_CASE(room_is_told_of_whoever_makes_it, Connection) {
    ClientSocket socket(loop, std::move(pair.second), {});
    handle(socket);
    const std::string large(2 * ClientSocket::kOutputBytesMax, 'x');
    socket.send(large);
    BOOST_REQUIRE(socket.congested());
    const auto read_all = [this] {
        std::string buffer(1U << 16U, '\0');
        std::size_t got = 0;
        for (ssize_t size = 0;
             (size = ::recv(pair.first.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
            got += static_cast<std::size_t>(size);
        }
        return got;
    };
    std::size_t got = 0;
    while (socket.congested()) {
        got += read_all();
        socket.send("y"); // the client has read, and somebody sends before the loop comes by
    }
    BOOST_TEST(log.empty());
    run();
    BOOST_TEST(log == "room ");
    BOOST_TEST(got > 0);
}

BOOST_AUTO_TEST_SUITE_END()
