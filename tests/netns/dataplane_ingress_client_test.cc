#include <algorithm>

#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/netns/ingress_net.h"
#include "tests/support/temporary.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using namespace std::chrono_literals;

namespace {

constexpr long kBufferedKibMax = 30000 + kKeptKib;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string head_of(const std::string& fields, const std::string& method = "POST") {
    return method + " /smuggled HTTP/1.1\r\nHost: real\r\n" + fields + "\r\n";
}

services::IngressTable with_certificates(services::IngressTable table) {
    const auto add = [&](std::vector<std::string> hosts, const std::string& name) {
        table.certificates.push_back(
            {"x/" + name,
             std::move(hosts),
             IngressNet::pem(name + ".pem"),
             IngressNet::pem(name + ".key")});
    };
    add({"real"}, "ec");
    add({"*.wild.lab"}, "ed25519");
    add({}, "chain"); // for the name that it has itself: chained.lab
    table.certificates.push_back({"x/broken", {"broken.lab"}, "no PEM", "no key"});
    table.hosts["a.wild.lab"] = table.hosts["real"];
    return table;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(ingress_lets_nobody_smuggle_requests, IngressNet) {
    const std::string inner = "GET /inner HTTP/1.1\r\nHost: real\r\n\r\n";
    const std::vector<std::pair<std::string, std::string>> probes{
        {"CL and TE", head_of("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
        {"TE and CL",
         head_of("Transfer-Encoding: chunked\r\nContent-Length: 40\r\n") + "0\r\n\r\n"},
        {"two CLs", head_of("Content-Length: 4\r\nContent-Length: 0\r\n")},
        {"two equal CLs", head_of("Content-Length: 0\r\nContent-Length: 0\r\n")},
        {"a list of CLs", head_of("Content-Length: 0, 0\r\n")},
        {"a signed CL", head_of("Content-Length: +0\r\n")},
        {"a huge CL", head_of("Content-Length: 18446744073709551616\r\n")},
        {"chunked twice", head_of("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n"},
        {"two TEs", head_of("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")},
        {"an unknown coding", head_of("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n"},
        {"a tab in TE",
         head_of("Transfer-Encoding:\x0b"
                 "chunked\r\n") +
             "0\r\n\r\n"},
        {"space before the colon", head_of("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n"},
        {"obs-fold", head_of("X: a\r\n Transfer-Encoding: chunked\r\n")},
        {"bare CR", head_of("X: a\rTransfer-Encoding: chunked\r\n")},
        {"bare LF", head_of("X: a\nTransfer-Encoding: chunked\r\n")},
        {"NUL", head_of(std::string("X: a\0b\r\n", 8))},
        {"no name", head_of(": x\r\n")},
        {"two Hosts", head_of("Host: other\r\n", "GET")},
        {"no Host", "GET / HTTP/1.1\r\n\r\n"},
        {"a user in Host", "GET / HTTP/1.1\r\nHost: real:80@evil\r\n\r\n"},
        {"a path in Host", "GET / HTTP/1.1\r\nHost: real/x\r\n\r\n"},
        {"a user in the target", "GET http://u@real/ HTTP/1.1\r\nHost: real\r\n\r\n"},
        {"a bad chunk size", head_of("Transfer-Encoding: chunked\r\n") + "0x1\r\na\r\n0\r\n\r\n"},
        {"a chunk too long", head_of("Transfer-Encoding: chunked\r\n") + "1\r\nab\r\n0\r\n\r\n"},
        {"an endless chunk",
         head_of("Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\na\r\n0\r\n\r\n"},
        {"CL in trailers",
         head_of("Transfer-Encoding: chunked\r\n") + "0\r\nContent-Length: 5\r\n\r\n"},
        {"HTTP/1.0 with chunks",
         "POST / HTTP/1.0\r\nHost: real\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {"spaces in the target", "GET /a b HTTP/1.1\r\nHost: real\r\n\r\n"}};
    for (const auto& [what, bytes] : probes) {
        const auto answer = ask(bytes + inner);
        BOOST_TEST(
            (status_of(answer) >= 400 && status_of(answer) <= 505 && status_of(answer) != 502),
            what << ": " << answer);
        BOOST_TEST(contains(answer, "connection: close"), what);
        BOOST_TEST(!contains(answer, "\nHTTP/1.1 "), what << " is answered twice");
    }
    BOOST_TEST(seen("GET /inner") == 0);
    // A POST to nowhere: its body, whole or broken, is not the next request.
    const auto nowhere = ask(
        "POST / HTTP/1.1\r\nHost: nobody\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n" +
        inner);
    BOOST_TEST(status_of(nowhere) == 404);
    BOOST_TEST(!contains(nowhere, "\nHTTP/1.1 "));
    BOOST_TEST(seen("GET /inner") == 0);
    BOOST_TEST(child_kib() > 0); // it lives
}

BOOST_FIXTURE_TEST_CASE(ingress_lets_no_path_pass_its_rules, IngressNet) {
    auto rules = one_backend({"10.1.0.31"});
    rules.backends.push_back({"x/admin:80", {}, "closed"});
    rules.hosts["real"].paths.push_back({services::IngressPathType::Prefix, "/admin", 1, "x/a"});
    rules.sort_paths();
    change(rules);
    for (const auto* path :
         {"/admin",
          "/x/../admin",
          "/%61dmin",
          "/%2e/admin",
          "/x/%2e%2e/admin",
          "//admin",
          "/./admin",
          "/admin/",
          "/x//..//admin",
          "/x/%2E./admin/y",
          "/%2fadmin",
          "/x/..//admin?a=/b"}) {
        BOOST_TEST(status_of(get(path)) == 503, path);
    }
    for (const auto* path : {"/../admin", "/x/../../admin", "/%2e%2e/", "/a%00b", "*", "admin"}) {
        BOOST_TEST(status_of(get(path)) == 400, path);
    }
    BOOST_TEST(status_of(get("/administrator")) == 200);
    BOOST_TEST(seen("GET /admin") == 0);
    // Nothing that a client says makes a line of the log.
    (void)get("/a%0d%0a\x01\xff" + std::string(5000, 'x'));
    for (const auto& line : logs()) {
        BOOST_TEST(line.size() <= 512U);
        BOOST_TEST(
            std::none_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < 0x20; }));
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_shows_the_certificate_of_the_name, IngressNet) {
    change(with_certificates(table));
    const auto subject = [&](const std::string& name) {
        return client(
                   "openssl s_client -connect 10.1.0.10:443 " +
                   (name.empty() ? "-noservername" : "-servername " + name) +
                   " </dev/null 2>/dev/null | openssl x509 -noout -subject")
            .output;
    };
    BOOST_TEST(contains(subject("real"), "web ec"));
    BOOST_TEST(contains(subject("a.wild.lab"), "web ed25519"));
    BOOST_TEST(contains(subject("chained.lab"), "chained"));
    BOOST_TEST(contains(subject("a.b.wild.lab"), "Fake Certificate"));
    BOOST_TEST(contains(subject(""), "Fake Certificate"));
    BOOST_TEST(contains(subject("broken.lab"), "Fake Certificate"));
    const auto answer = curl("-k --resolve real:443:10.1.0.10 https://real/a -w ' %{http_code} "
                             "%{http_version}'");
    BOOST_TEST(contains(answer.output, "x-forwarded-proto: https"));
    BOOST_TEST(contains(answer.output, " 200 2"));
    const auto big = curl("-k --resolve real:443:10.1.0.10 https://real/big?10000000 | md5sum");
    BOOST_TEST(big.output == curl("http://10.1.0.31:8080/big?10000000 | md5sum").output);
    const netemu::test::TemporaryFile zeros(std::string(3'000'000, '\0'));
    const auto sum =
        curl("-k --resolve real:443:10.1.0.10 https://real/sum --data-binary @" + zeros.path());
    BOOST_TEST(sum.output == "3000000 0");
    // SNI of one host, Host of another: by Host.
    BOOST_TEST(contains(
        curl("-k -H 'Host: nobody' --resolve real:443:10.1.0.10 https://real/").output,
        "no Ingress has a rule"));
    // Piece by piece, with both protocols.
    for (const auto* version : {"-tls1_2", "-tls1_3"}) {
        const auto said = client(
            std::string(
                "(printf 'GET /a HTTP/1.1\\r\\nHost: real\\r\\nConnection: close\\r\\n\\r\\n'; "
                "sleep 1) | openssl s_client -quiet -connect 10.1.0.10:443 -split_send_frag 1 "
                "-max_send_frag 512 ") +
            version);
        BOOST_TEST(contains(said.output, "GET /a"), said.output);
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_and_who_speaks_the_wrong_protocol, IngressNet) {
    auto plain = connect(443);
    plain.send(get_request("/a"));
    BOOST_TEST(!contains(plain.rest(), "HTTP/1.1"));
    BOOST_TEST(contains(
        client("openssl s_client -connect 10.1.0.10:80 </dev/null").output, "wrong version"));
    // Half a ClientHello, then the end, or RST, or nothing at all.
    const std::string begin("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    auto ends = connect(443);
    ends.send(begin);
    ends.finish();
    BOOST_TEST(ends.rest(3).find("TIMEOUT") == std::string::npos);
    auto resets = connect(443);
    resets.send(begin);
    resets.reset();
    auto bytes = connect(443);
    for (const char c : begin) {
        bytes.send({&c, 1});
    }
    // Garbage, and more of it: one line in the log.
    auto garbage = connect(443);
    for (int i = 0; i < 50 && garbage.send("garbage that is no record at all"); ++i) {
        std::this_thread::sleep_for(2ms);
    }
    const auto lines = logs();
    BOOST_TEST(std::count_if(lines.begin(), lines.end(), [](const auto& line) {
                   return contains(line, "TLS: ");
               }) <= 4);
    // One byte at a time, plain.
    auto slow = connect();
    for (const char c : get_request("/slow")) {
        slow.send({&c, 1});
    }
    BOOST_TEST(contains(slow.response(), "GET /slow"));
    BOOST_TEST(status_of(get("/a")) == 200);
}

BOOST_FIXTURE_TEST_CASE(ingress_buffers_little_for_who_does_not_read, IngressNet) {
    (void)get("/a");
    const auto before = child_kib();
    auto client = connect();
    client.send(get_request("/big?200000000"));
    auto secured = connect(443);
    std::this_thread::sleep_for(1500ms);
    BOOST_TEST(child_kib() - before < kBufferedKibMax);
    // Pipelined requests of a client that reads none of the answers.
    auto flood = connect();
    std::string requests;
    for (int i = 0; i < 20000; ++i) {
        requests += get_request("/", "nobody");
    }
    std::thread sending([&] {
        for (int i = 0; i < 60 && flood.send(requests); ++i) {
        }
    });
    std::this_thread::sleep_for(2s);
    BOOST_TEST(child_kib() - before < kBufferedKibMax);
    BOOST_TEST(status_of(get("/a")) == 200);
    ::shutdown(flood.fd(), SHUT_RDWR);
    sending.join();
    // A slow endpoint and an upload.
    auto upload = connect();
    upload.send("POST /stall?3000 HTTP/1.1\r\nHost: real\r\nContent-Length: 200000000\r\n\r\n");
    std::thread uploading([&] {
        const std::string piece(1 << 20, 'a');
        for (int i = 0; i < 100 && upload.send(piece); ++i) {
        }
    });
    std::this_thread::sleep_for(1500ms);
    BOOST_TEST(child_kib() - before < kBufferedKibMax);
    ::shutdown(upload.fd(), SHUT_RDWR);
    uploading.join();
    // What the slow client has asked for is complete when it reads at last.
    const auto head = client.until("\r\n\r\n");
    BOOST_TEST(field_of(head, "content-length") == "200000000");
    BOOST_TEST(client.rest(3).size() > 200000000U);
}

BOOST_FIXTURE_TEST_CASE(ingress_sends_all_of_an_answer_to_a_slow_client, IngressNet) {
    auto client = connect();
    client.send("GET /big?8000000 HTTP/1.0\r\nHost: real\r\n\r\n");
    client.finish(); // and it closes when it is sent, not before, however long that takes
    std::this_thread::sleep_for(4s);
    BOOST_TEST(body_of(client.rest()).size() == 8000000U);
    auto trickle = connect();
    trickle.send(get_request("/trickle"));
    BOOST_TEST(body_of(trickle.response()) == "01234567890123456789");
}

BOOST_FIXTURE_TEST_CASE(ingress_follows_new_rules_while_requests_run, IngressNet) {
    auto running = connect();
    running.send(get_request("/stall?700"));
    std::this_thread::sleep_for(200ms);
    change(one_backend({"10.1.0.32"}));
    BOOST_TEST(field_of(get("/a"), "x-name") == "r2");
    BOOST_TEST(field_of(running.response(), "x-name") == "r1");
    running.send(get_request("/a"));
    BOOST_TEST(field_of(running.response(), "x-name") == "r2");
    change(one_backend({}));
    running.send(get_request("/a"));
    BOOST_TEST(status_of(running.response()) == 503);
    change(services::IngressTable{});
    running.send(get_request("/a"));
    BOOST_TEST(status_of(running.response()) == 404);
    for (int i = 0; i < 50; ++i) { // under load
        running.send(get_request("/a"));
        change(i % 2 == 0 ? one_backend({"10.1.0.31", "10.1.0.32"}) : one_backend({"10.1.0.32"}));
        const auto status = status_of(running.response());
        BOOST_TEST((status == 200 || status == 404));
    }
}

BOOST_FIXTURE_TEST_CASE(ingress_pod_ends_and_comes_back, IngressNet) {
    std::vector<TestClient> clients;
    for (const auto* path : {"/stall?5000", "/big?200000000", "/a", "/trickle"}) {
        clients.push_back(connect());
        clients.back().send(get_request(path));
    }
    clients.push_back(connect(443));
    clients.push_back(connect());
    clients.back().send(
        "GET /upgrade HTTP/1.1\r\nHost: real\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    std::this_thread::sleep_for(200ms);
    serve_controller_again();
    for (auto& client : clients) {
        BOOST_TEST(!client.rest(3).ends_with("TIMEOUT")); // every one of them ends
    }
    BOOST_TEST(status_of(get("/a")) == 200);
    const auto old = child;
    auto open = connect();
    open.send(get_request("/stall?3000"));
    std::this_thread::sleep_for(100ms);
    ::kill(old, SIGKILL);
    const auto answer = get("/a"); // waits in the backlog until the new child is there
    BOOST_TEST(field_of(answer, "x-name") == "r1");
    BOOST_TEST(!contains(open.rest(), "HTTP/1.1"));
    on_loop([&] { child = pid(); });
    BOOST_TEST(child != old);
    const auto start = child;
    change(with_certificates(table));
    BOOST_TEST(contains(curl("-k --resolve real:443:10.1.0.10 https://real/a").output, "GET /a"));
    BOOST_TEST(start == child);
}

BOOST_FIXTURE_TEST_CASE(ingress_serves_two_thousand_clients_at_once, IngressNet) {
    change(one_backend({"10.1.0.31", "10.1.0.32"}));
    std::vector<TestClient> clients;
    for (int i = 0; i < 2000; ++i) {
        clients.push_back(connect());
    }
    for (auto& client : clients) {
        BOOST_REQUIRE(client.send(get_request("/n")));
    }
    for (auto& client : clients) {
        BOOST_REQUIRE(status_of(client.response()) == 200);
    }
    // Half of them vanish, in the middle of an answer.
    for (std::size_t i = 0; i < clients.size(); i += 2) {
        clients[i].send(get_request(i % 100 == 0 ? "/big?3000000" : "/trickle"));
    }
    std::this_thread::sleep_for(100ms);
    for (std::size_t i = 0; i < clients.size(); i += 2) {
        clients[i].reset();
    }
    for (std::size_t i = 1; i < clients.size(); i += 2) {
        BOOST_REQUIRE(clients[i].send(get_request("/n")));
        BOOST_REQUIRE(status_of(clients[i].response()) == 200);
    }
    const auto before = cpu_ticks();
    std::this_thread::sleep_for(1s);
    BOOST_TEST(cpu_ticks() - before < 20); // of 100: nobody spins
    clients.clear();
    BOOST_TEST(status_of(get("/a")) == 200);
}
// NOLINTEND
