#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"
#include "tests/support/temporary.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using mesh::istio::MtlsMode;
using Action = mesh::istio::AuthorizationPolicy::Action;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

mesh::istio::Rule of_paths(std::vector<std::string> paths) {
    mesh::istio::Rule rule;
    rule.to.emplace_back();
    rule.to[0].paths.values = std::move(paths);
    return rule;
}

} // namespace

// --- policies

BOOST_FIXTURE_TEST_CASE(sidecar_denies_requests_and_keeps_the_connection, SidecarNet) {
    set_policies({one_rule(Action::Deny, of_paths({"/secret", "/secret/*"}))});
    auto client = to_service("pod/m/a", 10);
    client.send(get_request("/secret"));
    const auto denied = client.response();
    BOOST_TEST(denied.starts_with("HTTP/1.1 403 Forbidden\r\n"), denied);
    BOOST_TEST(body_of(denied) == "RBAC: access denied");
    BOOST_TEST(field_of(denied, "content-length") == "19");
    BOOST_TEST(field_of(denied, "content-type") == "text/plain");
    BOOST_TEST(field_of(denied, "connection").empty());
    client.send(get_request("/open"));
    BOOST_TEST(status_of(client.response()) == 200);
    client.send("HEAD /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    BOOST_TEST(status_of(client.response(true)) == 403);
    client.send(get_request("/open"));
    BOOST_TEST(status_of(client.response()) == 200);
    client.send("POST /secret HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\r\n");
    const auto grpc = client.response(true);
    BOOST_TEST(status_of(grpc) == 200);
    BOOST_TEST(field_of(grpc, "grpc-status") == "7");
    BOOST_TEST(field_of(grpc, "grpc-message") == "RBAC: access denied");
    BOOST_TEST(inbound_connections("m/b") == 1);
    // Without a sidecar between; pipelined, so that none of them is answered out of turn.
    auto plain = to_pod("pod/x/c", kWebPort);
    plain.send(get_request("/a") + get_request("/secret/x?y") + get_request("/b"));
    BOOST_TEST(has(plain.response(), "GET /a\n"));
    const auto second = plain.response();
    BOOST_TEST(status_of(second) == 403);
    BOOST_TEST(field_of(second, "server") == "istio-envoy");
    BOOST_TEST(has(plain.response(), "GET /b\n"));
    // A body that nobody reads is not taken for a request.
    auto post = to_pod("pod/x/c", kWebPort);
    post.send("POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\nGET /b HTTP/1.1\r\n"
              "Host: h\r\n\r\n....");
    post.finish();
    const auto all = post.rest();
    BOOST_TEST(status_of(all) == 403);
    BOOST_TEST(has(all, "connection: close"));
    BOOST_TEST(!has(all, "HTTP/1.1 200"));
    BOOST_TEST(logged("m/b", "ns[m]-policy[p]-rule[0]") == false); // in plain words
    BOOST_TEST(logged("m/b", "GET real/secret by spiffe://cluster.local/ns/m/sa/a"));
}

BOOST_FIXTURE_TEST_CASE(sidecar_judges_the_path_that_the_application_gets, SidecarNet) {
    set_policies({one_rule(Action::Deny, of_paths({"/secret", "/secret/*"}))});
    struct Case {
        const char* target;
        int status;
        const char* gets; // "": nothing
    };
    for (const auto& [target, status, gets] : std::vector<Case>{
             {"/secret", 403, ""},
             {"/./secret", 403, ""},
             {"/x/../secret", 403, ""},
             {"/x/%2e%2e/secret", 403, ""},
             {"/s%65cret", 403, ""},
             {"\\secret", 400, ""},
             {"/x\\..\\secret", 403, ""},
             {"/secret?x=/open", 403, ""},
             {"http://h/x/../secret", 403, ""},
             {"/secret#x", 400, ""},
             {"/x%00", 400, ""},
             {"/open/../x?y=/../secret", 200, "/x?y=/../secret"},
             {"/%41?%41", 200, "/A?%41"},
             {"//secret", 200, "//secret"},
             {"/%2fsecret", 200, "/%2fsecret"},
             {"/s%2565cret", 200, "/s%2565cret"},
             {"/SECRET", 200, "/SECRET"}}) {
        for (const bool meshed : {false, true}) {
            auto client = meshed ? to_service("pod/m/a", 10) : to_pod("pod/x/c", kWebPort);
            client.send(get_request(target, "h"));
            const auto answer = client.response();
            BOOST_TEST(status_of(answer) == status, target << " " << answer);
            BOOST_TEST(
                (*gets == '\0' || has(answer, std::string("\r\n\r\nGET ") + gets + "\n")),
                target << " " << answer);
        }
    }
    BOOST_TEST(seen_at("pod/m/b", "127.0.0.1", "GET /secret") == 0);
}

BOOST_FIXTURE_TEST_CASE(sidecar_forwards_no_tunnels_and_no_smuggled_requests, SidecarNet) {
    set_policies({one_rule(Action::Deny, of_paths({"/secret"}))});
    const std::string secret = get_request("/secret", "h");
    for (const std::string& bytes : std::vector<std::string>{
             "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n" + secret,
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
             "0\r\n\r\n" +
                 secret,
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\nabcd" +
                 secret,
             "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n" + secret,
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd" + secret,
             "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n" + secret,
             "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c\r\n"
             "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" +
                 secret,
             "GET / HTTP/1.1\r\nHost: h\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
        for (const bool meshed : {false, true}) {
            auto client = meshed ? to_service("pod/m/a", 10) : to_pod("pod/x/c", kWebPort);
            client.send(bytes);
            client.finish();
            const auto answers = client.rest();
            BOOST_TEST(status_of(answers) != 0, bytes << " " << answers);
            BOOST_TEST(!has(answers, "101 Switching"));
        }
    }
    BOOST_TEST(seen_at("pod/m/b", "127.0.0.1", "GET /secret") == 0);
    auto client = to_service("pod/m/a", 10);
    client.send("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n");
    BOOST_TEST(status_of(client.response()) == 403);
    for (const bool meshed : {false, true}) { // what would be asked in there is nobody's to judge
        auto other = meshed ? to_service("pod/m/a", 10) : to_pod("pod/x/c", kWebPort);
        other.send("GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                   "Upgrade: TLS/1.0\r\n\r\n");
        BOOST_TEST(status_of(other.response()) == 403);
    }
}

// --- bodies, pipelines, upgrades

BOOST_FIXTURE_TEST_CASE(sidecar_passes_bodies_both_ways_under_tls, SidecarNet) {
    const netemu::test::TemporaryFile body(std::string(10'000'000, 'a'));
    const auto curl = [&](const std::string& arguments) {
        return net.run("pod/m/a", "curl -sS --noproxy '*' --max-time 30 " + arguments).output;
    };
    const auto data = "--data-binary @" + body.path() + " http://10.96.0.10";
    const auto sum = "10000000 " + std::to_string(970000000L % 65521);
    BOOST_TEST(curl(data + "/sum") == sum);
    BOOST_TEST(curl("-H 'Transfer-Encoding: chunked' " + data + "/sum") == sum);
    BOOST_TEST(
        curl(
            "-H 'Transfer-Encoding: chunked' " + data + "/chunked | cmp - " + body.path() +
            " && echo same") == "same\n");
    BOOST_TEST(
        curl("http://10.96.0.10/big?10000000 | md5sum") ==
        net.run("pod/m/b", "curl -sS http://127.0.0.1:8080/big?10000000 | md5sum").output);
    auto client = to_service("pod/m/a", 10);
    client.send("POST /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: mine\r\n\r\n");
    const auto trailed = client.until("x-came: mine\r\n\r\n");
    BOOST_TEST(has(trailed, "\r\n5\r\nabcde\r\n0\r\nx-sum: 5\r\nx-came: mine\r\n\r\n"), trailed);
    BOOST_TEST(child_kib() < 200'000 + kKeptKib);
}

BOOST_FIXTURE_TEST_CASE(sidecar_answers_pipelined_requests_in_order, SidecarNet) {
    auto client = to_service("pod/m/a", 10);
    std::string all =
        get_request("/stall?50") + "POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    for (int i = 0; i < 300; ++i) {
        all += get_request("/n" + std::to_string(i));
    }
    client.send(all);
    client.finish();
    BOOST_TEST(has(client.response(), "GET /stall?50"));
    BOOST_TEST(body_of(client.response()) == "3 294");
    for (int i = 0; i < 300; ++i) {
        BOOST_REQUIRE(has(client.response(), "GET /n" + std::to_string(i) + "\n"));
    }
    BOOST_TEST(client.rest().empty());
    BOOST_TEST(inbound_connections("m/b") == 1);
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_upgrades_on, SidecarNet) {
    auto client = to_service("pod/m/a", 10);
    client.send("GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "\r\nearly\n");
    const auto head = client.until("\r\n\r\n");
    BOOST_TEST(has(head, "HTTP/1.1 101 "), head);
    BOOST_TEST(has(head, "upgrade: websocket"), head);
    BOOST_TEST(client.until("EARLY\n") == "hello EARLY\n");
    client.send("one\n");
    BOOST_TEST(client.until("\n") == "ONE\n");
    client.send("say 1000000\n");
    std::size_t size = 0;
    while (size < 1'000'000) {
        const auto piece = client.some();
        BOOST_REQUIRE(!piece.empty());
        size += piece.size();
    }
    client.send("end\n"); // the server's end, and the client goes on
    BOOST_TEST(client.until("ended") == "ended");
    client.send("late\n");
    client.finish();
    BOOST_TEST(client.rest() == "");
    for (int i = 0; i < 50 && seen_at("pod/m/b", "127.0.0.1", "raw EOF") == 0; ++i) {
        net.must("", "sleep 0.1");
    }
    BOOST_TEST(seen_at("pod/m/b", "127.0.0.1", "raw late") == 1);
    BOOST_TEST(seen_at("pod/m/b", "127.0.0.1", "raw EOF") == 1);
}
// NOLINTEND
