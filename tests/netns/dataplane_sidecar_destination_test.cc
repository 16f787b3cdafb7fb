#include <map>
#include <set>

#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

using namespace mesh::istio;
using namespace std::chrono_literals;

/// The Service web (10) has two endpoints, c on 8080 and b's plain port, and a DestinationRule.
struct DestinationNet : SidecarNet {
    template <class Change>
    void rule(Change make) {
        auto& web = service("web");
        if (web.rules.empty()) {
            web.endpoints.push_back({endpoint_of("10.1.0.53", 8080), "x/c", false});
            web.rules = {{"m", "web"}};
        }
        web.rules[0].policy = {};
        make(web.rules[0].policy);
        change(table);
    }
    std::string ask(const std::string& path, const std::string& more = "") {
        auto client = to_service("pod/m/a", 10);
        client.send("GET " + path + " HTTP/1.1\r\nHost: web\r\n" + more + "\r\n");
        return client.response();
    }
    std::string who(const std::string& path = "/", const std::string& more = "") {
        return field_of(ask(path, more), "x-name");
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(endpoints_take_turns_or_are_drawn, DestinationNet) {
    rule([](PolicyFields& policy) { policy.balancing = Balancing{Balancer::RoundRobin}; });
    auto last = who();
    for (int i = 0; i < 10; ++i) {
        const auto next = who();
        BOOST_TEST(next != last);
        last = next;
    }
    rule([](PolicyFields& policy) { policy.balancing = Balancing{Balancer::Random}; });
    std::map<std::string, int> names;
    for (int i = 0; i < 60; ++i) {
        ++names[who()];
    }
    BOOST_TEST(names["b"] > 10);
    BOOST_TEST(names["c"] > 10);
}

BOOST_FIXTURE_TEST_CASE(the_same_key_comes_to_the_same_endpoint, DestinationNet) {
    const auto by = [&](HashKey key) {
        rule([&](PolicyFields& policy) { policy.balancing = Balancing{Balancer::Hash, key}; });
    };
    by({HashKey::Of::Header, "x-user"});
    std::set<std::string> all;
    for (int user = 0; user < 16; ++user) {
        const auto field = "X-User: u" + std::to_string(user) + "\r\n";
        const auto first = who("/", field);
        all.insert(first);
        BOOST_TEST(who("/", field) == first);
        BOOST_TEST(who("/", field) == first);
    }
    BOOST_TEST(all.size() == 2U);
    by({HashKey::Of::SourceIp});
    const auto first = who();
    by({HashKey::Of::Query, "u"});
    const auto of_query = who("/?u=7");
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(who("/?u=7") == of_query);
    }
    by({HashKey::Of::SourceIp});
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(who() == first);
    }
    by({HashKey::Of::Cookie, "seat", 60s, "/"}); // who has none gets one
    const auto answer = ask("/");
    const auto cookie = field_of(answer, "set-cookie");
    BOOST_TEST(cookie.starts_with("seat="));
    BOOST_TEST(cookie.find("; Max-Age=60; Path=/; HttpOnly") != std::string::npos, cookie);
    const auto pair = cookie.substr(0, cookie.find(';'));
    for (int i = 0; i < 5; ++i) {
        const auto next = ask("/", "Cookie: other=1; " + pair + "\r\n");
        BOOST_TEST(field_of(next, "x-name") == field_of(answer, "x-name"));
        BOOST_TEST(field_of(next, "set-cookie").empty());
    }
}

BOOST_FIXTURE_TEST_CASE(requests_that_are_too_many_are_refused_or_wait, DestinationNet) {
    rule([](PolicyFields& policy) { policy.pool = ConnectionPool{1, 1}; });
    std::vector<TestClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(to_service("pod/m/a", 10));
    }
    clients[0].send(get_request("/stall?600", "web"));
    (void)sidecar_logs("m/a"); // what was sent before has been read when the child answers
    net.must("", "sleep 0.1");
    clients[1].send(get_request("/second", "web"));
    net.must("", "sleep 0.1");
    clients[2].send(get_request("/third", "web"));
    const auto third = clients[2].response();
    BOOST_TEST(status_of(third) == 503);
    BOOST_TEST(
        body_of(third) ==
        "upstream connect error or disconnect/reset before headers. reset reason: overflow");
    BOOST_TEST(field_of(third, "x-envoy-overloaded") == "true");
    BOOST_TEST(logged("m/a", "UO: as many requests"));
    BOOST_TEST(status_of(clients[0].response()) == 200);
    BOOST_TEST(status_of(clients[1].response()) == 200); // it has waited for its turn
    BOOST_TEST(status_of(ask("/")) == 200);
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_a_turn_may_go, DestinationNet) {
    rule([](PolicyFields& policy) { policy.pool = ConnectionPool{1, 8}; });
    auto busy = to_service("pod/m/a", 10);
    busy.send(get_request("/stall?400", "web"));
    net.must("", "sleep 0.1");
    for (int i = 0; i < 4; ++i) {
        auto waits = to_service("pod/m/a", 10);
        waits.send(get_request("/", "web"));
        net.must("", "sleep 0.02");
        waits.reset();
    }
    BOOST_TEST(status_of(busy.response()) == 200);
    BOOST_TEST(status_of(ask("/")) == 200);
    BOOST_TEST(child_lives());
}

BOOST_FIXTURE_TEST_CASE(who_fails_is_passed_over_for_a_while, DestinationNet) {
    rule([](PolicyFields& policy) {
        policy.outliers = OutlierDetection{2, 0, 100ms, 1500ms, 50};
        policy.balancing = Balancing{Balancer::RoundRobin};
    });
    const auto start = netemu::Clock::now();
    int failures = 0;
    for (int i = 0; i < 20; ++i) {
        failures += status_of(ask("/not-b")) == 503 ? 1 : 0;
    }
    BOOST_TEST(failures == 2);
    if (netemu::Clock::now() - start < 1200ms) {
        for (int i = 0; i < 6; ++i) {
            BOOST_TEST(who() == "c");
        }
    }
    bool is_back = false; // when its time is over
    while (!is_back && netemu::Clock::now() - start < 10s) {
        is_back = who() == "b";
    }
    BOOST_TEST(is_back);
    BOOST_TEST((netemu::Clock::now() - start > 1400ms));
}

BOOST_FIXTURE_TEST_CASE(nobody_is_left_when_all_have_failed, DestinationNet) {
    rule([](PolicyFields& policy) { policy.outliers = OutlierDetection{1, 0, 10s, 30s, 100}; });
    std::set<int> statuses;
    for (int i = 0; i < 3; ++i) {
        statuses.insert(status_of(ask("/status?500")));
    }
    BOOST_TEST((statuses == std::set<int>{500, 503}));
    const auto none = ask("/");
    BOOST_TEST(status_of(none) == 503);
    BOOST_TEST(body_of(none) == "no healthy upstream");
}

BOOST_FIXTURE_TEST_CASE(a_rule_says_whether_tls_is_spoken, DestinationNet) {
    rule([](PolicyFields& policy) { policy.tls = ClientTls::Disable; });
    BOOST_TEST(status_of(ask("/")) == 200);
    set_mode(MtlsMode::Strict);
    std::map<int, int> statuses;
    for (int i = 0; i < 30; ++i) {
        ++statuses[status_of(ask("/"))];
    }
    BOOST_TEST(statuses[503] > 0); // b takes no plaintext
    BOOST_TEST(statuses[200] > 0); // c does
    rule([](PolicyFields& policy) { policy.tls = ClientTls::IstioMutual; });
    statuses.clear();
    for (int i = 0; i < 30; ++i) {
        ++statuses[status_of(ask("/"))];
    }
    BOOST_TEST(statuses[200] > 0); // b does
}

BOOST_FIXTURE_TEST_CASE(connections_of_bytes_go_by_a_rule_too, DestinationNet) {
    auto& tcp = service("tcp");
    tcp.rules = {{"m", "tcp"}};
    tcp.rules[0].policy.pool = ConnectionPool{1};
    change(table);
    auto first = to_service("pod/m/a", 12);
    first.send("hello\n");
    BOOST_TEST(first.until("hello").find("hello") != std::string::npos);
    auto second = to_service("pod/m/a", 12);
    second.send("hello\n");
    BOOST_TEST(second.rest() == "RESET");
    BOOST_TEST(logged("m/a", "UO: outbound|80||tcp."));
    first.finish();
    (void)first.rest();
    auto third = to_service("pod/m/a", 12);
    third.send("again\n");
    BOOST_TEST(third.until("again").find("again") != std::string::npos);
}
// NOLINTEND
