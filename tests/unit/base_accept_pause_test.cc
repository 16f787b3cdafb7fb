#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/acceptor.h"
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

/// A real listener that cannot have a descriptor for its client, and then can.
BOOST_AUTO_TEST_CASE(an_acceptor_takes_the_client_when_it_can) {
    EventLoop loop;
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage address{};
    auto size = Endpoint{IpAddress::parse("127.0.0.1").value(), 0}.to_sockaddr(address);
    BOOST_REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    BOOST_REQUIRE(::listen(listener.get(), 4) == 0);
    size = sizeof address;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    Acceptor acceptor(loop, listener.get());
    std::optional<Acceptor::Accepted> accepted;
    int told = 0;
    loop.add(listener.get(), EPOLLIN, [&](std::uint32_t) {
        ++told;
        accepted = acceptor.next();
    });
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    auto none = before;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto until = Clock::now() + std::chrono::milliseconds(350);
    while (Clock::now() < until) {
        loop.run_once(std::chrono::milliseconds(20));
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_TEST(!accepted);
    BOOST_TEST(told >= 1);
    BOOST_TEST(told <= 4); // it rests
    for (int i = 0; i < 1000 && !accepted; ++i) {
        loop.run_once(std::chrono::milliseconds(20));
    }
    BOOST_REQUIRE(accepted);
    BOOST_TEST(accepted->client.address.to_string() == "127.0.0.1");
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&name), &length);
    BOOST_TEST((accepted->client == Endpoint::from_sockaddr(name)));
    BOOST_TEST(!acceptor.next()); // nobody else waits
    loop.remove(listener.get());
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
