#include <map>

#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

const std::string kBefore =
    "upstream connect error or disconnect/reset before headers. reset reason: ";

}

// --- endpoints that do not answer as they should: reference 11, the table of answers

BOOST_FIXTURE_TEST_CASE(sidecar_says_what_envoy_says_for_endpoints, SidecarNet) {
    struct Case {
        int service;
        const char* path;
        int status;
        std::string body;
        const char* flag;
    };
    service("own").endpoints.clear();
    change(table);
    for (const auto& [number, path, status, body, flag] : std::vector<Case>{
             {18, "/", 503, "no healthy upstream", "UH: "},
             {17, "/", 503, kBefore + "connection failure", "UF at 10.1.0.52:9006"},
             {16, "/", 503, kBefore + "connection termination", "UC at 10.1.0.52:9005"},
             {10, "/die", 503, kBefore + "connection termination", "UC at 10.1.0.52:8080"},
             {10, "/garbage", 502, kBefore + "protocol error", "UPE at 10.1.0.52:8080"},
             {10, "/split", 502, kBefore + "protocol error", "UPE at 10.1.0.52:8080"},
             {10, "/two-lengths", 502, kBefore + "protocol error", "UPE at 10.1.0.52:8080"},
             {10, "/length-and-chunks", 502, kBefore + "protocol error", "UPE at 10.1.0.52:8080"},
             {10, "/101", 502, kBefore + "protocol error", "UPE at 10.1.0.52:8080"}}) {
        auto client = to_service("pod/m/a", number);
        client.send(get_request(path, "h"));
        const auto answer = client.response();
        BOOST_TEST(status_of(answer) == status, path << " " << answer);
        BOOST_TEST(body_of(answer) == body, path);
        BOOST_TEST(field_of(answer, "server") == "envoy");
        const bool by_other = number == 16 || number == 17 || number == 10;
        BOOST_TEST(logged(by_other ? "m/b" : "m/a", flag), path << " " << flag);
        client.send(get_request("/", "h")); // the connection is kept
        BOOST_TEST(status_of(client.response()) == (number == 10 ? 200 : 503), path);
    }
    const auto half = get("pod/m/a", 10, "/half"); // there is no other way to tell
    BOOST_TEST(half.ends_with("RESET"), half);
    BOOST_TEST(!get("pod/m/a", 10, "/half-open").empty());
    const auto early = get("pod/m/a", 10, "/early");
    BOOST_TEST(status_of(early) == 413);
    BOOST_TEST(get("pod/m/a", 10, "/until-close").find("all of it") != std::string::npos);
    for (int i = 0; i < 3; ++i) { // what an endpoint says unasked is nobody's answer
        BOOST_TEST(body_of(get("pod/m/a", 10, "/extra")) == "first");
        net.must("", "sleep 0.1"); // what comes behind the next request is taken for its answer
        BOOST_TEST(body_of(get("pod/m/a", 10, "/late-extra")) == "first");
        net.must("", "sleep 0.1");
    }
}

BOOST_FIXTURE_TEST_CASE(sidecar_gives_up_endpoints_that_accept_nothing, SidecarNet) {
    service("plain").endpoints.front().address = endpoint_of("10.1.0.99", 80); // nobody is there
    net.must("pod/m/a", "ip neigh add 10.1.0.99 lladdr 02:00:00:00:00:99 dev eth0");
    change(table);
    auto tcp = dial("pod/m/a", endpoint_of("10.1.0.99", 80)); // passed through
    auto client = to_service("pod/m/a", 19);
    const auto start = netemu::Clock::now();
    client.send(get_request("/", "h"));
    const auto answer = client.until("connection failure", 20);
    const auto took = netemu::Clock::now() - start;
    BOOST_TEST(status_of(answer) == 503);
    BOOST_TEST((took > std::chrono::seconds(9) && took < std::chrono::seconds(14)));
    BOOST_TEST(tcp.rest() == "RESET");
    BOOST_TEST(logged("m/a", "no connection within 10 s"));
}

// --- endpoints to choose from

BOOST_FIXTURE_TEST_CASE(sidecar_chooses_who_has_less_to_do, SidecarNet) {
    auto& web = service("web");
    web.endpoints.push_back({endpoint_of("10.1.0.53", 8080), "x/c", false}); // mTLS for one of them
    change(table);
    std::map<std::string, int> names;
    for (int i = 0; i < 40; ++i) {
        ++names[field_of(get("pod/m/a", 10), "x-name")];
    }
    BOOST_TEST(names["b"] > 5);
    BOOST_TEST(names["c"] > 5);
    // Ten that are long under way at one of them: all others go to the other.
    web.endpoints.pop_back();
    change(table);
    std::vector<TestClient> busy;
    for (int i = 0; i < 10; ++i) {
        busy.push_back(to_service("pod/m/a", 10));
        busy.back().send(get_request("/stall?3000", "h"));
    }
    net.must("", "sleep 0.3");
    web.endpoints.push_back({endpoint_of("10.1.0.53", 8080), "x/c", false});
    change(table);
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(field_of(get("pod/m/a", 10), "x-name") == "c");
    }
    for (auto& client : busy) {
        BOOST_TEST(field_of(client.response(), "x-name") == "b");
    }
}

BOOST_FIXTURE_TEST_CASE(sidecar_passes_over_endpoints_that_refuse, SidecarNet) {
    auto& web = service("web");
    web.endpoints.push_back({endpoint_of("10.1.0.53", 81), "x/c", false});
    web.endpoints.push_back({endpoint_of("10.1.0.53", 82), "x/c", false});
    change(table);
    for (int i = 0; i < 20; ++i) {
        auto client = to_service("pod/m/a", 10);
        client.send("POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
        BOOST_TEST(body_of(client.response()) == "3 294");
    }
    web.endpoints.erase(web.endpoints.begin());
    change(table);
    BOOST_TEST(body_of(get("pod/m/a", 10)) == kBefore + "connection failure");
}
// NOLINTEND
