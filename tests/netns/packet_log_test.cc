#include <array>
#include <random>
#include <vector>

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/kernel/packet_log.h"
#include "tests/netns/kernel_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace netemu;
using namespace netemu::test;

namespace {

constexpr std::uint16_t kGroup = 100;

/// A node whose loopback drops what goes to port 7 and every echo request, and logs it.
struct LogNet : KernelFixture {
    LogNet() {
        create({"node/a"});
        must({"ip", "link", "set", "lo", "up"});
        must(
            {"nft",
             "add table inet t; add chain inet t out { type filter hook output priority 0; }"});
        for (const char* match :
             {"tcp dport 7", "udp dport 7", "icmp type echo-request", "icmpv6 type echo-request"}) {
            must(
                {"nft",
                 std::string("add rule inet t out ") + match +
                     " counter log group 100 prefix \"t/" + match + "\" drop"});
        }
    }

    void must(const std::vector<std::string>& command) {
        const auto output = run_in(kernel->namespace_fd("node/a"), command);
        BOOST_REQUIRE_MESSAGE(output.status == 0, output.err);
    }

    UniqueFd socket(int domain, int type, int protocol) {
        return kernel->open_socket("node/a", domain, type | SOCK_NONBLOCK, protocol);
    }

    /// Connects the socket and says what its own address has become.
    static Endpoint connect(const UniqueFd& fd, const Endpoint& to) {
        sockaddr_storage address{};
        auto size = to.to_sockaddr(address);
        const int done = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
        BOOST_REQUIRE(done == 0 || errno == EINPROGRESS);
        size = sizeof address;
        BOOST_REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        return Endpoint::from_sockaddr(address);
    }

    /// The next packet that is told, which must come.
    static LoggedPacket next(PacketLog& log) {
        std::vector<LoggedPacket> packets;
        while (packets.empty()) {
            pollfd waits{log.fd(), POLLIN, 0};
            BOOST_REQUIRE(::poll(&waits, 1, 20000) == 1);
            log.read([&](const LoggedPacket& packet) { packets.push_back(packet); });
        }
        BOOST_TEST(packets.size() == 1U);
        return packets.front();
    }

    /// Packets that the rule with this prefix has counted: the kernel's own number.
    std::uint64_t counted(const std::string& prefix) {
        for (const auto& entry : nft_json("node/a", {"list", "ruleset"})) {
            if (!entry.contains("rule")) {
                continue;
            }
            std::uint64_t packets = 0;
            bool ours = false;
            for (const auto& part : entry.at("rule").at("expr")) {
                packets = part.contains("counter")
                              ? part.at("counter").at("packets").get<std::uint64_t>()
                              : packets;
                ours = ours || (part.contains("log") && part.at("log").at("prefix") == prefix);
            }
            if (ours) {
                return packets;
            }
        }
        return 0;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(packet_log, LogNet)

BOOST_AUTO_TEST_CASE(a_dropped_syn_is_told_with_its_ports_and_its_rule) {
    PacketLog log(*kernel, "node/a", kGroup);
    for (const char* to : {"127.0.0.1:7", "[::1]:7"}) {
        const auto remote = *Endpoint::parse(to);
        const auto client = socket(remote.address.af(), SOCK_STREAM, IPPROTO_TCP);
        const auto local = connect(client, remote);
        const auto packet = next(log);
        BOOST_TEST(packet.prefix == "t/tcp dport 7");
        BOOST_TEST(packet.protocol == IPPROTO_TCP);
        BOOST_TEST(packet.source.to_string() == local.to_string());
        BOOST_TEST(packet.destination.to_string() == to);
        BOOST_TEST((packet.tcp_flags & 0x3f) == 2); // SYN, whatever of ECN
        BOOST_TEST(packet.out_link == "lo");
        BOOST_TEST(packet.in_link.empty());
    }
    BOOST_TEST(log.lost() == 0U);
}

BOOST_AUTO_TEST_CASE(a_dropped_datagram_and_a_dropped_echo_request_are_told) {
    PacketLog log(*kernel, "node/a", kGroup);
    const auto udp = socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
    const auto local = connect(udp, *Endpoint::parse("[::1]:7"));
    (void)::send(udp.get(), "x", 1, 0);
    auto packet = next(log);
    BOOST_TEST(packet.protocol == IPPROTO_UDP);
    BOOST_TEST(packet.source.to_string() == local.to_string());

    const auto raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    (void)connect(raw, *Endpoint::parse("127.0.0.1:0"));
    icmphdr echo{};
    echo.type = ICMP_ECHO;
    echo.checksum = htons(static_cast<std::uint16_t>(~(0x0800 + 0x1234 + 0x5678)));
    echo.un.echo.id = htons(0x1234);
    echo.un.echo.sequence = htons(0x5678);
    (void)::send(raw.get(), &echo, sizeof echo, 0);
    packet = next(log);
    BOOST_TEST(packet.protocol == IPPROTO_ICMP);
    BOOST_TEST(packet.prefix == "t/icmp type echo-request");
    BOOST_TEST(packet.icmp_type == 8);
    BOOST_TEST(packet.echo_id == 0x1234);
    BOOST_TEST(packet.echo_sequence == 0x5678);
    BOOST_TEST(packet.source.port == 0);
}

BOOST_AUTO_TEST_CASE(every_packet_is_told_or_counted_as_lost) {
    PacketLog log(*kernel, "node/a", kGroup);
    const auto udp = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    (void)connect(udp, *Endpoint::parse("127.0.0.1:7"));
    constexpr int kSent = 30000; // more than the buffer holds
    for (int i = 0; i < kSent; ++i) {
        (void)::send(udp.get(), "x", 1, 0);
    }
    std::uint64_t told = 0;
    const auto count = [&](const LoggedPacket&) { ++told; };
    for (std::uint64_t before = 1; before != told;) {
        before = told;
        log.read(count);
    }
    BOOST_TEST(told > 100U);
    BOOST_TEST(told < std::uint64_t{kSent}); // or the test does not test what it says
    (void)::send(udp.get(), "x", 1, 0);      // its number tells of the gap before it
    log.read(count);
    BOOST_TEST(told + log.lost() == counted("t/udp dport 7"));
}

BOOST_AUTO_TEST_CASE(a_group_has_one_listener_and_closing_it_makes_room) {
    {
        PacketLog log(*kernel, "node/a", kGroup);
        BOOST_CHECK_EXCEPTION(
            PacketLog(*kernel, "node/a", kGroup), SysError, [](const auto& error) {
                return error.error_number() == EPERM;
            });
        PacketLog other(*kernel, "node/a", kGroup + 1);
    }
    BOOST_CHECK_NO_THROW(PacketLog(*kernel, "node/a", kGroup));
    create({"node/b"}); // every namespace has groups of its own
    PacketLog here(*kernel, "node/a", kGroup);
    BOOST_CHECK_NO_THROW(PacketLog(*kernel, "node/b", kGroup));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(packet_headers)

BOOST_AUTO_TEST_CASE(headers_are_read_behind_options_and_extensions_and_not_in_later_fragments) {
    std::vector<std::uint8_t> v4{0x46, 0, 0,  0, 0, 0, 0x40, 0, 64, 17,
                                 0,    0, 10, 0, 0, 1, 10,   0, 0,  2};
    v4.insert(v4.end(), {1, 1, 1, 1}); // one word of options
    v4.insert(v4.end(), {0x9c, 0x40, 0, 53, 0, 8, 0, 0});
    auto packet = read_headers(v4);
    BOOST_REQUIRE(packet.has_value());
    BOOST_TEST(packet->source.to_string() == "10.0.0.1:40000");
    BOOST_TEST(packet->destination.to_string() == "10.0.0.2:53");
    v4[7] = 3; // a later fragment: what stands there is no header
    BOOST_TEST(read_headers(v4)->source.port == 0);

    std::vector<std::uint8_t> v6(40, 0);
    v6[0] = 0x60;
    v6[6] = 0;                                      // hop-by-hop options
    v6[23] = 1;                                     // ::1
    v6[39] = 2;                                     // ::2
    v6.insert(v6.end(), {60, 0, 1, 4, 0, 0, 0, 0}); // then destination options
    v6.insert(
        v6.end(), {6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); // of two words, then TCP
    v6.insert(v6.end(), {0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0});
    packet = read_headers(v6);
    BOOST_REQUIRE(packet.has_value());
    BOOST_TEST(packet->protocol == IPPROTO_TCP);
    BOOST_TEST(packet->source.to_string() == "[::1]:40000");
    BOOST_TEST(packet->destination.to_string() == "[::2]:80");
    BOOST_TEST(packet->tcp_flags == 2);
    for (std::size_t size = 0; size < v6.size(); ++size) { // every cut is survived
        (void)read_headers(std::span(v6).first(size));
    }
}

BOOST_AUTO_TEST_CASE(any_bytes_are_survived) {
    std::mt19937 random(5);
    for (int round = 0; round < 200000; ++round) {
        std::vector<std::uint8_t> bytes(random() % PacketLog::kPacketBytes);
        for (auto& byte : bytes) {
            byte = static_cast<std::uint8_t>(random());
        }
        if (!bytes.empty()) {
            bytes[0] =
                static_cast<std::uint8_t>((random() % 2 == 0 ? 0x40 : 0x60) | (bytes[0] & 0xf));
        }
        if (bytes.size() > 6) {
            bytes[6] = static_cast<std::uint8_t>(random() % 61); // often an extension header
        }
        const auto packet = read_headers(bytes);
        BOOST_REQUIRE(
            packet.has_value() == (bytes.size() >= (bytes.empty() || bytes[0] < 0x60 ? 20U : 40U)));
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
