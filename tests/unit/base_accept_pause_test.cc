#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/accept_pause.h"
#include "netemu/base/unique_fd.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace netemu;

namespace {

/// A listening socket with a connection in its queue that nobody accepts: without a pause the loop
/// is told of it in every round.
struct Waiting {
    Waiting() : listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const auto family = static_cast<socklen_t>(sizeof address.sun_family); // autobind
        BOOST_REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), family) == 0);
        BOOST_REQUIRE(::listen(listener.get(), 4) == 0);
        socklen_t size = sizeof address;
        ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
        client.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        BOOST_REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        loop.add(listener.get(), EPOLLIN, [this](std::uint32_t) {
            ++told;
            if (told == enough) {
                loop.stop();
            }
            pause.failed(error);
        });
    }
    ~Waiting() { loop.remove(listener.get()); }
    void run(std::chrono::milliseconds most) {
        const auto timer = loop.after(most, [this] { loop.stop(); });
        loop.run();
        loop.cancel(timer);
    }

    EventLoop loop;
    UniqueFd listener;
    UniqueFd client;
    AcceptPause pause{loop, listener.get()};
    int error = EMFILE;
    int told = 0;
    int enough = -1;
};

} // namespace

BOOST_AUTO_TEST_SUITE(base_accept_pause)

BOOST_AUTO_TEST_CASE(a_loop_without_descriptors_rests_and_tries_again) {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        Waiting waiting;
        waiting.error = error;
        waiting.run(std::chrono::milliseconds(350));
        BOOST_TEST(waiting.told >= 1);
        BOOST_TEST(waiting.told <= 4); // one for each 100 ms, and fewer on a slow machine
        waiting.enough = waiting.told + 1;
        waiting.run(std::chrono::seconds(20));
        BOOST_TEST(waiting.told == waiting.enough); // it did not fall asleep
    }
}

BOOST_AUTO_TEST_CASE(other_errors_concern_one_connection) {
    Waiting waiting;
    waiting.error = ECONNABORTED;
    waiting.enough = 1000;
    waiting.run(std::chrono::seconds(20));
    BOOST_TEST(waiting.told == 1000);
    BOOST_TEST(!waiting.pause.pausing());
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
