#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/base/process.h"

using namespace netemu;

BOOST_AUTO_TEST_SUITE(process)

BOOST_AUTO_TEST_CASE(descriptors_travel_with_a_message) {
    const SocketPair channel(SOCK_SEQPACKET);
    const SocketPair gift(SOCK_STREAM);
    const std::array<int, 2> fds{gift.first.get(), gift.first.get()};
    const std::string_view text = "two of them";
    BOOST_TEST(send_with_fds(channel.first.get(), text, fds) == static_cast<ssize_t>(text.size()));
    std::array<char, 64> buffer{};
    const auto message = receive_with_fds(channel.second.get(), buffer);
    BOOST_TEST(std::string_view(buffer.data(), static_cast<std::size_t>(message.size)) == text);
    BOOST_REQUIRE(message.fds.size() == 2U);
    for (const auto& fd : message.fds) {
        BOOST_TEST((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    BOOST_TEST(::write(message.fds[0].get(), "x", 1) == 1);
    char byte = 0;
    BOOST_TEST(::read(gift.second.get(), &byte, 1) == 1);
    BOOST_TEST(byte == 'x');
}

BOOST_AUTO_TEST_CASE(nothing_there_full_and_closed) {
    SocketPair channel(SOCK_SEQPACKET);
    set_nonblocking(channel.first.get());
    set_nonblocking(channel.second.get());
    std::array<char, 16> buffer{};
    BOOST_TEST(receive_with_fds(channel.second.get(), buffer).size == -1);
    const std::vector<char> kilobyte(1024);
    ssize_t sent = 0;
    for (int i = 0; i < 100000 && sent >= 0; ++i) {
        sent = send_with_fds(channel.first.get(), kilobyte, {});
    }
    BOOST_TEST(sent == -1);
    channel.second.reset();
    BOOST_CHECK_THROW(send_with_fds(channel.first.get(), kilobyte, {}), SysError);
    SocketPair closed(SOCK_SEQPACKET);
    closed.first.reset();
    BOOST_TEST(receive_with_fds(closed.second.get(), buffer).size == 0);
}

BOOST_AUTO_TEST_CASE(too_many_descriptors_are_refused) {
    const SocketPair channel(SOCK_SEQPACKET);
    const std::vector<int> fds(kFdsPerMessageMax + 1, channel.first.get());
    const std::array<char, 1> byte{};
    BOOST_CHECK_THROW(send_with_fds(channel.first.get(), byte, fds), Error);
}

BOOST_AUTO_TEST_CASE(a_unique_fd_closes_what_it_owns) {
    SocketPair pair(SOCK_STREAM);
    const int number = pair.first.get();
    UniqueFd moved = std::move(pair.first);
    BOOST_TEST(moved.get() == number);
    BOOST_TEST(!pair.first); // NOLINT: what is left after a move is what is tested
    moved = UniqueFd(::fcntl(number, F_DUPFD_CLOEXEC, 0));
    BOOST_TEST(::fcntl(number, F_GETFD) == -1);
    const int released = moved.release();
    BOOST_TEST(::fcntl(released, F_GETFD) >= 0);
    moved.reset(released);
    moved.reset();
    BOOST_TEST(::fcntl(released, F_GETFD) == -1);
}

BOOST_AUTO_TEST_SUITE_END()
