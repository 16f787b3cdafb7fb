#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "tests/netns/ingress_net.h"
#include "tests/support/temporary.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Rules by path and host: /, /exact and /dead of "real", w of "w.lab" and "*.w.lab".
services::IngressTable many_rules() {
    auto table = one_backend({"10.1.0.31"});
    services::IngressBackend workloads{"x/w:80", {}, ""};
    workloads.endpoints = {endpoint_of("10.1.0.21", 8080), endpoint_of("fd00::22", 8080)};
    table.backends.push_back(workloads);
    table.backends.push_back({"x/none:80", {}, "the Service x/none has no endpoints"});
    using services::IngressPathType;
    auto& real = table.hosts["real"].paths;
    real.push_back({IngressPathType::Prefix, "/app", 1, "x/app"});
    real.push_back({IngressPathType::Exact, "/exact", 1, "x/app"});
    real.push_back({IngressPathType::Prefix, "/dead", 2, "x/app"});
    table.hosts["w.lab"].paths.push_back({IngressPathType::Prefix, "/only", 1, "x/w"});
    table.hosts["*.w.lab"].paths.push_back({IngressPathType::Prefix, "/", 1, "x/w"});
    table.sort_paths();
    return table;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(ingress_routes_by_host_and_path, IngressNet) {
    change(many_rules());
    const auto name = [&](const std::string& path, const std::string& host) {
        const auto answer = get(path, host);
        const auto backend = field_of(answer, "x-backend");
        return backend.empty() ? field_of(answer, "x-name") : backend;
    };
    BOOST_TEST(name("/", "real") == "r1");
    BOOST_TEST(name("/app/x?y=/z", "REAL:80") == "x/w1");
    BOOST_TEST(name("/app", "real.") == "x/w2"); // round robin, over IPv6
    BOOST_TEST(name("/apple", "real") == "r1");
    BOOST_TEST(name("/exact", "real") == "x/w1");
    BOOST_TEST(name("/exact/", "real") == "r1");
    BOOST_TEST(name("/", "a.w.lab") == "x/w2");
    BOOST_TEST(name("http://a.w.lab/x", "real") == "x/w1"); // the target's authority counts
    const auto dead = get("/dead");
    BOOST_TEST(status_of(dead) == 503);
    BOOST_TEST(body_of(dead) == "503 Service Unavailable: the Service x/none has no endpoints\n");
    const auto path = get("/", "w.lab");
    BOOST_TEST(status_of(path) == 404);
    BOOST_TEST(holds(body_of(path), "no path of the host \"w.lab\" takes \"/\""));
    BOOST_TEST(holds(get("/", "a.b.w.lab"), "no Ingress has a rule for the host \"a.b.w.lab\""));
    BOOST_TEST(holds(get("/", "elsewhere"), "HTTP/1.1 404"));
    const auto log = logs();
    BOOST_TEST(
        holds(
            log.at(1),
            "GET http://REAL:80/app/x?y=/z (x/app: real /app) -> x/w:80 at "
            "10.1.0.21:8080 200 "),
        log.at(1));
    auto six = connect(80, true);
    BOOST_TEST(six.send(get_request("/")));
}

BOOST_FIXTURE_TEST_CASE(ingress_tells_the_endpoint_of_the_client, IngressNet) {
    const auto answer = ask("GET http://real:8000/p?q HTTP/1.1\r\nHost: other\r\n"
                            "X-Forwarded-For: 1.2.3.4\r\nConnection: keep-alive, X-Secret\r\n"
                            "X-Secret: 1\r\nTE: trailers\r\nAccept: a\r\nAccept: b\r\n\r\n");
    const auto body = body_of(answer);
    for (const auto* line :
         {"GET /p?q\n",
          "host: real:8000\n",
          "x-forwarded-for: 10.1.0.40\n",
          "x-real-ip: 10.1.0.40\n",
          "x-forwarded-proto: http\n",
          "x-forwarded-port: 80\n",
          "x-forwarded-host: real:8000\n",
          "accept: a\naccept: b\n",
          "x-request-id: "}) {
        BOOST_TEST(holds(body, line), line << " in " << body);
    }
    for (const auto* gone : {"1.2.3.4", "x-secret", "te: ", "connection: "}) {
        BOOST_TEST(!holds(body, gone), gone);
    }
    BOOST_TEST(field_of(answer, "x-hop").empty());
    BOOST_TEST(field_of(answer, "keep-alive").empty());
    const auto& last = body_of(curl("-i 'http://10.1.0.10/' -H 'Host: real'").output);
    BOOST_TEST(holds(last, "GET /\n"));
}

BOOST_FIXTURE_TEST_CASE(ingress_keeps_connections_alive, IngressNet) {
    auto one = connect();
    std::string last;
    for (int i = 1; i <= 5; ++i) {
        BOOST_TEST(one.send(get_request("/a")));
        last = one.response();
        BOOST_TEST(field_of(last, "x-connection") == "1");
        BOOST_TEST(field_of(last, "x-request") == std::to_string(i));
    }
    auto other = connect(); // another client goes by the same connection
    BOOST_TEST(other.send(get_request("/a")));
    BOOST_TEST(field_of(other.response(), "x-request") == "6");
    BOOST_TEST(one.send(get_request("/old"))); // the endpoint closes it
    BOOST_TEST(field_of(one.response(), "x-request") == "7");
    for (const auto* path : {"/a", "/a", "/until-close"}) {
        BOOST_TEST(one.send(get_request(path)));
        last = *path == '/' && std::string(path) == "/until-close" ? one.until("0\r\n\r\n")
                                                                   : one.response();
        BOOST_TEST(field_of(last, "x-connection") == "2");
    }
    BOOST_TEST(holds(last, "transfer-encoding: chunked"));
    BOOST_TEST(holds(last, "\r\n9\r\nall of it\r\n0\r\n\r\n"));
    // HTTP/1.0: closes, unless it is asked not to; knows no chunks.
    BOOST_TEST(holds(ask("GET /a HTTP/1.0\r\nHost: real\r\n\r\n"), "connection: close"));
    const auto plain = ask("GET /until-close HTTP/1.0\r\nHost: real\r\n\r\n");
    BOOST_TEST(!holds(plain, "chunked"));
    BOOST_TEST(body_of(plain) == "all of it");
    auto old = connect();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(old.send("GET /a HTTP/1.0\r\nHost: real\r\nConnection: keep-alive\r\n\r\n"));
        BOOST_TEST(field_of(old.response(), "connection") == "keep-alive");
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_repeats_what_may_be_repeated_once, IngressNet) {
    const auto first = get("/a");
    BOOST_TEST(field_of(first, "x-connection") == "1");
    // On the connection that has been used, /die-again breaks; on a new one it is answered.
    const auto again = get("/die-again");
    BOOST_TEST(status_of(again) == 200);
    BOOST_TEST(field_of(again, "x-connection") == "2");
    BOOST_TEST(seen("GET /die-again") == 2);
    const auto post = ask("POST /die-again HTTP/1.1\r\nHost: real\r\nContent-Length: 1\r\n\r\nx");
    BOOST_TEST(status_of(post) == 502);
    BOOST_TEST(seen("POST /die-again") == 1);
    // Several idle connections, all of which would break: it is sent twice at most.
    std::vector<TestClient> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(connect());
        clients.back().send(get_request("/stall?200"));
    }
    for (auto& client : clients) {
        BOOST_TEST(status_of(client.response()) == 200);
    }
    const auto died = get("/die");
    BOOST_TEST(status_of(died) == 502);
    BOOST_TEST(holds(died, "the endpoint closed the connection at 10.1.0.31:8080"));
    BOOST_TEST(seen("GET /die") == 2);
}

BOOST_FIXTURE_TEST_CASE(ingress_passes_over_what_does_not_accept, IngressNet) {
    auto two = one_backend({"10.1.0.31"});
    auto& endpoints = two.backends[0].endpoints;
    endpoints.insert(endpoints.begin(), endpoint_of("10.1.0.21", 9999)); // refuses
    endpoints.push_back(endpoint_of("10.1.0.32", 8080));
    change(two);
    std::string names;
    for (int i = 0; i < 6; ++i) {
        const auto answer = get("/a");
        BOOST_TEST(status_of(answer) == 200);
        names += field_of(answer, "x-name");
    }
    BOOST_TEST(names == "r1r1r2r1r1r2");
    two.backends[0].endpoints = {endpoint_of("10.1.0.21", 9999), endpoint_of("10.1.0.22", 9999)};
    change(two);
    const auto refused = get("/a");
    BOOST_TEST(status_of(refused) == 502);
    BOOST_TEST(holds(refused, "502 Bad Gateway: Connection refused at 10.1.0.22:9999"), refused);
    const auto post = ask("POST / HTTP/1.1\r\nHost: real\r\nContent-Length: 4\r\n\r\nbody");
    BOOST_TEST(status_of(post) == 502);
    net.must(
        "r1",
        "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; "
        "add rule ip t c tcp dport 8080 drop'");
    change(table);
    const auto start = netemu::Clock::now();
    const auto late = get("/a");
    const auto took = netemu::Clock::now() - start;
    BOOST_TEST(status_of(late) == 504);
    BOOST_TEST(holds(late, "no connection within 5 s at 10.1.0.31:8080"));
    BOOST_TEST((took > std::chrono::seconds(4) && took < std::chrono::seconds(9)));
}

BOOST_FIXTURE_TEST_CASE(ingress_passes_bodies_on, IngressNet) {
    const netemu::test::TemporaryFile body(std::string(10'000'000, 'a'));
    const std::string real = " -H 'Host: real' http://10.1.0.10";
    const auto data = "--data-binary @" + body.path();
    const auto sum = curl(data + real + "/sum");
    BOOST_TEST(sum.output == "10000000 " + std::to_string(970000000L % 65521));
    const auto chunked_sum = curl("-H 'Transfer-Encoding: chunked' " + data + real + "/sum");
    BOOST_TEST(chunked_sum.output == sum.output);
    const auto both = curl(
        "-H 'Transfer-Encoding: chunked' " + data + real + "/chunked | cmp - " + body.path() +
        " && echo same");
    BOOST_TEST(both.output == "same\n");
    const auto big = curl(real + "/big?10000000 | md5sum");
    const auto direct = curl("http://10.1.0.31:8080/big?10000000 | md5sum");
    BOOST_TEST(big.output == direct.output);
    BOOST_TEST(holds(
        curl("http://10.1.0.10/old -H 'Host: real' -H 'Expect: 100-continue' -i -d abc").output,
        "HTTP/1.1 100 Continue"));
    // Trailers, both ways.
    const auto trailed =
        ask("POST /chunked HTTP/1.1\r\nHost: real\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: mine\r\n\r\n");
    BOOST_TEST(holds(trailed, "\r\n5\r\nabcde\r\n0\r\nx-sum: 5\r\nx-came: mine\r\n\r\n"), trailed);
    // What has no body, whatever its fields say; the next answer must be found behind it.
    auto client = connect();
    for (const auto* path : {"/204", "/304"}) {
        client.send(get_request(path));
        const auto head = client.response(true);
        BOOST_TEST(status_of(head) == std::atoi(path + 1));
        BOOST_TEST(field_of(head, "content-length") == (std::string(path) == "/304" ? "5" : ""));
    }
    client.send("HEAD /a HTTP/1.1\r\nHost: real\r\n\r\n");
    BOOST_TEST(!field_of(client.response(true), "content-length").empty());
    client.send(get_request("/interim"));
    BOOST_TEST(body_of(client.response()) == "final");
    client.send(
        "POST /sum HTTP/1.1\r\nHost: real\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    BOOST_TEST(client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    BOOST_TEST(body_of(client.response()) == "3 294");
    const auto sized = ask("POST /sum HTTP/1.0\r\nHost: real\r\nContent-Length: 3\r\n\r\nabc");
    BOOST_TEST(body_of(sized) == "3 294");
}

BOOST_FIXTURE_TEST_CASE(ingress_answers_pipelined_requests_in_order, IngressNet) {
    auto client = connect();
    client.send(
        get_request("/stall?50") + get_request("/a") + get_request("/x", "nobody") +
        "POST /sum HTTP/1.1\r\nHost: real\r\nContent-Length: 3\r\n\r\nabc" + get_request("/b"));
    client.finish(); // which ends none of them
    BOOST_TEST(holds(client.response(), "GET /stall?50"));
    BOOST_TEST(holds(client.response(), "GET /a"));
    BOOST_TEST(status_of(client.response()) == 404);
    BOOST_TEST(body_of(client.response()) == "3 294");
    const auto last = client.response();
    BOOST_TEST(holds(last, "GET /b"));
    BOOST_TEST(client.rest().empty()); // and then it is closed at once
    // A thousand in one piece.
    auto many = connect();
    std::string all;
    for (int i = 0; i < 1000; ++i) {
        all += get_request("/n" + std::to_string(i));
    }
    many.send(all);
    for (int i = 0; i < 1000; ++i) {
        BOOST_REQUIRE(holds(many.response(), "GET /n" + std::to_string(i) + "\n"));
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_hears_answers_that_come_too_soon_or_break_off, IngressNet) {
    // 10 MB of which nothing is read: the endpoint answers, and closes with RST.
    const netemu::test::TemporaryFile zeros(std::string(10'000'000, '\0'));
    for (const auto* more : {"", "-H 'Transfer-Encoding: chunked' "}) {
        const auto early = curl(
            more + ("-H 'Expect:' --data-binary @" + zeros.path()) +
            " -w ' %{http_code}' -H 'Host: real' http://10.1.0.10/early");
        BOOST_TEST(holds(early.output, "too much 413"), early.output);
    }
    auto half = connect();
    half.send(get_request("/half"));
    BOOST_TEST(holds(half.until("half"), "content-length: 100"));
    BOOST_TEST(half.rest() == "RESET"); // nobody takes this for the end
    auto open = connect();
    open.send("GET /half-open HTTP/1.0\r\nHost: real\r\n\r\n");
    open.until("half of it");
    BOOST_TEST(open.rest() == "RESET");
    for (const auto* bad : {"/garbage", "/two-lengths", "/length-and-chunks", "/split", "/101"}) {
        const auto answer = get(bad);
        BOOST_TEST(status_of(answer) == 502, bad << answer);
        BOOST_TEST(!holds(answer, "12345"));
    }
    BOOST_TEST(holds(get("/101"), "changes a protocol that nobody asked it to"));
    // What an endpoint says too much while the next request is on its way to it is its own lie; it
    // must do no harm but that.
    for (int i = 0; i < 20; ++i) {
        auto piped = connect();
        piped.send(get_request("/extra") + get_request("/a") + get_request("/b"));
        BOOST_TEST(body_of(piped.response()) == "first");
        const auto next = piped.response();
        BOOST_TEST((holds(next, "GET /a") || body_of(next) == "poison"));
    }
    // Bytes behind an answer are not the next one.
    for (const auto* path : {"/extra", "/late-extra"}) {
        auto client = connect();
        client.send(get_request(path));
        BOOST_TEST(body_of(client.response()) == "first");
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        client.send(get_request("/a"));
        BOOST_TEST(holds(client.response(), "GET /a"));
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_passes_an_upgrade_on, IngressNet) {
    const std::string upgrade = "GET /upgrade HTTP/1.1\r\nHost: real\r\nConnection: x, Upgrade\r\n"
                                "Upgrade: websocket\r\n\r\n";
    auto client = connect();
    client.send(upgrade + "early\n");
    const auto head = client.until("\r\n\r\n");
    BOOST_TEST(status_of(head) == 101);
    BOOST_TEST(field_of(head, "upgrade") == "websocket");
    BOOST_TEST(client.until("\n") == "hello EARLY\n");
    client.send("one\n");
    BOOST_TEST(client.until("\n") == "ONE\n");
    client.send("say 3000000\nlast\n");
    client.finish(); // the client's half: the rest comes all the same
    const auto rest = client.rest();
    BOOST_TEST(rest.size() == 3000000U + 5 + 3);
    BOOST_TEST(rest.ends_with("LAST\nbye"));
    // The endpoint's half: what the client says still arrives, all of it.
    auto other = connect();
    other.send(upgrade + "end\n");
    BOOST_TEST(holds(other.rest(), "hello ended"));
    std::string lines;
    for (int i = 0; i < 100000; ++i) {
        lines += "many\n";
    }
    BOOST_TEST(other.send(lines));
    other.close();
    BOOST_TEST(status_of(get("/a")) == 200);
    for (int i = 0; i < 100 && seen("raw EOF") < 2; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    BOOST_TEST(seen("raw EOF") == 2);
    BOOST_TEST(seen("raw many") == 100000);
    auto dropped = connect();
    dropped.send(upgrade + "drop\n");
    BOOST_TEST(dropped.rest().ends_with("hello "));
    // No tunnel that would pass the rules.
    const auto h2c = ask("GET /upgrade HTTP/1.1\r\nHost: real\r\nConnection: Upgrade, "
                         "HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
    BOOST_TEST(status_of(h2c) == 200);
    BOOST_TEST(!holds(h2c, "http2-settings"));
    const auto old = ask("GET /upgrade HTTP/1.0\r\nHost: real\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n");
    BOOST_TEST(status_of(old) == 200);
    auto refused = connect(); // an endpoint that does not want to: HTTP goes on
    refused.send("GET /a HTTP/1.1\r\nHost: real\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n");
    BOOST_TEST(holds(refused.response(), "upgrade: y"));
    refused.send(get_request("/a"));
    BOOST_TEST(status_of(refused.response()) == 200);
}
// NOLINTEND
