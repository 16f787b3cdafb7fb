#include <array>
#include <chrono>
#include <stdexcept>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/process.h"

using namespace netemu;
using namespace std::chrono_literals;

namespace {

void poke(const UniqueFd& fd) {
    BOOST_REQUIRE(::write(fd.get(), "x", 1) == 1);
}

void drain(int fd) {
    std::array<char, 8> buffer{};
    BOOST_REQUIRE(::read(fd, buffer.data(), buffer.size()) > 0);
}

} // namespace

BOOST_AUTO_TEST_SUITE(event_loop)

BOOST_AUTO_TEST_CASE(dispatches_what_is_ready) {
    EventLoop loop;
    const SocketPair pair(SOCK_STREAM);
    int calls = 0;
    loop.add(pair.first.get(), EPOLLIN, [&](std::uint32_t events) {
        BOOST_TEST((events & EPOLLIN) != 0U);
        drain(pair.first.get());
        ++calls;
    });
    BOOST_TEST(loop.watches(pair.first.get()));
    BOOST_TEST(!loop.run_once(0ms));
    poke(pair.second);
    BOOST_TEST(loop.run_once(1s));
    BOOST_TEST(calls == 1);
    BOOST_TEST(!loop.run_once(0ms));
}

BOOST_AUTO_TEST_CASE(changes_the_mask) {
    EventLoop loop;
    const SocketPair pair(SOCK_STREAM);
    std::uint32_t seen = 0;
    loop.add(pair.first.get(), EPOLLIN, [&](std::uint32_t events) { seen |= events; });
    loop.modify(pair.first.get(), EPOLLOUT);
    BOOST_TEST(loop.run_once(1s));
    BOOST_TEST(seen == static_cast<std::uint32_t>(EPOLLOUT));
    BOOST_CHECK_THROW(loop.modify(pair.second.get(), EPOLLIN), SysError);
    BOOST_CHECK_THROW(loop.add(pair.first.get(), EPOLLIN, [](auto) {}), SysError);
}

BOOST_AUTO_TEST_CASE(a_callback_may_remove_itself) {
    EventLoop loop;
    const SocketPair pair(SOCK_STREAM);
    int calls = 0;
    const auto keeps = std::make_shared<int>(7); // alive as long as the callback
    loop.add(pair.first.get(), EPOLLIN, [&, keeps](std::uint32_t) {
        loop.remove(pair.first.get());
        calls += *keeps;
    });
    poke(pair.second);
    BOOST_TEST(loop.run_once(1s));
    BOOST_TEST(!loop.run_once(0ms));
    BOOST_TEST(calls == 7);
    BOOST_TEST(!loop.watches(pair.first.get()));
    loop.remove(pair.first.get()); // no effect
}

/// Two descriptors are ready; the callback that runs first closes the other and a new one takes its
/// number.
BOOST_AUTO_TEST_CASE(an_event_of_a_closed_descriptor_does_not_reach_its_successor) {
    EventLoop loop;
    std::array<SocketPair, 2> pairs{SocketPair(SOCK_STREAM), SocketPair(SOCK_STREAM)};
    SocketPair quiet(SOCK_STREAM);
    int first_calls = 0;
    int successor_calls = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        loop.add(pairs.at(i).first.get(), EPOLLIN, [&, i](std::uint32_t) {
            auto& other = pairs.at(1 - i).first;
            ++first_calls;
            const int number = other.get();
            loop.remove(number);
            BOOST_REQUIRE(::dup2(quiet.first.get(), number) == number);
            loop.add(number, EPOLLIN, [&](std::uint32_t) { ++successor_calls; });
            loop.remove(pairs.at(i).first.get());
        });
        poke(pairs.at(i).second);
    }
    BOOST_TEST(loop.run_once(1s));
    BOOST_TEST(first_calls == 1);
    BOOST_TEST(successor_calls == 0);
    poke(quiet.second);
    BOOST_TEST(loop.run_once(1s));
    BOOST_TEST(successor_calls == 1);
}

BOOST_AUTO_TEST_CASE(timers_run_in_order_of_deadline) {
    EventLoop loop;
    std::vector<int> order;
    const auto start = Clock::now();
    loop.at(start + 3ms, [&] { order.push_back(3); });
    loop.at(start + 1ms, [&] { order.push_back(1); });
    const auto cancelled = loop.at(start + 2ms, [&] { order.push_back(2); });
    loop.at(start + 3ms, [&] {
        order.push_back(4);
        loop.stop();
    });
    loop.cancel(cancelled);
    loop.cancel(cancelled);
    loop.run();
    BOOST_TEST(loop.stopped());
    BOOST_TEST((order == std::vector<int>{1, 3, 4}));
    BOOST_TEST((Clock::now() - start >= 3ms));
}

BOOST_AUTO_TEST_CASE(a_timer_may_cancel_and_start_others) {
    EventLoop loop;
    int runs = 0;
    EventLoop::TimerId victim = 0;
    loop.after(0us, [&] {
        ++runs;
        loop.cancel(victim);
        loop.after(0us, [&] {
            ++runs;
            loop.stop();
        });
    });
    victim = loop.after(1us, [&] { runs += 100; });
    loop.run();
    BOOST_TEST(runs == 2);
}

BOOST_AUTO_TEST_CASE(a_wait_ends_at_the_next_timer) {
    EventLoop loop;
    bool ran = false;
    loop.after(2ms, [&] { ran = true; });
    const auto start = Clock::now();
    while (!ran) {
        loop.run_once(10s);
    }
    BOOST_TEST((Clock::now() - start < 5s));
}

BOOST_AUTO_TEST_CASE(an_exception_leaves_the_loop_usable) {
    EventLoop loop;
    loop.after(0us, [] { throw std::runtime_error("out"); });
    BOOST_CHECK_THROW(loop.run(), std::runtime_error);
    bool ran = false;
    loop.after(0us, [&] {
        ran = true;
        loop.stop();
    });
    loop.run();
    BOOST_TEST(ran);
}

BOOST_AUTO_TEST_SUITE_END()
