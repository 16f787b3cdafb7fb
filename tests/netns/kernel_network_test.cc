/// Whole networks: desired state -> plan -> kernel -> packets, and back to an observation.
#include <random>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/netns/kernel_fixture.h"
#include "tests/netns/two_nodes.h"
#include "tests/support/random_network.h"

using namespace netemu;
using namespace netemu::test;

namespace {

constexpr int kPatienceMs = 5000;

bool wait_for(int fd, short events) {
    pollfd wait{fd, events, 0};
    return ::poll(&wait, 1, kPatienceMs) == 1;
}

socklen_t fill(const IpAddress& address, std::uint16_t port, sockaddr_storage& storage) {
    return Endpoint{address, port}.to_sockaddr(storage);
}

/// A TCP connection from a socket in one namespace to a listener in another; returns who the
/// listener saw, or an empty text.
std::string
connect(Kernel& kernel, const std::string& from, const std::string& to, const IpAddress& address) {
    sockaddr_storage storage{};
    const socklen_t length = fill(address, 8080, storage);
    const auto* target = reinterpret_cast<const sockaddr*>(&storage);
    const UniqueFd listener = kernel.open_socket(to, address.af(), SOCK_STREAM, 0);
    const int on = 1; // an earlier connection of the test may linger there
    (void)::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    BOOST_REQUIRE(::bind(listener.get(), target, length) == 0);
    BOOST_REQUIRE(::listen(listener.get(), 4) == 0);
    const UniqueFd client = kernel.open_socket(from, address.af(), SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)::connect(client.get(), target, length);
    if (!wait_for(listener.get(), POLLIN)) {
        return {};
    }
    sockaddr_storage peer{};
    socklen_t peer_length = sizeof peer;
    const UniqueFd served(
        ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &peer_length, SOCK_CLOEXEC));
    return Endpoint::from_sockaddr(peer).address.to_string();
}

void bring_up(KernelFixture& lab, const DesiredState& desired) {
    lab.kernel->apply(make_plan(desired, lab.kernel->observe()));
}

std::string pending(Kernel& kernel, const DesiredState& desired) {
    std::string text;
    for (const auto& operation : make_plan(desired, kernel.observe()).operations) {
        text += describe(operation) + '\n';
    }
    return text;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_networks, KernelFixture)

BOOST_AUTO_TEST_CASE(tcp_crosses_the_tunnel_in_both_families) {
    bring_up(*this, two_nodes());
    BOOST_TEST(connect(*kernel, "pod/x/a", "pod/x/b", ip("10.244.2.2")) == "10.244.1.2");
    BOOST_TEST(connect(*kernel, "pod/x/b", "pod/x/a", ip("fd00:244:1::2")) == "fd00:244:2::2");
    BOOST_TEST(connect(*kernel, "node/node-1", "pod/x/b", ip("10.244.2.2")) == "10.244.1.0");
}

BOOST_AUTO_TEST_CASE(the_first_packet_is_not_lost) {
    for (int round = 0; round < 5; ++round) {
        KernelFixture lab;
        bring_up(lab, two_nodes());
        const UniqueFd server = lab.kernel->open_socket("pod/x/b", AF_INET, SOCK_DGRAM, 0);
        const UniqueFd client = lab.kernel->open_socket("pod/x/a", AF_INET, SOCK_DGRAM, 0);
        sockaddr_storage storage{};
        const socklen_t length = fill(ip("10.244.2.2"), 5353, storage);
        const auto* target = reinterpret_cast<const sockaddr*>(&storage);
        BOOST_REQUIRE(::bind(server.get(), target, length) == 0);
        BOOST_REQUIRE(::sendto(client.get(), "x", 1, 0, target, length) == 1);
        BOOST_TEST(wait_for(server.get(), POLLIN));
    }
}

BOOST_AUTO_TEST_CASE(pods_leave_masqueraded) {
    bring_up(*this, two_nodes());
    BOOST_TEST(connect(*kernel, "pod/x/b", "node/node-1", ip("172.18.0.2")) == "172.18.0.3");
}

BOOST_AUTO_TEST_CASE(full_sized_packets_fit) {
    bring_up(*this, two_nodes());
    const UniqueFd server = kernel->open_socket("pod/x/b", AF_INET, SOCK_DGRAM, 0);
    const UniqueFd client = kernel->open_socket("pod/x/a", AF_INET, SOCK_DGRAM, 0);
    const int dont_fragment = IP_PMTUDISC_DO;
    BOOST_REQUIRE(
        ::setsockopt(
            client.get(), IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment, sizeof dont_fragment) == 0);
    sockaddr_storage storage{};
    const socklen_t length = fill(ip("10.244.2.2"), 5353, storage);
    const auto* target = reinterpret_cast<const sockaddr*>(&storage);
    BOOST_REQUIRE(::bind(server.get(), target, length) == 0);
    const std::string full(1450 - 28, 'x'); // without the headers of IP and UDP
    BOOST_REQUIRE(
        ::sendto(client.get(), full.data(), full.size(), 0, target, length) ==
        static_cast<ssize_t>(full.size()));
    BOOST_TEST(wait_for(server.get(), POLLIN));
    BOOST_TEST(::sendto(client.get(), full.data(), full.size() + 1, 0, target, length) == -1);
}

BOOST_AUTO_TEST_CASE(a_second_plan_is_empty) {
    const auto desired = two_nodes();
    bring_up(*this, desired);
    BOOST_TEST(pending(*kernel, desired) == "");
}

BOOST_AUTO_TEST_CASE(the_observation_is_what_was_expected) {
    const auto desired = two_nodes();
    bring_up(*this, desired);
    const auto seen = kernel->observe();
    const auto expected = expected_observation(desired);
    BOOST_REQUIRE_EQUAL(seen.namespaces.size(), expected.namespaces.size());
    for (const auto& [name, info] : expected.namespaces) {
        BOOST_TEST_CONTEXT(name) {
            const auto& found = seen.namespaces.at(name);
            BOOST_TEST((found.role == info.role));
            BOOST_TEST((found.routes == info.routes));
            BOOST_TEST((found.fdb == info.fdb));
            BOOST_TEST((found.tables == info.tables));
            BOOST_TEST((found.neighbours == info.neighbours));
            BOOST_REQUIRE_EQUAL(found.links.size(), info.links.size());
            for (const auto& [link, wanted] : info.links) {
                const auto& there = found.links.at(link);
                BOOST_TEST_CONTEXT(link) {
                    BOOST_TEST(there.index == wanted.index);
                    BOOST_TEST(there.kind == wanted.kind);
                    BOOST_TEST(there.mtu == wanted.mtu);
                    BOOST_TEST(there.up == wanted.up);
                    BOOST_TEST(there.master == wanted.master);
                    BOOST_TEST((there.mac == wanted.mac));
                    BOOST_TEST((there.vxlan == wanted.vxlan));
                    BOOST_TEST((there.addresses == wanted.addresses));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(what_somebody_changed_by_hand_is_put_right) {
    const auto desired = two_nodes();
    bring_up(*this, desired);
    const int fd = kernel->namespace_fd("node/node-1");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"ip", "route", "del", "10.244.2.0/24"},
             {"ip", "link", "set", "vxlan1", "mtu", "1400"},
             {"ip", "addr", "add", "10.9.9.9/32", "dev", "cni0"},
             {"bridge", "fdb", "del", "0a:58:0a:f4:02:00", "dev", "vxlan1", "dst", "172.18.0.3"},
             {"nft", "flush", "table", "ip", "cni-masquerade"}}) {
        BOOST_TEST(run_in(fd, command).status == 0, command[0] << ' ' << command[2]);
    }
    BOOST_TEST(pending(*kernel, desired) != "");
    bring_up(*this, desired);
    BOOST_TEST(pending(*kernel, desired) == "");
    BOOST_TEST(connect(*kernel, "pod/x/a", "pod/x/b", ip("10.244.2.2")) == "10.244.1.2");
}

BOOST_AUTO_TEST_CASE(a_connection_survives_the_end_of_other_pods) {
    auto desired = two_nodes();
    bring_up(*this, desired);
    desired.namespaces.erase("pod/x/c");
    auto& node = desired.namespaces.at("node/node-1");
    std::erase_if(node.links, [](const LinkSpec& link) { return link.name == "vethc"; });
    bring_up(*this, desired);
    BOOST_TEST(kernel->namespace_fd("pod/x/c") == -1);
    BOOST_TEST(link("node/node-1", "vethc").is_null());
    BOOST_TEST(pending(*kernel, desired) == "");
    BOOST_TEST(connect(*kernel, "pod/x/a", "pod/x/b", ip("10.244.2.2")) == "10.244.1.2");
}

BOOST_AUTO_TEST_CASE(any_network_becomes_any_other) {
    std::mt19937 random(20240607); // the same networks every time
    for (int round = 0; round < 30; ++round) {
        const auto desired = random_network(random);
        BOOST_TEST_CONTEXT("round " << round) {
            BOOST_REQUIRE_NO_THROW(bring_up(*this, desired));
            BOOST_REQUIRE_EQUAL(pending(*kernel, desired), "");
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
