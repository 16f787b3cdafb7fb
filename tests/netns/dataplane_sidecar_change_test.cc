#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using mesh::istio::MtlsMode;
using Action = mesh::istio::AuthorizationPolicy::Action;

BOOST_FIXTURE_TEST_CASE(sidecar_keeps_connections_to_others_alive, SidecarNet) {
    for (int i = 1; i <= 10; ++i) {
        const auto answer = get("pod/m/a", 10); // each from a connection of its own
        BOOST_TEST(field_of(answer, "x-connection") == "1");
        BOOST_TEST(field_of(answer, "x-request") == std::to_string(i));
    }
    BOOST_TEST(inbound_connections("m/b") == 1); // and so one handshake
    renew();
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(inbound_connections("m/b") == 2);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(inbound_connections("m/b") == 2);
    change(table); // nothing has changed
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(inbound_connections("m/b") == 2);
    service("web").server_ids.push_back("spiffe://cluster.local/ns/m/sa/other");
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(inbound_connections("m/b") == 3);
    service("web").endpoints.front().mtls = false;
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(logged("m/b", "by nobody known (plaintext)"));
    BOOST_TEST(inbound_connections("m/b") == 4);
}

BOOST_FIXTURE_TEST_CASE(sidecar_follows_new_rules_on_old_connections, SidecarNet) {
    auto http = to_service("pod/m/a", 10);
    auto tcp = to_service("pod/m/a", 12);
    const auto works = [&](int status) {
        http.send(get_request("/", "h"));
        BOOST_TEST(status_of(http.response()) == status);
        tcp.send("abc");
        BOOST_TEST(tcp.until("abc") == "abc");
    };
    works(200);
    set_policies({one_rule(Action::Deny, {})}); // requests are judged one by one, TCP once
    works(403);
    auto later = to_service("pod/m/a", 12);
    later.send("abc");
    BOOST_TEST(later.rest() == "RESET");
    set_policies({});
    works(200);
    renew();
    works(200);
    BOOST_TEST(inbound_connections("m/b") == 4); // http again, with the new certificate
    const auto name = service("web").name;
    std::erase_if(table.services, [&](const auto& each) { return each.name == name; });
    change(table);
    works(503); // the Service is gone
    BOOST_TEST(logged("m/a", "NC: the Service at 10.96.0.10:80 is gone"));
    table.workloads.clear(); // and the mesh, at last
    change(table);
    tcp.send("abc");
    BOOST_TEST(tcp.until("abc") == "abc");
    auto unknown = to_pod("pod/x/c", kTcpPort);
    unknown.send("x");
    BOOST_TEST(unknown.rest() == "RESET");
    BOOST_TEST(logged("m/b", "the mesh does not know this pod"));
}

/// Requests in plaintext that are under way when STRICT comes are the last ones.
BOOST_FIXTURE_TEST_CASE(sidecar_retires_plaintext_when_strict_comes, SidecarNet) {
    auto idle = to_pod("pod/x/c", kWebPort);
    idle.send(get_request("/", "h"));
    BOOST_TEST(status_of(idle.response()) == 200);
    auto busy = to_pod("pod/x/c", kWebPort);
    busy.send(get_request("/stall?500", "h") + get_request("/second", "h"));
    auto tcp = to_pod("pod/x/c", kTcpPort);
    tcp.send("abc");
    BOOST_TEST(tcp.until("abc") == "abc");
    auto meshed = to_service("pod/m/a", 10);
    meshed.send(get_request("/", "h"));
    BOOST_TEST(status_of(meshed.response()) == 200);
    net.must("", "sleep 0.2");
    set_mode(MtlsMode::Strict);
    BOOST_TEST(idle.rest() == "");
    const auto last = busy.rest();
    BOOST_TEST(status_of(last) == 200);
    BOOST_TEST(field_of(last, "connection") == "close");
    BOOST_TEST(last.find("GET /second") == std::string::npos, last);
    BOOST_TEST(seen_at("pod/m/b", "127.0.0.1", "GET /second") == 0);
    meshed.send(get_request("/", "h"));
    BOOST_TEST(status_of(meshed.response()) == 200);
    tcp.send("abc"); // is let in once
    BOOST_TEST(tcp.until("abc") == "abc");
}

/// Whoever has not said anything when rules change is judged by the new ones.
BOOST_FIXTURE_TEST_CASE(sidecar_judges_waiting_clients_by_the_rules_of_the_day, SidecarNet) {
    auto plain = to_pod("pod/x/c", kWebPort);
    auto outbound = to_service("pod/m/a", 10);
    const auto a = svid_of(authority, "m/a");
    TlsTestClient shaken(to_pod("pod/x/c", kWebPort), mesh_client(authority, &a));
    BOOST_TEST(shaken.shake());
    net.must("", "sleep 0.2");
    auto& web = service("web");
    web.endpoints = {{endpoint_of("10.1.0.53", 8080), "x/c", false}};
    mesh::istio::Rule rule;
    rule.to.emplace_back();
    rule.to[0].paths.values = {"/no"};
    set_policies({one_rule(Action::Deny, rule)});
    set_mode(MtlsMode::Strict);
    plain.send(get_request("/", "h"));
    BOOST_TEST(plain.rest() == "RESET");
    outbound.send(get_request("/", "h"));
    BOOST_TEST(field_of(outbound.response(), "x-name") == "c");
    shaken.send(get_request("/no", "h"));
    BOOST_TEST(status_of(shaken.response()) == 403);
}

BOOST_FIXTURE_TEST_CASE(sidecar_renews_certificates_under_traffic, SidecarNet) {
    auto http = to_service("pod/m/a", 10);
    auto tcp = to_service("pod/m/a", 12);
    const auto kib = child_kib();
    for (int i = 0; i < 60; ++i) {
        renew();
        http.send(get_request("/", "h"));
        BOOST_REQUIRE(status_of(http.response()) == 200);
        tcp.send("abc");
        BOOST_REQUIRE(tcp.until("abc") == "abc");
    }
    BOOST_TEST(child_kib() - kib < 30'000 + kKeptKib);
    // An authority that is replaced: who has the old certificate gets in no more.
    const auto old = svid_of(authority, "m/a");
    const auto fresh = mesh::Authority::create(
        "cluster.local", std::chrono::hours(1), std::chrono::system_clock::now());
    table.bundles["cluster.local"] = fresh.certificate_pem();
    for (auto& [account, identity] : table.identities) {
        const auto svid = svid_of(fresh, account);
        identity = {svid.chain_pem, svid.key_pem};
    }
    const auto connections = inbound_connections("m/b");
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(inbound_connections("m/b") == connections + 1);
    TlsTestClient outdated(to_pod("pod/x/c", kWebPort), mesh_client(authority, &old));
    BOOST_TEST(!outdated.shake());
    table.bundles["cluster.local"] = "nonsense"; // is nobody's end
    change(table);
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 503);
    auto plain = to_pod("pod/x/c", kWebPort);
    plain.send(get_request("/", "h"));
    BOOST_TEST(status_of(plain.response()) == 200);
}

BOOST_FIXTURE_TEST_CASE(sidecar_child_dies_under_traffic_and_serves_again, SidecarNet) {
    for (int round = 0; round < 3; ++round) {
        auto http = to_service("pod/m/a", 10);
        http.send(get_request("/stall?2000", "h"));
        auto tcp = to_service("pod/m/a", 12);
        tcp.send("abc");
        BOOST_TEST(tcp.until("abc") == "abc");
        kill_child();
        BOOST_TEST(tcp.rest() != "TIMEOUT");
        BOOST_TEST(status_of(http.rest()) == 0);
        auto waiting = to_service("pod/m/a", 10); // in the backlog of sockets that live on
        waiting.send(get_request("/", "h"));
        const auto answer = waiting.response();
        BOOST_TEST(status_of(answer) == 200, answer);
        BOOST_TEST(answer.find("URI=spiffe://cluster.local/ns/m/sa/a") != std::string::npos);
        set_mode(round % 2 == 0 ? MtlsMode::Strict : MtlsMode::Permissive);
    }
}

BOOST_FIXTURE_TEST_CASE(sidecar_pod_ends_in_the_middle_of_everything, SidecarNet) {
    auto http = to_service("pod/m/a", 10);
    http.send(get_request("/big?100000000", "h"));
    BOOST_TEST(!http.some().empty());
    auto tcp = to_service("pod/m/a", 12);
    tcp.send("abc");
    BOOST_TEST(tcp.until("abc") == "abc");
    auto silent = to_service("pod/m/a", 13);
    auto inbound = to_pod("pod/x/c", kSniffedPort);
    const auto a = svid_of(authority, "m/a");
    TlsTestClient shaken(to_pod("pod/x/c", kWebPort), mesh_client(authority, &a));
    BOOST_TEST(shaken.shake());
    mesh::TlsClientSession session(mesh_client(authority, &a), "b.m");
    auto shaking = to_pod("pod/x/c", kWebPort);
    shaking.send(session.take_output());
    withdraw("m/b");
    BOOST_TEST(tcp.rest() != "TIMEOUT");
    BOOST_TEST(inbound.rest() != "TIMEOUT");
    BOOST_TEST(shaking.rest() != "TIMEOUT");
    BOOST_TEST(http.rest(10).ends_with("RESET"));
    withdraw("m/a");
    BOOST_TEST(silent.rest() != "TIMEOUT");
    serve_again();
    BOOST_TEST(status_of(get("pod/m/a", 10)) == 200);
    BOOST_TEST(child_lives());
}
// NOLINTEND
