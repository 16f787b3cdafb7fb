#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using mesh::istio::MtlsMode;
using Action = mesh::istio::AuthorizationPolicy::Action;

namespace {

std::string many_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::uint32_t state = 1;
    for (auto& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<char>(state >> 24U);
    }
    return bytes;
}

std::string total_at_b(SidecarNet& net) {
    auto client = net.dial("pod/m/b", endpoint_of("127.0.0.1", kEndPort));
    client.send("total");
    return client.rest();
}

} // namespace

BOOST_FIXTURE_TEST_CASE(sidecar_carries_tcp_both_ways, SidecarNet) {
    const auto bytes = many_bytes(10'000'000);
    for (const int number : {12, 11}) { // declared; and found out by its first bytes
        auto client = to_service("pod/m/a", number);
        std::thread writer([&] {
            client.send(bytes);
            client.finish();
        });
        const auto back = client.rest(30);
        writer.join();
        BOOST_TEST((back == bytes + "bye 10000000"), number);
    }
    BOOST_TEST(logged("m/b", "inbound TCP by spiffe://cluster.local/ns/m/sa/a at 10.1.0.52:9001"));
    BOOST_TEST(logged("m/a", "outbound|80||tcp.m.svc.cluster.local (mTLS) m/b"));
    BOOST_TEST(child_kib() < 200'000 + kKeptKib);
}

BOOST_FIXTURE_TEST_CASE(sidecar_buffers_little_for_who_does_not_read, SidecarNet) {
    const auto before = child_kib();
    const auto bytes = many_bytes(30'000'000);
    auto client = to_service("pod/m/a", 12); // an echo: when nobody reads, it stops
    std::thread writer([&] { client.send(bytes); });
    net.must("", "sleep 1.5");
    BOOST_TEST(child_kib() - before < 40'000 + kKeptKib);
    const auto ticks = cpu_ticks();
    net.must("", "sleep 1");
    BOOST_TEST(cpu_ticks() - ticks < 20); // and nobody spins
    std::string back;
    while (back.size() < bytes.size()) {
        const auto piece = client.some();
        BOOST_REQUIRE(!piece.empty());
        back += piece;
    }
    writer.join();
    BOOST_TEST((back == bytes));
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_ends_on_over_mtls, SidecarNet) {
    // The client's first: "bye" comes behind it.
    auto client = to_service("pod/m/a", 12);
    client.send("abc");
    client.finish();
    BOOST_TEST(client.rest() == "abcbye 3");
    auto silent = to_service("pod/m/a", 12); // says nothing at all
    silent.finish();
    BOOST_TEST(silent.rest() == "bye 0");
    // The endpoint's first: what the client says then arrives, all of it.
    auto listening = to_service("pod/m/a", 14);
    listening.send("x");
    BOOST_TEST(listening.rest() == "ended");
    const auto bytes = many_bytes(3'000'000);
    BOOST_TEST(listening.send(bytes));
    listening.finish();
    std::string total;
    for (int i = 0; i < 100 && total != "3000001\n"; ++i) {
        net.must("", "sleep 0.1");
        total = total_at_b(*this);
    }
    BOOST_TEST(total == "3000001\n");
    // Without sidecar and TLS too.
    auto plain = to_pod("pod/x/c", kEndPort);
    plain.send("x");
    BOOST_TEST(plain.rest() == "ended");
    plain.send("yz");
    plain.finish();
    for (int i = 0; i < 50 && total != "3000004\n"; ++i) {
        net.must("", "sleep 0.1");
        total = total_at_b(*this);
    }
    BOOST_TEST(total == "3000004\n");
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_breaks_on, SidecarNet) {
    auto client = to_service("pod/m/a", 15); // the endpoint breaks off
    client.send("x");
    BOOST_TEST(client.rest() == "RESET");
    auto plain = to_pod("pod/x/c", kResetPort);
    plain.send("x");
    BOOST_TEST(plain.rest() == "RESET");
    auto breaking = to_service("pod/m/a", 12); // the client does
    breaking.send("abc");
    BOOST_TEST(breaking.until("abc") == "abc");
    breaking.reset();
    for (int i = 0; i < 50 && !logged("m/b", "TCP by spiffe"); ++i) {
        net.must("", "sleep 0.1");
    }
    BOOST_TEST(logged("m/a", "the client has broken the connection"));
    BOOST_TEST(logged("m/b", "the client has broken the connection"));
    auto nobody = to_pod("pod/x/c", 9999); // its sidecar accepts
    nobody.send("x");
    BOOST_TEST(nobody.rest() == "RESET");
    BOOST_TEST(logged("m/b", "Connection refused"));
}

/// TLS that ends without close_notify may have lost its end.
BOOST_FIXTURE_TEST_CASE(sidecar_takes_no_cut_for_an_end, SidecarNet) {
    const auto a = svid_of(authority, "m/a");
    TlsTestClient client(to_pod("pod/x/c", kTcpPort), mesh_client(authority, &a));
    BOOST_TEST(client.shake());
    client.send("abc");
    BOOST_TEST(client.until("abc") == "abc");
    client.connection().finish();
    BOOST_TEST(client.until("bye").find("bye") == std::string::npos);
    BOOST_TEST(logged("m/b", "without saying so (close_notify)"));
}

BOOST_FIXTURE_TEST_CASE(sidecar_denies_connections, SidecarNet) {
    mesh::istio::Rule rule;
    rule.from.emplace_back();
    rule.from[0].principals.values = {"cluster.local/ns/m/sa/a"};
    set_policies({one_rule(Action::Allow, rule)});
    auto plain = to_pod("pod/x/c", kTcpPort);
    plain.send("x");
    BOOST_TEST(plain.rest() == "RESET");
    auto known = to_service("pod/m/a", 12);
    known.send("abc");
    known.finish();
    BOOST_TEST(known.rest() == "abcbye 3");
    set_policies({one_rule(Action::Deny, rule)});
    auto denied = to_service("pod/m/a", 12);
    denied.send("abc");
    BOOST_TEST(denied.rest() == "RESET");
    BOOST_TEST(logged("m/b", "inbound refused: "));
}

/// Nobody speaks: after a while the endpoint is asked in, and it does.
BOOST_FIXTURE_TEST_CASE(sidecar_waits_for_clients_that_wait_themselves, SidecarNet) {
    using namespace std::chrono_literals;
    const auto wait = [](TestClient client) {
        const auto start = netemu::Clock::now();
        BOOST_TEST(client.until("\r\n") == "220 hello\r\n");
        const auto took = netemu::Clock::now() - start;
        client.send("q");
        client.finish();
        BOOST_TEST(client.rest() == "qbye 1");
        return took;
    };
    const auto inbound = wait(to_pod("pod/x/c", kFirstPort));
    BOOST_TEST((inbound > 900ms && inbound < 3s));
    const auto both = wait(to_service("pod/m/a", 13)); // 5 s, and then the other one's
    BOOST_TEST((both > 5900ms && both < 9s));
    service("first").protocol = mesh::SidecarProtocol::Tcp;
    for (auto& port : table.workloads.at("m/b").ports) {
        port.protocol = mesh::SidecarProtocol::Tcp;
    }
    change(table);
    const auto declared = wait(to_service("pod/m/a", 13));
    BOOST_TEST((declared < 900ms));
    set_mode(MtlsMode::Strict); // nobody may be silent here
    auto refused = to_pod("pod/x/c", kFirstPort);
    BOOST_TEST(refused.rest(5) == "RESET");
}
// NOLINTEND
