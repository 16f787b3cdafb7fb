#include <array>
#include <cerrno>
#include <set>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/nft_change.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

constexpr std::uint32_t kMark = 0x4000;
constexpr int kWaitMs = 2000;

NftBytes key(const char* address, std::uint8_t protocol, std::uint16_t port) {
    return NftBytes().address(ip(address)).protocol(protocol).port(port);
}

NftSetVerdict set_verdict(NftVerdict how, const char* chain = "") {
    return {how, chain};
}

NftSet affinity_of(const char* name) {
    NftSet set{name, {NftType::Ipv4}};
    set.dynamic = true;
    set.timeout_seconds = 10800;
    set.size = 1000;
    return set;
}

NftChain endpoint(const char* name, const char* address, const char* affinity) {
    return {
        name,
        {},
        {{{NftSetMark{NftSetMark::How::Or, kMark}}, ""},
         {{NftUpdateSet{affinity, {NftField::Source}, 0}, NftCounter{}}, std::string("to ") + name},
         {{NftMatchProtocol{IPPROTO_UDP, false}, NftDnat{ip(address), 8080}}, ""},
         {{NftMatchProtocol{IPPROTO_TCP, false}, NftDnat{ip(address), 8080}}, ""}}};
}

/// A service in kube-proxy's layout with two endpoints, and one without any.
NftTable proxy(bool sticky) {
    NftTable table{NftFamily::Ip, "kube-proxy", {}};
    const NftKey service{NftField::Destination, NftField::Protocol, NftField::DestinationPort};
    NftSet ips{"service-ips", {NftType::Ipv4, NftType::Protocol, NftType::Port}};
    ips.verdicts = true;
    NftSet empty = ips;
    empty.name = "no-endpoint-services";
    for (const auto protocol : std::array<std::uint8_t, 2>{IPPROTO_UDP, IPPROTO_TCP}) {
        ips.elements.push_back(
            nft_verdict(key("10.96.0.1", protocol, 80), NftVerdict::Goto, "service", "prod/web"));
        empty.elements.push_back(
            nft_verdict(key("10.244.0.6", protocol, 80), NftVerdict::Goto, "reject-chain"));
    }
    table.sets = {ips, empty, affinity_of("affinity-a"), affinity_of("affinity-b")};
    NftChain choose{"service", {}, {}};
    if (sticky) {
        for (const std::string end : {"a", "b"}) {
            choose.rules.push_back(
                {{NftMatchSet{{NftField::Source}, "affinity-" + end, false},
                  NftSetVerdict{NftVerdict::Goto, "endpoint-" + end}},
                 ""});
        }
    }
    choose.rules.push_back({{NftRandomGoto{{"endpoint-a", "endpoint-b"}}}, ""});
    table.chains = {
        {"services", {}, {{{NftVerdictMap{service, 0, "service-ips"}}, ""}}},
        choose,
        endpoint("endpoint-a", "10.244.0.5", "affinity-a"),
        endpoint("endpoint-b", "10.244.0.6", "affinity-b"),
        {"reject-chain", {}, {{{NftReject{}}, ""}}},
        {"masquerading",
         {},
         {{{NftMatchMark{kMark, 0, false}, set_verdict(NftVerdict::Return)}, ""},
          {{NftSetMark{NftSetMark::How::Xor, kMark}}, ""},
          {{NftMasquerade{true}}, ""}}},
        {"nat-output",
         NftBase{"nat", NftHook::Output, -100, NftVerdict::Accept},
         {{{set_verdict(NftVerdict::Jump, "services")}, ""}}},
        {"nat-postrouting",
         NftBase{"nat", NftHook::Postrouting, 100, NftVerdict::Accept},
         {{{set_verdict(NftVerdict::Jump, "masquerading")}, ""}}},
        {"filter-input",
         NftBase{"filter", NftHook::Input, 0, NftVerdict::Accept},
         {{{NftMatchCtState{nft_ct_state::kNew}, NftVerdictMap{service, 0, "no-endpoint-services"}},
           ""}}}};
    return table;
}

/// A node that is client and both servers, on its loopback.
struct ServiceFixture : KernelFixture {
    ServiceFixture() {
        auto lo = loopback();
        apply(
            {CreateNamespace{"node/a", NamespaceRole::Node, {}},
             CreateLink{"node/a", lo},
             AddAddress{"node/a", "lo", prefix("10.244.0.5/32")},
             AddAddress{"node/a", "lo", prefix("10.244.0.6/32")},
             AddAddress{"node/a", "lo", prefix("10.244.0.7/32")},
             AddRoute{"node/a", {prefix("10.96.0.0/16"), {}, "lo", false}}});
    }

    UniqueFd bound(int type, const char* address, std::uint16_t port) {
        auto fd = kernel->open_socket("node/a", AF_INET, type, 0);
        const timeval patience{kWaitMs / 1000, 0}; // no test waits for ever
        for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
            check_syscall(
                "set a time-out",
                ::setsockopt(fd.get(), SOL_SOCKET, option, &patience, sizeof patience));
        }
        sockaddr_storage storage{};
        const auto length = Endpoint{ip(address), port}.to_sockaddr(storage);
        check_syscall("bind", ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length));
        return fd;
    }

    static int connect_to(const UniqueFd& fd, const char* address) {
        sockaddr_storage storage{};
        const auto length = Endpoint{ip(address), 80}.to_sockaddr(storage);
        return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length);
    }

    /// Sends one datagram of a new connection to the service; which server got it, and from whom.
    std::pair<char, std::string> knock() {
        const auto& client = knockers.emplace_back(bound(SOCK_DGRAM, "10.244.0.7", 0));
        BOOST_REQUIRE_EQUAL(connect_to(client, "10.96.0.1"), 0);
        BOOST_REQUIRE_EQUAL(::send(client.get(), "x", 1, 0), 1);
        std::array<pollfd, 2> ready{
            pollfd{first.get(), POLLIN, 0}, pollfd{second.get(), POLLIN, 0}};
        BOOST_REQUIRE_EQUAL(::poll(ready.data(), ready.size(), kWaitMs), 1);
        const bool to_first = ready[0].revents != 0;
        char byte = 0;
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        const int fd = to_first ? first.get() : second.get();
        BOOST_REQUIRE_EQUAL(
            ::recvfrom(fd, &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &length), 1);
        return {to_first ? 'a' : 'b', Endpoint::from_sockaddr(from).address.to_string()};
    }

    UniqueFd first;
    UniqueFd second;
    std::vector<UniqueFd> knockers; // open until the end: no two of them have the same port
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(nft_service, ServiceFixture)

BOOST_AUTO_TEST_CASE(connections_are_spread_then_stick_and_can_be_forgotten) {
    first = bound(SOCK_DGRAM, "10.244.0.5", 8080);
    second = bound(SOCK_DGRAM, "10.244.0.6", 8080);
    apply({ReplaceTable{"node/a", proxy(false)}});
    std::set<char> seen;
    for (int i = 0; i < 40; ++i) {
        seen.insert(knock().first);
    }
    BOOST_TEST(seen.size() == 2U);

    std::uint64_t counted = 0;
    for (const auto& rule : kernel->read_rules("node/a", NftFamily::Ip, "kube-proxy")) {
        counted += rule.packets;
        BOOST_TEST(rule.counts == rule.comment.starts_with("to endpoint-"));
        BOOST_TEST(rule.handle > 0U);
    }
    BOOST_TEST(counted == 40U);

    auto connections = kernel->udp_connections("node/a");
    BOOST_TEST(connections.size() == 40U);
    for (const auto& each : connections) {
        BOOST_TEST(each.destination.to_string() == "10.96.0.1:80");
        BOOST_TEST((each.reply_source.port == 8080 && each.protocol == IPPROTO_UDP));
    }
    const auto kept = connections.back();
    connections.pop_back();
    BOOST_TEST(kernel->delete_connections("node/a", connections) == 39U);
    BOOST_TEST(kernel->delete_connections("node/a", connections) == 0U);
    BOOST_TEST((kernel->udp_connections("node/a") == std::vector{kept}));

    const auto change = std::make_shared<const NftChange>(*nft_diff(proxy(false), proxy(true)));
    apply({ChangeTable{"node/a", change, nft_identity(proxy(true))}});
    seen.clear();
    for (int i = 0; i < 40; ++i) {
        seen.insert(knock().first);
    }
    BOOST_TEST(seen.size() == 1U);
    const auto clients = kernel->read_elements("node/a", NftFamily::Ip, "kube-proxy", "affinity-a");
    const auto info = kernel->observe().namespaces.at("node/a").tables.at(0);
    BOOST_TEST(info.digest == nft_identity(proxy(true)).digest); // clients are not drift
    BOOST_REQUIRE_EQUAL(clients.size(), 1U);
    BOOST_TEST(to_text(NftKeyType{NftType::Ipv4}, clients[0].element.key) == "10.244.0.7");
    BOOST_TEST(clients[0].expires_ms.value_or(0) > 10700U * 1000);
    BOOST_TEST(clients[0].expires_ms.value_or(0) <= 10800U * 1000);
}

BOOST_AUTO_TEST_CASE(tcp_is_translated_masqueraded_and_rejected) {
    auto table = proxy(false);
    table.chains[1].rules.back() = {{NftRandomGoto{{"endpoint-a"}}}, ""};
    apply({ReplaceTable{"node/a", table}});
    const auto server = bound(SOCK_STREAM, "10.244.0.5", 8080);
    check_syscall("listen", ::listen(server.get(), 8));
    const auto client = bound(SOCK_STREAM, "10.244.0.7", 0);
    BOOST_REQUIRE_EQUAL(connect_to(client, "10.96.0.1"), 0);
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const UniqueFd accepted(
        ::accept4(server.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
    BOOST_REQUIRE(accepted);
    // Masqueraded: lo's own address for that destination, not what the client is bound to.
    BOOST_TEST((Endpoint::from_sockaddr(peer).address != ip("10.244.0.7")));

    // Refused although a server listens. By UDP: the kernel drops an ICMP error that comes while
    // its socket is still in connect(2).
    const auto silent = bound(SOCK_DGRAM, "10.244.0.6", 80);
    const auto rejected = bound(SOCK_DGRAM, "10.244.0.7", 0);
    BOOST_REQUIRE_EQUAL(connect_to(rejected, "10.244.0.6"), 0);
    BOOST_REQUIRE_EQUAL(::send(rejected.get(), "x", 1, 0), 1);
    char byte = 0;
    BOOST_TEST(::recv(rejected.get(), &byte, 1, 0) == -1);
    BOOST_TEST(errno == ECONNREFUSED);
}

BOOST_AUTO_TEST_CASE(elements_are_read_as_they_were_given) {
    auto table = proxy(false);
    NftSet ranges{"ranges", {NftType::Ipv4}};
    ranges.interval = true;
    ranges.elements = {
        nft_member(prefix("10.0.0.0/8"), "wide"),
        nft_member(prefix("192.0.2.1/32")),
        nft_member(prefix("192.0.2.2/31")),
        nft_member(prefix("255.0.0.0/8"))};
    table.sets.push_back(ranges);
    apply({ReplaceTable{"node/a", table}});
    const auto same = [&](const NftSet& set) {
        auto found = kernel->read_elements("node/a", NftFamily::Ip, "kube-proxy", set.name);
        BOOST_TEST(found.size() == set.elements.size());
        for (const auto& each : found) {
            BOOST_TEST(!each.expires_ms.has_value());
            BOOST_TEST(
                (std::find(set.elements.begin(), set.elements.end(), each.element) !=
                 set.elements.end()));
        }
    };
    same(ranges);
    same(table.sets[0]);
    BOOST_CHECK_THROW(
        kernel->read_elements("node/a", NftFamily::Ip, "kube-proxy", "absent"), Error);
}

BOOST_AUTO_TEST_SUITE_END()
