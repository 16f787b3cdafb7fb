#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using mesh::istio::MtlsMode;

namespace {

const std::string kIdOfA = "spiffe://cluster.local/ns/m/sa/a";

/// What a client without a sidecar sees of a port of b.
std::string say(SidecarNet& net, std::uint16_t port, std::string_view bytes) {
    auto client = net.to_pod("pod/x/c", port);
    client.send(bytes);
    client.finish();
    return client.rest();
}

/// Whether a client with that SVID gets in with mutual TLS, and what it is told then.
std::string ask_with_tls(
    SidecarNet& net,
    std::uint16_t port,
    const mesh::Svid* svid,
    std::string_view bytes,
    std::string_view until) {
    TlsTestClient client(net.to_pod("pod/x/c", port), mesh_client(net.authority, svid));
    if (!client.shake()) {
        return "no handshake";
    }
    client.send(bytes);
    const auto answer = client.until(until);
    return answer.empty() ? client.error() : answer;
}

} // namespace

// --- reference 3, the table of modes and first bytes

BOOST_FIXTURE_TEST_CASE(sidecar_takes_mesh_tls_in_strict_and_permissive, SidecarNet) {
    const auto a = svid_of(authority, "m/a");
    for (const auto mode : {MtlsMode::Permissive, MtlsMode::Strict}) {
        set_mode(mode);
        const auto http = ask_with_tls(*this, kWebPort, &a, get_request("/x", "h"), "\n\n");
        BOOST_TEST(status_of(http) == 200, http);
        BOOST_TEST(http.find("GET /x\n") != std::string::npos, http);
        BOOST_TEST(http.find(";URI=" + kIdOfA + "\n") != std::string::npos, http);
        BOOST_TEST(ask_with_tls(*this, kTcpPort, &a, "bytes", "bytes") == "bytes");
        BOOST_TEST(ask_with_tls(*this, kSniffedPort, &a, "\x01\x02", "\x02") == "\x01\x02");
        BOOST_TEST(logged("m/b", "inbound TCP by " + kIdOfA));
    }
    set_mode(MtlsMode::Disable); // nobody tries; it is the application that gets the ClientHello
    const auto hello = hello_offering({"istio"});
    BOOST_TEST((say(*this, kTcpPort, hello).starts_with(hello)));
    BOOST_TEST((say(*this, kSniffedPort, hello).starts_with(hello)));
}

BOOST_FIXTURE_TEST_CASE(sidecar_takes_plaintext_but_in_strict, SidecarNet) {
    for (const auto mode : {MtlsMode::Permissive, MtlsMode::Disable}) {
        set_mode(mode);
        const auto http = get_from_pod("pod/x/c");
        BOOST_TEST(status_of(http) == 200, http);
        BOOST_TEST(http.find("forwarded-client-cert") == std::string::npos, http);
        BOOST_TEST(say(*this, kTcpPort, "abc") == "abcbye 3");
        BOOST_TEST(say(*this, kSniffedPort, "abc") == "abcbye 3");
        BOOST_TEST(logged("m/b", "by nobody known (plaintext)"));
    }
    set_mode(MtlsMode::Strict);
    for (const auto port : {kWebPort, kTcpPort, kSniffedPort, std::uint16_t{9999}}) {
        BOOST_TEST(say(*this, port, get_request("/", "h")) == "RESET", port);
    }
    BOOST_TEST(logged("m/b", "inbound refused: STRICT: plaintext"));
    BOOST_TEST(say(*this, kWebPort, "") == ""); // it has said nothing, and is told nothing
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_on_the_tls_of_applications_but_in_strict, SidecarNet) {
    const auto hello = hello_offering({"h2", "http/1.1"});
    for (const auto mode : {MtlsMode::Permissive, MtlsMode::Disable}) {
        set_mode(mode);
        for (const auto port : {kTcpPort, kSniffedPort}) {
            BOOST_TEST((say(*this, port, hello).starts_with(hello)), port);
        }
        // In pieces as small as there are.
        auto slow = to_pod("pod/x/c", kSniffedPort);
        for (const char byte : hello) {
            slow.send({&byte, 1});
        }
        slow.finish();
        BOOST_TEST((slow.rest().starts_with(hello)));
    }
    BOOST_TEST(logged("m/b", "TLS of the application's own"));
    set_mode(MtlsMode::Permissive); // on a port of HTTP there is nobody who would understand it
    BOOST_TEST(say(*this, kWebPort, hello) == "RESET");
    set_mode(MtlsMode::Disable); // but the application gets it here, and breaks off
    BOOST_TEST(say(*this, kWebPort, hello) != "TIMEOUT");
    BOOST_TEST(!sidecar_logs("m/b").empty());
    set_mode(MtlsMode::Strict);
    for (const auto port : {kWebPort, kTcpPort, kSniffedPort}) {
        BOOST_TEST(say(*this, port, hello) == "RESET", port);
    }
    BOOST_TEST(logged("m/b", "STRICT: TLS that is not the mesh's"));
}

// --- what a client can pretend

BOOST_FIXTURE_TEST_CASE(sidecar_believes_certificates_of_its_authority_only, SidecarNet) {
    const auto request = get_request("/", "h");
    const auto ask = [&](const mesh::Svid* svid) {
        return ask_with_tls(*this, kWebPort, svid, request, "\n\n");
    };
    const auto good = svid_of(authority, "m/a");
    BOOST_TEST(status_of(ask(&good)) == 200);
    const auto now = std::chrono::system_clock::now();
    const auto foreign = mesh::Authority::create("cluster.local", std::chrono::hours(1), now);
    const auto other = mesh::Authority::create("elsewhere.lab", std::chrono::hours(1), now);
    const auto forged = svid_of(foreign, "m/a");
    const auto of_other = svid_of(other, "m/a");
    const auto past = authority.issue(
        mesh::SpiffeId::of_service_account("cluster.local", "m", "a"),
        {std::chrono::seconds(1), {}, now - std::chrono::seconds(30), std::chrono::seconds(1)});
    for (const auto* bad : {&forged, &of_other, &past}) {
        const auto answer = ask(bad);
        BOOST_TEST(answer.find("alert") != std::string::npos, answer);
    }
    const auto answer = ask(nullptr);
    BOOST_TEST(answer.find("certificate required") != std::string::npos, answer);
    BOOST_TEST(seen_at("pod/x/c", "10.1.0.53", "GET /") == 0);
    BOOST_TEST(logged("m/b", "inbound, mTLS: "));
    BOOST_TEST(status_of(ask(&good)) == 200);
}

BOOST_FIXTURE_TEST_CASE(sidecar_lets_nobody_forge_certificate_headers, SidecarNet) {
    const std::string forged = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Client-Cert: By=x;"
                               "URI=spiffe://cluster.local/ns/m/sa/root\r\n"
                               "x-forwarded-client-cert: again\r\n"
                               "Connection: x-forwarded-client-cert\r\n\r\n";
    auto plain = to_pod("pod/x/c", kWebPort);
    plain.send(forged);
    const auto unknown = plain.response();
    BOOST_TEST(status_of(unknown) == 200);
    BOOST_TEST(unknown.find("client-cert") == std::string::npos, unknown);
    auto meshed = to_service("pod/m/a", 10);
    meshed.send(forged);
    const auto known = meshed.response();
    BOOST_TEST(known.find("sa/root") == std::string::npos, known);
    BOOST_TEST(known.find("again") == std::string::npos, known);
    BOOST_TEST(
        known.find("x-forwarded-client-cert: By=spiffe://cluster.local/ns/m/sa/b;Hash=") !=
            std::string::npos,
        known);
    BOOST_TEST(known.find("URI=" + kIdOfA) != std::string::npos, known);
    auto outside = to_service("pod/m/a", 19); // to a pod without sidecar nothing is told at all
    outside.send(forged);
    const auto told = outside.response();
    BOOST_TEST(status_of(told) == 200);
    BOOST_TEST(told.find("client-cert") == std::string::npos, told);
    // Policies see what the application gets, and no more.
    mesh::istio::Rule rule;
    rule.when = {{"request.headers[x-forwarded-client-cert]", {{"*"}, {}}}};
    set_policies({one_rule(mesh::istio::AuthorizationPolicy::Action::Allow, rule)});
    auto liar = to_pod("pod/x/c", kWebPort);
    liar.send(forged);
    BOOST_TEST(status_of(liar.response()) == 403);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
}

BOOST_FIXTURE_TEST_CASE(sidecar_survives_clients_that_stop_in_the_handshake, SidecarNet) {
    const auto a = svid_of(authority, "m/a");
    const auto before = child_descriptors();
    const auto config = mesh_client(authority, &a);
    mesh::TlsClientSession session(config, "b.m");
    const auto hello = session.take_output();
    for (std::size_t size = 1; size <= hello.size(); size += size < 12 ? 1 : 37) {
        auto client = to_pod("pod/x/c", kWebPort);
        client.send(std::string_view(hello).substr(0, size));
        size % 2 == 0 ? client.reset() : client.close();
    }
    auto garbage = to_pod("pod/x/c", kWebPort); // in the middle of the handshake
    garbage.send(hello);
    garbage.send(std::string(5000, '\x17'));
    garbage.finish();
    BOOST_TEST(garbage.rest() != "TIMEOUT");
    {
        TlsTestClient broken(to_pod("pod/x/c", kSniffedPort), config); // and behind it
        BOOST_TEST(broken.shake());
        broken.send("GE"); // may become a request
        broken.connection().send(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
        const auto answer = broken.until("never");
        BOOST_TEST(answer.find("bye") == std::string::npos); // nobody takes that for an end
        net.must("", "sleep 1.2");                           // nor for a client that waits
        BOOST_TEST(!logged("m/b", "inbound TCP by"));
    }
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    for (int i = 0; i < 100 && child_descriptors() > before + 4; ++i) {
        net.must("", "sleep 0.1");
    }
    BOOST_TEST(child_descriptors() <= before + 4); // those of the GET are kept
    BOOST_TEST(child_lives());
}

// --- where clients' sidecars go

BOOST_FIXTURE_TEST_CASE(sidecar_uses_mtls_where_an_endpoint_takes_it, SidecarNet) {
    const auto meshed = get("pod/m/a", 10, "/m");
    BOOST_TEST(field_of(meshed, "x-name") == "b");
    BOOST_TEST(field_of(meshed, "server") == "envoy");
    BOOST_TEST(!field_of(meshed, "x-envoy-upstream-service-time").empty());
    BOOST_TEST(logged("m/a", "outbound|80||web.m.svc.cluster.local (mTLS) m/b"));
    BOOST_TEST(logged("m/b", "inbound GET web/m by " + kIdOfA));
    const auto plain = get("pod/m/a", 19);
    BOOST_TEST(field_of(plain, "x-name") == "c");
    BOOST_TEST(logged("m/a", "outbound|80||plain.m.svc.cluster.local (plaintext) x/c"));
    service("web").endpoints.front().mtls = false; // mode DISABLE
    set_mode(MtlsMode::Disable);
    BOOST_TEST(status_of(get("pod/m/a", 10, "/p")) == 200);
    BOOST_TEST(logged("m/b", "inbound GET web/p by nobody known (plaintext)"));
    set_mode(MtlsMode::Strict); // as with `tls.mode: DISABLE` of a DestinationRule
    const auto refused = get("pod/m/a", 10);
    BOOST_TEST(status_of(refused) == 503);
    BOOST_TEST(
        body_of(refused) == "upstream connect error or disconnect/reset before headers. reset "
                            "reason: connection termination");
    BOOST_TEST(logged("m/a", "UC at 10.1.0.52:8080"));
}

BOOST_FIXTURE_TEST_CASE(sidecar_never_sends_plaintext_in_the_place_of_mtls, SidecarNet) {
    table.identities.erase("m/a"); // it has no certificate (yet)
    change(table);
    const auto answer = get("pod/m/a", 10);
    BOOST_TEST(status_of(answer) == 503);
    BOOST_TEST(body_of(answer).find("Secret is not supplied by SDS") != std::string::npos);
    auto tcp = to_service("pod/m/a", 12);
    tcp.send("secret");
    BOOST_TEST(tcp.rest() == "RESET");
    BOOST_TEST(logged("m/a", "has no certificate (yet)"));
    BOOST_TEST(status_of(get("pod/m/a", 19)) == 200);
    table.identities["m/a"] = {"nonsense", "nonsense"};
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 503);
    table.workloads.erase("m/a"); // the mesh does not know the pod
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 503);
    BOOST_TEST(inbound_connections("m/b") == 0);
}

BOOST_FIXTURE_TEST_CASE(sidecar_insists_on_the_server_that_is_meant, SidecarNet) {
    service("web").sni = std::string(300, 'a'); // more than a name may have: none is sent
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    service("web").server_ids = {"spiffe://cluster.local/ns/m/sa/somebody"};
    service("tcp").server_ids = service("web").server_ids;
    change(table);
    const auto answer = get("pod/m/a", 10);
    BOOST_TEST(status_of(answer) == 503);
    BOOST_TEST(
        body_of(answer).find("remote connection failure, transport failure reason: ") !=
            std::string::npos,
        answer);
    BOOST_TEST(logged("m/a", "UF,URX at 10.1.0.52:8080: TLS: "));
    auto tcp = to_service("pod/m/a", 12);
    tcp.send("secret");
    BOOST_TEST(tcp.rest() == "RESET");
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_through_what_it_does_not_know, SidecarNet) {
    auto direct = dial("pod/m/a", endpoint_of("10.1.0.53", 8080));
    direct.send(get_request("/", "c"));
    const auto answer = direct.response();
    BOOST_TEST(field_of(answer, "x-name") == "c");
    BOOST_TEST(field_of(answer, "server").empty());
    BOOST_TEST(logged("m/a", "outbound passed through at 10.1.0.53:8080") == false); // not over
    direct.finish();
    BOOST_TEST(direct.rest() == "");
    BOOST_TEST(logged("m/a", "outbound passed through at 10.1.0.53:8080"));
    auto nobody = dial("pod/m/a", endpoint_of("10.1.0.53", 81)); // its sidecar accepts
    BOOST_TEST(nobody.rest() == "RESET");
    BOOST_TEST(status_of(get_from_pod("pod/m/a")) == 200); // the address of a pod is no Service
    BOOST_TEST(logged("m/b", "by nobody known (plaintext)"));
}

BOOST_FIXTURE_TEST_CASE(sidecar_of_a_pod_that_calls_its_own_service, SidecarNet) {
    const auto answer = get("pod/m/a", 18);
    BOOST_TEST(field_of(answer, "x-name") == "a");
    BOOST_TEST(answer.find("URI=" + kIdOfA) != std::string::npos, answer);
    BOOST_TEST(logged("m/a", "inbound GET web/ by " + kIdOfA));
    BOOST_TEST(inbound_connections("m/a") == 1);
    auto local = dial("pod/m/a", endpoint_of("127.0.0.1", 8080)); // and itself: no sidecar
    local.send(get_request("/", "h"));
    BOOST_TEST(field_of(local.response(), "server").empty());
}

BOOST_FIXTURE_TEST_CASE(sidecar_serves_ipv6, SidecarNet) {
    for (const int number : {10, 18}) {
        auto client = to_service("pod/m/a", number, true);
        client.send(get_request("/", "h"));
        BOOST_TEST(status_of(client.response()) == 200);
    }
    for (auto& endpoint : service("web").endpoints) {
        endpoint.address = endpoint_of("fd00::52", kWebPort);
    }
    change(table);
    const auto answer = get("pod/m/a", 10); // from ::6 to the application
    BOOST_TEST(status_of(answer) == 200);
    BOOST_TEST(logged("m/b", "at [fd00::52]:8080"));
    auto foreign = dial("pod/x/c", endpoint_of("fd00::52", kWebPort));
    foreign.send(get_request("/", "h"));
    BOOST_TEST(field_of(foreign.response(), "server") == "istio-envoy");
}

BOOST_FIXTURE_TEST_CASE(sidecar_ports_are_for_what_was_led_there, SidecarNet) {
    for (const auto port : {mesh::kSidecarInboundPort, mesh::kSidecarOutboundPort}) {
        for (const auto* ns : {"pod/x/c", "pod/m/b"}) {
            auto client = dial(ns, endpoint_of("10.1.0.52", port));
            client.send(get_request("/", "h"));
            const auto answer = client.rest();
            BOOST_TEST((answer == "RESET" || answer.empty()), answer);
        }
    }
    BOOST_TEST(logged("m/b", "meant for the sidecar itself"));
    const auto led = inbound_connections("m/b");
    for (const auto port : {mesh::kSidecarStatusPort, mesh::kSidecarMetricsPort}) { // its own
        auto client = dial("pod/x/c", endpoint_of("10.1.0.52", port));
        client.send(get_request("/stats/prometheus", "h"));
        BOOST_TEST(status_of(client.response()) == 200);
    }
    BOOST_TEST(inbound_connections("m/b") == led);
    for (const auto port : {15008, 15021}) { // are not led anywhere
        BOOST_CHECK_THROW(
            (void)dial("pod/x/c", endpoint_of("10.1.0.52", static_cast<std::uint16_t>(port))),
            std::exception);
    }
}
// NOLINTEND
