#include <chrono>
#include <future>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"
#include "tests/netns/sidecar_net.h"
#include "tests/support/temporary.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using mesh::istio::MtlsMode;
using Action = mesh::istio::AuthorizationPolicy::Action;

namespace {

/// A client, and a server, of HTTP/2 that are not ours: h2_client.py, h2_server.py.
class H2Net : public SidecarNet {
public:
    /// What h2_client.py prints, by lines.
    std::vector<std::string>
    ask(const std::string& wishes,
        const std::string& ns = "pod/m/a",
        const std::string& to = "10.96.0.20 80") {
        const auto told = net.run(
            ns,
            "/usr/bin/python3 " LABCTL_SOURCE_DIR "/tests/netns/h2_client.py " + to + " " + wishes +
                " 2>&1");
        std::vector<std::string> lines;
        for (const auto line : netemu::split(told.output, '\n')) {
            if (!line.empty()) {
                lines.emplace_back(line);
            }
        }
        return lines;
    }
    std::vector<std::string> ask_pod(const std::string& wishes, const std::string& ns = "pod/x/c") {
        return ask(wishes, ns, "10.1.0.52 " + std::to_string(kH2Port));
    }
    std::string curl(const std::string& arguments) {
        return net.run("pod/m/a", "curl -sS --noproxy '*' --max-time 20 " + arguments + " 2>&1")
            .output;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

mesh::istio::Rule of_path(const std::string& path) {
    mesh::istio::Rule rule;
    rule.to.emplace_back();
    rule.to[0].paths.values = {path};
    return rule;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(sidecar_h2_passes_requests_and_answers, H2Net) {
    const auto told = ask("/x post:300000:/sum post:5:/trailers grpc:/only-trailers /big?3000000");
    BOOST_REQUIRE(told.size() == 5U);
    BOOST_TEST(has(told[0], "/x 200 ended"), told[0]);
    BOOST_TEST(has(told[0], ":authority: web\\n"), told[0]);
    BOOST_TEST(has(told[0], "x-forwarded-proto: http\\n"), told[0]);
    BOOST_TEST(has(told[0], "x-forwarded-client-cert: By=spiffe://"), told[0]);
    BOOST_TEST(!has(told[0], "transfer-encoding"), told[0]);
    BOOST_TEST(has(told[1], "'300000 " + std::to_string(300000L * 'p' % 65521) + "\\n'"), told[1]);
    BOOST_TEST(has(told[2], "200 ended grpc-status=0 x-sum=5"), told[2]);
    BOOST_TEST(has(told[2], "'ppppp'"), told[2]);
    BOOST_TEST(has(told[3], "200 ended grpc-status=5"), told[3]);
    BOOST_TEST(has(told[4], "200 ended on 1: '3000000 bytes'"), told[4]);
    // All of them on one connection to the application, as the client has one.
    for (const auto& line : told) {
        BOOST_TEST(has(line, " on 1: "), line);
    }
    BOOST_TEST(logged("m/a", "outbound POST web/trailers -> "));
    BOOST_TEST(logged("m/b", "inbound POST web/trailers by spiffe://"));
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_talks_both_ways_at_once, H2Net) {
    const auto told = ask("talk:/talk talk:/talk stalled:/big?20000000 talk:/talk");
    BOOST_REQUIRE(told.size() == 4U);
    for (const auto at : {0U, 1U, 3U}) { // the stalled one stops nobody
        BOOST_TEST(
            has(told[at], "200 ended grpc-status=0 on 1: 'you said oneyou said twoyou said three'"),
            told[at]);
    }
    BOOST_TEST(has(told[2], "'65535 bytes'"), told[2]);
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_judges_each_request, H2Net) {
    set_policies({one_rule(Action::Deny, of_path("/secret"))});
    for (const bool meshed : {true, false}) {
        const auto told = meshed ? ask("/open /secret grpc:/secret post:9:/secret /open")
                                 : ask_pod("/open /secret grpc:/secret post:9:/secret /open");
        BOOST_REQUIRE(told.size() == 5U);
        BOOST_TEST(has(told[0], "/open 200 ended"), told[0]);
        BOOST_TEST(has(told[1], "/secret 403 ended on None: 'RBAC: access denied'"), told[1]);
        BOOST_TEST(
            has(told[2],
                "/secret 200 ended grpc-status=7 grpc-message=RBAC: access denied on None: ''"),
            told[2]);
        BOOST_TEST(has(told[3], "/secret 403 "), told[3]);
        BOOST_TEST(has(told[4], "/open 200 ended"), told[4]);
    }
    set_mode(MtlsMode::Strict);
    BOOST_TEST(has(ask("/open")[0], "/open 200 ended"));
    const auto plain = ask_pod("/open"); // what a Python program ends with
    BOOST_REQUIRE(!plain.empty());
    BOOST_TEST((has(plain.back(), "ConnectionResetError") || has(plain.back(), "/open none ")));
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_asks_again_with_all_of_the_body, H2Net) {
    // It is sure that nothing was done, and sidecars try again (retryOn: refused-stream).
    const auto at_c = [this](const std::string& wishes) {
        return ask(wishes, "pod/m/a", "10.96.0.21 80");
    };
    const auto sum = [](long size) {
        return ": '" + std::to_string(size) + " " + std::to_string(size * 'p' % 65521) + "\\n'";
    };
    for (const std::string path : {"/refuse-once/", "/goaway-once/"}) {
        const auto told = at_c("post:5:" + path + "a/sum post:60000:" + path + "b/sum");
        BOOST_REQUIRE(told.size() == 2U);
        BOOST_TEST(has(told[0], "/sum 200 ended on "), told[0]);
        BOOST_TEST(has(told[0], sum(5)), told[0]);
        BOOST_TEST(has(told[1], sum(60000)), told[1]);
        const auto late = at_c("late:100000:" + path + "c/sum"); // more than what is kept, in two
        BOOST_TEST(has(late.back(), sum(100000)), late.back());
    }
    // What has grown too long to be kept when the first try is refused is not sent in part.
    const std::string refused =
        "/sum 503 ended on None: 'upstream connect error or disconnect/reset before headers. reset "
        "reason: remote refused stream reset'";
    const auto late = at_c("post:3000000:/refuse-late/d/sum");
    BOOST_TEST(has(late.back(), refused), late.back());
    const auto either = at_c("post:3000000:/refuse-once/d/sum"); // as much as had come
    BOOST_TEST((has(either.back(), sum(3000000)) || has(either.back(), refused)), either.back());
    // The other side's sidecar asks again only what the application has not been sent.
    const auto inbound = ask("post:5:/refuse-once/e/sum");
    BOOST_TEST(has(inbound.back(), "/sum 503 ended on None: "), inbound.back());
}

// RFC 9113: sections 8.1, 10.5.1; RFC 9110: 8.6, 10.1.1.
BOOST_FIXTURE_TEST_CASE(sidecar_h2_answers_what_it_does_not_pass_on, H2Net) {
    const auto told = ask("large:/x expect:70000:/sum /open");
    BOOST_REQUIRE(told.size() == 3U);
    BOOST_TEST(has(told[0], "/x 431 ended on None: "), told[0]);
    BOOST_TEST(has(told[1], "/sum 200 ended on 1: '70000 "), told[1]);
    BOOST_TEST(has(told[2], "/open 200 ended"), told[2]);
    BOOST_TEST(logged("m/a", "a request that is too large: the request's head is too large 431"));
    // HTTP/1.1 says that there is no body where one could be (RFC 9110 section 8.6).
    const auto empty = curl("-X POST http://10.96.0.10/x");
    BOOST_TEST(has(empty, "content-length: 0\n"), empty);
}

// All of the last answer has come from the application, and waits for the client's window.
BOOST_FIXTURE_TEST_CASE(sidecar_h2_ends_a_connection_behind_its_last_answer, H2Net) {
    auto answer = std::async(std::launch::async, [this] {
        return net.run(
            "pod/x/c", "nghttp -w 14 -W 14 'http://10.1.0.52:9007/later?150000' | wc -c");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    set_mode(MtlsMode::Strict);
    BOOST_TEST(answer.get().output == "150000\n");
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_says_what_endpoints_do, H2Net) {
    const auto told = ask("/reset talk:/break /open post:3000000:/early /refuse-once /open");
    BOOST_REQUIRE_MESSAGE(told.size() == 6U, netemu::join(told, "\n"));
    BOOST_TEST(
        has(told[0],
            "/reset 503 ended on None: 'upstream connect error or disconnect/reset before headers. "
            "reset reason: "),
        told[0]);
    BOOST_TEST(has(told[1], "/break 200 reset 2 on 1: 'the first half'"), told[1]);
    BOOST_TEST(has(told[2], "/open 200 ended"), told[2]);
    BOOST_TEST(has(told[3], "/early 413 ended"), told[3]);
    BOOST_TEST(has(told[4], "/refuse-once 200 ended"), told[4]); // it is sure that nothing was done
    BOOST_TEST(has(told[5], "/open 200 ended"), told[5]);
    // A client that gives up a stream goes on with others.
    const auto given_up = ask("reset:/silent /open");
    BOOST_TEST(has(given_up.back(), "/open 200 ended"), given_up.back());
    BOOST_TEST(logged("m/a", "the client has reset the stream: CANCEL"));
    // What comes behind a GOAWAY has a connection of its own.
    BOOST_TEST(has(ask("/goaway").back(), "/goaway 200 ended on "));
    BOOST_TEST(has(ask("/open").back(), "/open 200 ended on "));
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_is_spoken_where_the_port_says_so, H2Net) {
    // The application's port is one of HTTP/2, whatever clients speak.
    const auto one = curl("--http1.1 -w '%{http_version} %{http_code}' http://10.96.0.20/x");
    BOOST_TEST(has(one, ":path: /x\n"), one);
    BOOST_TEST(has(one, "1.1 200"), one);
    const netemu::test::TemporaryFile body(std::string(2'000'000, 'a'));
    BOOST_TEST(
        curl("--http1.1 --data-binary @" + body.path() + " http://10.96.0.20/sum") ==
        "2000000 " + std::to_string(2000000L * 'a' % 65521) + "\n");
    const auto trailed = curl("--http1.1 --raw -i -d abc http://10.96.0.20/trailers");
    BOOST_TEST(has(trailed, "\r\n3\r\nabc\r\n0\r\n"), trailed);
    BOOST_TEST(has(trailed, "grpc-status: 0\r\n"), trailed);
    BOOST_TEST(
        curl("--http1.1 -o /dev/null -w '%{http_code} %{size_download}' "
             "http://10.96.0.20/only-trailers") == "200 0");
    // An application that does not speak it says so, and the client is told.
    const auto web = curl("--http2-prior-knowledge -w ' %{http_code}' http://10.96.0.10/x");
    BOOST_TEST(has(web, "upstream connect error"), web);
}

BOOST_FIXTURE_TEST_CASE(sidecar_h2_outlives_changes, H2Net) {
    BOOST_TEST(has(ask("/open").back(), "/open 200 ended"));
    BOOST_TEST(has(ask("/open").back(), "/open 200 ended"));
    const auto before = inbound_connections("m/b"); // both have gone on one
    BOOST_TEST(before == 1);
    renew(); // another certificate is another connection
    BOOST_TEST(has(ask("/open").back(), "/open 200 ended"));
    BOOST_TEST(inbound_connections("m/b") == before + 1);
    auto hostile = to_service("pod/m/a", 20);
    hostile.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(9000, '\xff'));
    BOOST_TEST(!has(hostile.rest(), "TIMEOUT"));
    auto cut = to_service("pod/m/a", 20);
    cut.send(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    cut.reset();
    BOOST_TEST(has(ask("/open").back(), "/open 200 ended"));
    BOOST_TEST(child_lives());
}
// NOLINTEND
