#define BOOST_TEST_NO_MAIN
#include <array>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/netns/dns_net.h"

using namespace test;

namespace {

constexpr const char* kServer = "10.96.0.10:53";

std::string framed(const std::string& message) {
    return std::string{static_cast<char>(message.size() >> 8U), static_cast<char>(message.size())} +
           message;
}

/// A client that speaks bytes.
struct TcpClient {
    explicit TcpClient(DnsNet& on, const char* server = kServer)
        : net(on), fd(DnsNet::connected(SOCK_STREAM, server)) {}

    void send(const std::string& bytes) const {
        BOOST_REQUIRE(
            ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
    }
    /// The next `count` messages; fewer when the server closes or nothing comes.
    std::vector<dns::Message> receive(std::size_t count) {
        std::vector<dns::Message> decoded;
        for (const auto& bytes : frames(count)) {
            decoded.push_back(dns::decode(dns::as_bytes(bytes)).value());
        }
        return decoded;
    }
    std::vector<std::string> frames(std::size_t count) {
        std::vector<std::string> messages;
        (void)net.until(
            [&]() {
                std::array<char, 4096> buffer;
                const auto size = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
                closed = closed || size == 0 || (size < 0 && errno == ECONNRESET);
                input.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
                while (input.size() >= 2) {
                    const auto length = static_cast<std::size_t>(
                        static_cast<std::uint8_t>(input[0]) << 8U |
                        static_cast<std::uint8_t>(input[1]));
                    if (input.size() < 2 + length) {
                        break;
                    }
                    messages.push_back(input.substr(2, length));
                    input.erase(0, 2 + length);
                }
                return closed || messages.size() >= count;
            },
            10);
        return messages;
    }

    DnsNet& net;
    netemu::UniqueFd fd;
    std::string input;
    bool closed = false;
};

std::string query_with_id(std::uint16_t id, const char* text) {
    auto bytes = query_bytes(text, "A");
    bytes[0] = static_cast<char>(id >> 8U);
    bytes[1] = static_cast<char>(id);
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(dns_tcp)

BOOST_AUTO_TEST_CASE(several_queries_at_once_and_in_pieces) {
    DnsNet net;
    TcpClient client(net);
    std::string all;
    for (std::uint16_t id = 1; id <= 200; ++id) {
        all += framed(query_with_id(id, "web.prod.svc.cluster.local"));
    }
    client.send(all.substr(0, 3001));
    const auto first = client.receive(40);
    client.send(all.substr(3001));
    const auto rest = client.receive(200 - first.size());
    BOOST_TEST(first.size() + rest.size() == 200U);
    TcpClient slow(net);
    const auto one = framed(query_with_id(7, "web.prod.svc.cluster.local"));
    for (const char byte : one) {
        slow.send(std::string(1, byte));
        net.loop.run_once(std::chrono::milliseconds(1));
    }
    BOOST_REQUIRE(slow.receive(1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(answers_come_when_they_are_ready) { // RFC 7766 section 7
    DnsNet net;
    net.upstream->late = true;
    net.upstream->answers = {{"slow.example. A", {"slow.example. 60 A 192.0.2.1"}}};
    TcpClient client(net);
    client.send(
        framed(query_with_id(1, "slow.example")) +
        framed(query_with_id(2, "web.prod.svc.cluster.local")));
    const auto first = client.receive(1);
    BOOST_REQUIRE(first.size() == 1U);
    BOOST_TEST(first[0].id == 2);
    // The client's end of sending does not lose the answer.
    ::shutdown(client.fd.get(), SHUT_WR);
    (void)net.until([]() { return false; }, 1);
    net.upstream->waiting.at(0)();
    const auto second = client.receive(1);
    BOOST_REQUIRE(second.size() == 1U);
    BOOST_TEST(second[0].id == 1);
    (void)client.receive(1);
    BOOST_TEST(client.closed);
    BOOST_TEST(net.server->tcp_connections() == 0U);
}

BOOST_AUTO_TEST_CASE(idle_connections_end) {
    dns::ServerOptions options;
    options.tcp_idle = std::chrono::milliseconds(300);
    DnsNet net(options);
    TcpClient silent(net);
    TcpClient half(net);
    half.send("\x01");
    TcpClient busy(net);
    for (std::uint16_t i = 0; i < 5; ++i) {
        busy.send(framed(query_with_id(i, "web.prod.svc.cluster.local")));
        BOOST_TEST(busy.receive(1).size() == 1U);
        const auto until = netemu::Clock::now() + std::chrono::milliseconds(120);
        (void)net.until([until]() { return netemu::Clock::now() > until; });
    }
    BOOST_TEST(!busy.closed);
    (void)silent.receive(1);
    (void)half.receive(1);
    BOOST_TEST(silent.closed);
    BOOST_TEST(half.closed);
}

BOOST_AUTO_TEST_CASE(connections_are_limited) {
    dns::ServerOptions options;
    options.tcp_connections_max = 3;
    DnsNet net(options);
    std::vector<std::unique_ptr<TcpClient>> clients;
    clients.reserve(5);
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<TcpClient>(net));
    }
    (void)net.until([&net]() { return net.server->counters().tcp_refused == 2; }, 2);
    BOOST_TEST(net.server->tcp_connections() == 3U);
    BOOST_TEST(net.server->counters().tcp_refused == 2U);
    clients.clear();
    (void)net.until([&net]() { return net.server->tcp_connections() == 0; }, 2);
    BOOST_TEST(
        net.lines("dig +tcp +short @10.96.0.10 web.prod.svc.cluster.local") == "10.96.0.100\n");
}

BOOST_AUTO_TEST_CASE(noise_ends_a_connection) {
    DnsNet net;
    TcpClient client(net);
    client.send(std::string("\0\2ab", 4));
    (void)client.receive(1);
    BOOST_TEST(client.closed);
    TcpClient response(net);
    auto bytes = query_with_id(1, "web.prod.svc.cluster.local");
    bytes[2] = '\x81';
    response.send(framed(bytes) + framed(query_with_id(2, "web.prod.svc.cluster.local")));
    const auto answers = response.receive(1);
    BOOST_REQUIRE(answers.size() == 1U); // a response is no query; the next one is
    BOOST_TEST(answers[0].id == 2);
}

BOOST_AUTO_TEST_CASE(a_reader_that_does_not_read_is_held_back) {
    DnsNet net;
    dns::ServiceValue many{"prod", "many", dns::ServiceKind::Headless, {}, {}, {}, ""};
    dns::SliceValue slice;
    for (unsigned i = 0; i < 2000; ++i) {
        slice.endpoints.push_back({netemu::IpAddress::v4(0x0b000000 + i), "", true});
    }
    many.slices = {slice};
    net.zone.set_service(many);
    auto listener = DnsNet::socket(AF_INET, SOCK_STREAM, "10.96.0.10:5300");
    const int small = 65536; // of the kernel's buffer, so that ours has to hold the rest
    BOOST_REQUIRE(::setsockopt(listener.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    net.server->add_tcp(std::move(listener));
    TcpClient client(net, "10.96.0.10:5300");
    const auto query = framed(query_with_id(1, "many.prod.svc.cluster.local"));
    constexpr std::size_t kQueries = 80;
    std::string burst;
    for (std::size_t i = 0; i < kQueries; ++i) { // 32 kB of answer each
        burst += query;
    }
    client.send(burst);
    for (int i = 0; i < 100; ++i) {
        net.loop.run_once(std::chrono::milliseconds(1));
    }
    BOOST_TEST(net.server->counters().requests() < kQueries); // the rest waits unread
    BOOST_TEST(client.frames(kQueries).size() == kQueries);
}

BOOST_AUTO_TEST_CASE(kdig_keeps_a_connection_open) {
    DnsNet net;
    (void)net.lines("kdig +tcp +keepopen +short @10.96.0.10 web.prod.svc.cluster.local A "
                    "db.prod.svc.cluster.local A v6.prod.svc.cluster.local AAAA");
    BOOST_TEST(net.server->counters().tcp_connections == 1U);
    BOOST_TEST(net.server->counters().requests() == 3U);
}

// A connection that nobody can accept stays in the queue: the server rests, answers others, and
// takes it when there are descriptors again.
BOOST_AUTO_TEST_CASE(without_descriptors_it_rests_and_resumes) {
    DnsNet net;
    TcpClient client(net);
    rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const netemu::UniqueFd next(::fcntl(0, F_DUPFD_CLOEXEC, 0)); // the lowest number that is free
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next.get());
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    client.send(framed(query_bytes("web.prod.svc.cluster.local", "A")));
    std::size_t rounds = 0;
    (void)net.until(
        [&rounds]() {
            ++rounds;
            return false;
        },
        1);
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    BOOST_TEST(net.server->counters().tcp_connections == 0U);
    BOOST_TEST(rounds < 1000U); // of the loop: it does not spin
    BOOST_REQUIRE(client.receive(1).size() == 1U);
    BOOST_TEST(net.server->counters().tcp_connections == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
