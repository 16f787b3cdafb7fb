#include <map>

#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

using namespace mesh::istio;
using namespace std::chrono_literals;
using Kind = StringMatch::Kind;

const std::string kWebHost = "web.m.svc.cluster.local";

/// The Service web (10) has the endpoints b, with mTLS, and c, without; they are its subsets.
struct TrafficNet : SidecarNet {
    TrafficNet() {
        auto& web = service("web");
        web.endpoints.push_back({endpoint_of("10.1.0.53", 8080), "x/c", false});
        web.virtual_services = {0};
        web.rules = {{"m", "web", {}, {}, {{"b", {0}}, {"c", {1}}, {"nobody", {}}}}};
        table.virtual_services = {{"m", "web", {kWebHost}}};
    }

    /// One route, with what `change` makes of it; without destinations it leads to b.
    template <class Change>
    void route(Change make) {
        HttpRoute one;
        make(one);
        if (one.to.empty() && !one.redirect && !one.direct) {
            one.to = {{{kWebHost, "b", 80}, 0}};
        }
        table.virtual_services[0].http = {one};
        change(table);
    }

    std::string ask(const std::string& path, const std::string& more = "") {
        auto client = to_service("pod/m/a", 10);
        client.send("GET " + path + " HTTP/1.1\r\nHost: web\r\n" + more + "\r\n");
        return client.response();
    }
    /// How often each path was asked for, as c counts.
    std::string seen_by_c() { return body_of(get("pod/m/a", 19, "/seen")); }
};

HttpMatch with_path(Kind kind, const std::string& text) {
    HttpMatch match;
    match.uri = StringMatch{kind, text};
    return match;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(requests_are_routed_by_what_matches_first, TrafficNet) {
    auto& routes = table.virtual_services[0].http;
    HttpRoute jason;
    jason.name = "jason";
    jason.match = {HttpMatch{}};
    jason.match[0].headers = {{"x-user", {Kind::Exact, "jason"}}};
    jason.to = {{{kWebHost, "c", 80}, 0}};
    HttpRoute rest;
    rest.match = {with_path(Kind::Prefix, "/web")};
    rest.to = {{{kWebHost, "b", 80}, 0}};
    routes = {jason, rest};
    change(table);
    for (int i = 0; i < 8; ++i) {
        BOOST_TEST(field_of(ask("/x", "X-User: jason\r\n"), "x-name") == "c");
        BOOST_TEST(field_of(ask("/web", "X-User: eve\r\n"), "x-name") == "b");
    }
    const auto none = ask("/other");
    BOOST_TEST(status_of(none) == 404);
    BOOST_TEST(body_of(none).empty());
    BOOST_TEST(field_of(none, "server") == "envoy");
    BOOST_TEST(logged("m/a", "[m/web]: NR: no route of it matches"));
    BOOST_TEST(logged("m/a", "[m/web http[0] jason] -> outbound|80|c|" + kWebHost));
    // Who has no sidecar, or is not shown it, goes by none of it.
    table.virtual_services[0].export_to = {"x"};
    change(table);
    BOOST_TEST(status_of(ask("/other")) == 200);
}

BOOST_FIXTURE_TEST_CASE(weights_share_out_requests, TrafficNet) {
    route([](HttpRoute& one) { one.to = {{{kWebHost, "b", 80}, 90}, {{kWebHost, "c", 80}, 10}}; });
    std::map<std::string, int> names;
    auto client = to_service("pod/m/a", 10);
    for (int i = 0; i < 600; ++i) {
        client.send(get_request("/", "web"));
        ++names[field_of(client.response(), "x-name")];
    }
    BOOST_TEST(names["b"] + names["c"] == 600);
    BOOST_TEST((names["c"] > 25 && names["c"] < 110), names["c"]); // 60, by five deviations
}

BOOST_FIXTURE_TEST_CASE(what_a_route_leads_to_must_be_there, TrafficNet) {
    const auto answer_for = [&](const Destination& to) {
        route([&](HttpRoute& one) { one.to = {{to, 0}}; });
        return ask("/");
    };
    auto answer = answer_for({kWebHost, "v9", 80});
    BOOST_TEST(status_of(answer) == 503);
    BOOST_TEST(body_of(answer).empty());
    BOOST_TEST(logged("m/a", "NC: there is no cluster outbound|80|v9|" + kWebHost));
    answer = answer_for({"none.m.svc.cluster.local", "", 80});
    BOOST_TEST(status_of(answer) == 503);
    answer = answer_for({kWebHost, "nobody", 80});
    BOOST_TEST(status_of(answer) == 503);
    BOOST_TEST(body_of(answer) == "no healthy upstream");
    BOOST_TEST(logged("m/a", "UH: outbound|80|nobody|"));
    answer = answer_for({"plain.m.svc.cluster.local", "", 80}); // another Service
    BOOST_TEST(field_of(answer, "x-name") == "c");
}

/// Each of its pods is a Service of that name, called by an address of its own.
BOOST_FIXTURE_TEST_CASE(routes_of_a_headless_service_lead_to_the_pod_that_is_called, TrafficNet) {
    auto& web = service("web");
    web.rules.clear();
    auto other = web;
    other.addresses = {endpoint_of("10.96.0.99", 80)};
    other.endpoints = {web.endpoints[1]};
    web.endpoints.pop_back();
    table.services.insert(table.services.begin(), other);
    route([](HttpRoute& one) { one.to = {{{kWebHost, "", 80}, 0}}; });
    for (int i = 0; i < 6; ++i) {
        BOOST_TEST(field_of(ask("/"), "x-name") == "b");
    }
}

BOOST_FIXTURE_TEST_CASE(requests_and_answers_are_changed_on_their_way, TrafficNet) {
    route([](HttpRoute& one) {
        one.match = {with_path(Kind::Prefix, "/api/")};
        one.rewrite = Rewrite{"/v2/", "inside"};
        one.headers.request = {{{"x-set", "1"}}, {{"x-more", "2"}}, {"x-secret"}};
        one.headers.response = {{{"x-name", "hidden"}}, {{"x-told", "yes"}}, {"x-connection"}};
        one.to = {{{kWebHost, "b", 80}, 0, {{{{"x-to", "b"}}}, {{{"x-from", "b"}}}}}};
    });
    const auto answer = ask("/api/x?q=1", "X-Secret: s\r\nX-More: 1\r\n");
    BOOST_TEST(status_of(answer) == 200);
    const auto body = body_of(answer);
    for (const auto* part :
         {"GET /v2/x?q=1\n",
          "x-envoy-original-path: /api/x?q=1\n",
          "host: inside\n",
          "x-set: 1\n",
          "x-more: 1\n",
          "x-more: 2\n",
          "x-to: b\n",
          "x-envoy-attempt-count: 1\n"}) {
        BOOST_TEST(body.find(part) != std::string::npos, part << " in " << body);
    }
    BOOST_TEST(body.find("x-secret") == std::string::npos);
    BOOST_TEST(field_of(answer, "x-name") == "hidden");
    BOOST_TEST(field_of(answer, "x-told") == "yes");
    BOOST_TEST(field_of(answer, "x-from") == "b");
    BOOST_TEST(field_of(answer, "x-connection").empty());
}

BOOST_FIXTURE_TEST_CASE(redirects_and_direct_answers_ask_nobody, TrafficNet) {
    route([](HttpRoute& one) { one.redirect = Redirect{"/new", "", "", 0, 302}; });
    const auto moved = ask("/old?q=1");
    BOOST_TEST(status_of(moved) == 302);
    BOOST_TEST(field_of(moved, "location") == "http://web/new?q=1");
    route([](HttpRoute& one) { one.direct = DirectResponse{418, "teapot"}; });
    const auto direct = ask("/");
    BOOST_TEST(status_of(direct) == 418);
    BOOST_TEST(body_of(direct) == "teapot");
}

BOOST_FIXTURE_TEST_CASE(answers_that_take_too_long_are_not_waited_for, TrafficNet) {
    route([](HttpRoute& one) { one.timeout = 200ms; });
    auto client = to_service("pod/m/a", 10);
    const auto start = netemu::Clock::now();
    client.send(get_request("/stall?2000", "web"));
    const auto late = client.response();
    const auto took = netemu::Clock::now() - start;
    BOOST_TEST(status_of(late) == 504);
    BOOST_TEST(body_of(late) == "upstream request timeout");
    BOOST_TEST((took > 190ms && took < 1500ms));
    BOOST_TEST(logged("m/a", "UT: no answer within the timeout of 200 ms"));
    client.send(get_request("/", "web")); // the connection is kept
    BOOST_TEST(status_of(client.response()) == 200);
}

BOOST_FIXTURE_TEST_CASE(what_fails_is_tried_again_elsewhere, TrafficNet) {
    route([](HttpRoute& one) {
        one.to = {{{kWebHost, "", 80}, 0}};
        one.retries = Retries{2, 0ms, "5xx", 1ms};
    });
    for (int i = 0; i < 20; ++i) { // b says 503, c does not: who was tried is not tried again
        const auto answer = ask("/not-b");
        BOOST_TEST(status_of(answer) == 200);
        BOOST_TEST(field_of(answer, "x-name") == "c");
    }
    const auto posted = [&] {
        auto client = to_service("pod/m/a", 10);
        client.send("POST /not-b HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        return client.response();
    };
    for (int i = 0; i < 10; ++i) {
        const auto answer = posted();
        BOOST_TEST(status_of(answer) == 200);
        BOOST_TEST(body_of(answer).ends_with("\nabcde"), answer);
    }
    // A number of retries is beyond the first try, and the last answer is passed on.
    route([](HttpRoute& one) {
        one.to = {{{kWebHost, "c", 80}, 0}};
        one.retries = Retries{3, 0ms, "gateway-error", 1ms};
    });
    const auto last = ask("/status?503");
    BOOST_TEST(status_of(last) == 503);
    BOOST_TEST(body_of(last) == "said");
    BOOST_TEST(seen_by_c().find("\"GET /status\": 4") != std::string::npos, seen_by_c());
    BOOST_TEST(logged("m/a", "[URX, try 4]"));
    // By default a 503 is an answer like others.
    route([](HttpRoute& one) { one.to = {{{kWebHost, "c", 80}, 0}}; });
    BOOST_TEST(status_of(ask("/status?503")) == 503);
    BOOST_TEST(seen_by_c().find("\"GET /status\": 5") != std::string::npos, seen_by_c());
}

BOOST_FIXTURE_TEST_CASE(retries_that_are_under_way_at_once_are_limited, TrafficNet) {
    const auto tried = [&](std::uint32_t most) {
        service("web").rules.at(0).subsets.at(1).policy.pool.emplace().retries = most; // of c
        const auto times = [&] { // of all requests for it so far
            const auto seen = seen_by_c();
            const auto at = seen.find("\"GET /status\": ");
            return at == std::string::npos ? 0 : std::stoi(seen.substr(at + 15));
        };
        route([](HttpRoute& one) {
            one.to = {{{kWebHost, "c", 80}, 0}};
            one.retries = Retries{3, 0ms, "5xx", 1ms};
        });
        const int before = times();
        BOOST_TEST(status_of(ask("/status?503")) == 503);
        return times() - before;
    };
    BOOST_TEST(tried(0) == 1);
    BOOST_TEST(tried(1) == 4); // one after the other
}

BOOST_FIXTURE_TEST_CASE(each_try_may_have_a_time_of_its_own, TrafficNet) {
    route([](HttpRoute& one) {
        one.to = {{{kWebHost, "c", 80}, 0}};
        one.retries = Retries{2, 100ms, "5xx", 1ms};
    });
    const auto answer = ask("/stall?1000");
    BOOST_TEST(status_of(answer) == 504);
    BOOST_TEST(body_of(answer) == "upstream request timeout");
    BOOST_TEST(logged("m/a", "[URX, try 3]"));
}

BOOST_FIXTURE_TEST_CASE(connections_that_are_refused_are_tried_elsewhere_by_default, TrafficNet) {
    auto& web = service("web");
    web.endpoints[0] = {endpoint_of("10.1.0.53", 81), "x/c", false}; // nothing listens
    route([](HttpRoute& one) { one.to = {{{kWebHost, "", 80}, 0}}; });
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(field_of(ask("/"), "x-name") == "c");
    }
    route([](HttpRoute& one) {
        one.to = {{{kWebHost, "b", 80}, 0}};
        one.retries = Retries{0};
    });
    const auto refused = ask("/");
    BOOST_TEST(status_of(refused) == 503);
    BOOST_TEST(logged("m/a", "UF at 10.1.0.53:81"));
}

BOOST_FIXTURE_TEST_CASE(faults_are_made_before_anybody_is_asked, TrafficNet) {
    route([](HttpRoute& one) {
        one.to = {{{kWebHost, "c", 80}, 0}};
        one.fault.abort = Abort{418, std::nullopt, kEveryRequest};
        one.retries = Retries{3, 0ms, "5xx,418", 1ms};
    });
    auto client = to_service("pod/m/a", 10);
    client.send(get_request("/fault", "web"));
    auto answer = client.response();
    BOOST_TEST(status_of(answer) == 418);
    BOOST_TEST(body_of(answer) == "fault filter abort");
    BOOST_TEST(logged("m/a", "FI: the fault of " + kWebHost));
    BOOST_TEST(seen_by_c().find("/fault") == std::string::npos);
    // Without a share it never happens; a delay is not counted as time that the endpoint takes.
    route([](HttpRoute& one) {
        one.fault.abort = Abort{418};
        one.fault.delay = Delay{300ms, kEveryRequest};
        one.timeout = 200ms;
    });
    const auto start = netemu::Clock::now();
    client.send(get_request("/", "web"));
    answer = client.response();
    BOOST_TEST(status_of(answer) == 200);
    BOOST_TEST((netemu::Clock::now() - start > 290ms));
    BOOST_TEST(logged("m/a", " [DI]"));
}

BOOST_FIXTURE_TEST_CASE(half_of_the_faults_are_half_of_them, TrafficNet) {
    route([](HttpRoute& one) { one.fault.abort = Abort{500, std::nullopt, kEveryRequest / 2}; });
    int aborted = 0;
    auto client = to_service("pod/m/a", 10);
    for (int i = 0; i < 200; ++i) {
        client.send(get_request("/", "web"));
        aborted += status_of(client.response()) == 500 ? 1 : 0;
    }
    BOOST_TEST((aborted > 60 && aborted < 140), aborted);
}

BOOST_FIXTURE_TEST_CASE(copies_go_to_the_mirror_and_its_answers_to_nobody, TrafficNet) {
    route([](HttpRoute& one) { one.mirrors = {{{kWebHost, "c", 80}, kEveryRequest}}; });
    for (int i = 0; i < 5; ++i) {
        auto client = to_service("pod/m/a", 10);
        client.send("POST /mirrored HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc");
        const auto answer = client.response();
        BOOST_TEST(field_of(answer, "x-name") == "b");
        BOOST_TEST(body_of(answer).ends_with("abc"));
    }
    bool all_came = false; // nobody waits for them
    for (int i = 0; i < 100 && !all_came; ++i) {
        all_came = seen_by_c().find("\"POST /mirrored\": 5") != std::string::npos;
    }
    BOOST_TEST(all_came, seen_by_c());
}
// NOLINTEND
