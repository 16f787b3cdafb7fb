
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "tests/netns/probe_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;
using namespace probe_net;
using probe::Outcome;
using probe::Result;

BOOST_FIXTURE_TEST_CASE(tcp_to_the_workload_names_backend_and_client, ProbeFixture) {
    for (const std::string to : {"tcp://10.1.0.10:80", "tcp://[fd00::10]:80"}) {
        const auto result = run(to);
        BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
        BOOST_TEST(result.first.backend == "x/web");
        BOOST_TEST(
            result.first.client_ip ==
            (to.find("fd00") == std::string::npos ? "10.1.0.20" : "fd00::20"));
        BOOST_TEST(result.first.remote == to.substr(6));
        BOOST_TEST(result.rtt_us > 0U);
        BOOST_TEST(result.first.error.empty());
        BOOST_TEST(result.backends.at("x/web") == 1U);
    }
    BOOST_TEST(net.must("pod/x/web", "ss -Htan state time-wait").empty());
    BOOST_TEST(net.must("pod/x/a", "ss -Htan").empty());
}

BOOST_FIXTURE_TEST_CASE(nothing_listens, ProbeFixture) {
    expect(
        "tcp://10.1.0.10:99", Outcome::Refused, "to 10.1.0.10:99/tcp: connect: Connection refused");
    expect("tcp://10.1.0.10:99", Outcome::Refused, "x/a (10.1.0.20:");
    expect(
        "udp://10.1.0.10:99", Outcome::Refused, "to 10.1.0.10:99/udp: receive: Connection refused");
    expect("http://10.1.0.10:99/", Outcome::Refused, "connect: Connection refused");
    expect("tcp://[fd00::10]:99", Outcome::Refused, "to [fd00::10]:99/tcp");
}

BOOST_FIXTURE_TEST_CASE(silence_is_a_timeout, ProbeFixture) {
    net.must(
        "pod/x/web",
        "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; "
        "add rule inet t c icmp type echo-request drop; add rule inet t c tcp dport 80-99 drop; "
        "add rule inet t c udp dport 80-99 drop'");
    expect("tcp://10.1.0.10:80", Outcome::Timeout, "connect: no answer within 300 ms");
    expect("udp://10.1.0.10:81", Outcome::Timeout, "datagram: no answer within 300 ms");
    expect("http://10.1.0.10/", Outcome::Timeout, "connect: no answer within 300 ms");
    expect("icmp://10.1.0.10", Outcome::Timeout, "echo request: no answer within 300 ms");
}

BOOST_FIXTURE_TEST_CASE(icmp_errors_mean_unreachable, ProbeFixture) {
    net.must(
        "pod/x/web",
        "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; "
        "add rule ip t c meta l4proto { tcp, udp, icmp } reject with icmp type admin-prohibited'");
    for (const std::string to :
         {"tcp://10.1.0.10:80", "udp://10.1.0.10:81", "http://10.1.0.10/", "icmp://10.1.0.10"}) {
        expect(to, Outcome::Unreachable, "No route to host");
    }
    net.must(
        "pod/x/a",
        "ip route add unreachable 10.2.0.0/16 && ip route add blackhole 10.3.0.0/16 && "
        "ip -6 route add unreachable fd01::/64");
    for (const std::string to :
         {"tcp://10.2.0.1:80", "udp://10.2.0.1:80", "icmp://10.2.0.1", "tcp://[fd01::1]:80"}) {
        expect(to, Outcome::Unreachable, "No route to host");
    }
    expect("tcp://10.3.0.1:80", Outcome::Unreachable, "connect: Invalid argument");
    net.must("pod/x/a", "ip route del default");
    expect("tcp://10.9.0.1:80", Outcome::Unreachable, "Network is unreachable");
}

BOOST_FIXTURE_TEST_CASE(icmp_to_both_families, ProbeFixture) {
    for (const std::string to : {"icmp://10.1.0.10", "icmp://[fd00::10]", "icmp://10.1.0.20"}) {
        const auto result = run(to);
        BOOST_TEST(to_string(result.first.outcome) == "ok", to << ": " << result.first.error);
        BOOST_TEST(
            result.first.remote == result.first.remote.substr(0, result.first.remote.find("]:")));
    }
    auto many = request("icmp://10.1.0.10");
    many.request.count = 50;
    many.request.concurrency = 50;
    auto nobody =
        request("icmp://10.1.0.99"); // ARP fails: an ICMP error to the very same kind of socket
    nobody.request.timeout_ms = 5000;
    const auto results = run(std::vector<ResolvedRequest>{many, nobody});
    BOOST_TEST(results[0].outcomes.at("ok") == 50U);
    BOOST_TEST(to_string(results[1].first.outcome) == "unreachable", results[1].first.error);
}

BOOST_FIXTURE_TEST_CASE(udp_is_ok_only_with_a_reply, ProbeFixture) {
    const auto result = run("udp://10.1.0.10:81");
    BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
    BOOST_TEST(result.first.backend == "x/web");
    BOOST_TEST(result.first.client_ip == "10.1.0.20");
    auto hostname = request("udp://[fd00::10]:81");
    hostname.request.body = "hostname";
    const auto plain = run(hostname);
    BOOST_TEST(to_string(plain.first.outcome) == "ok");
    BOOST_TEST(plain.first.backend.empty());
}

BOOST_FIXTURE_TEST_CASE(http_exchanges, ProbeFixture) {
    auto post = request("http://10.1.0.10:80/api?x=1");
    post.request.method = "POST";
    post.request.headers = {{"x-user", "jason"}};
    post.request.body = "hi";
    const auto result = run(post);
    BOOST_REQUIRE(result.first.http.has_value());
    BOOST_TEST(result.first.http->status == 200);
    BOOST_TEST(result.first.http->headers.at("x-backend") == "x/web");
    const auto body = nlohmann::json::parse(result.first.http->body);
    BOOST_TEST(body.at("headers").at("x-user") == "jason");
    BOOST_TEST(body.at("headers").at("host") == "10.1.0.10");
    BOOST_TEST(body.at("body") == "hi");
    BOOST_TEST(result.first.backend == "x/web");
    BOOST_TEST(result.first.client_ip == "10.1.0.20");
    BOOST_TEST(result.statuses.at("200") == 1U);

    const auto unavailable = run("http://10.1.0.10/status/503");
    BOOST_TEST(to_string(unavailable.first.outcome) == "ok");
    BOOST_TEST(unavailable.first.http->status == 503);
    auto head = request("http://10.1.0.10/");
    head.request.method = "HEAD";
    BOOST_TEST(run(head).first.http->body.empty());
    auto slow = request("http://10.1.0.10/delay/2");
    slow.request.timeout_ms = 200;
    const auto late = run(slow);
    BOOST_TEST(to_string(late.first.outcome) == "timeout");
    BOOST_TEST(
        late.first.error.find("GET after connect: no answer within 200 ms") != std::string::npos,
        late.first.error);
    auto large = request("http://10.1.0.10/");
    large.request.method = "POST";
    large.request.timeout_ms = 3000;
    large.request.body = std::string(200000, 'a');
    const auto echoed = run(large);
    BOOST_TEST(to_string(echoed.first.outcome) == "ok", echoed.first.error);
    BOOST_TEST(echoed.first.http->body.size() == 65536U); // what is kept of it
}

BOOST_FIXTURE_TEST_CASE(counts_concurrency_reuse_and_samples, ProbeFixture) {
    for (const bool reuse : {false, true}) {
        auto many = request("http://10.1.0.10/hostname");
        many.request.count = 100;
        many.request.concurrency = 8;
        many.request.reuse_connection = reuse;
        many.request.samples = true;
        const auto result = run(many);
        BOOST_TEST(result.attempts == 100U);
        BOOST_TEST(result.outcomes.at("ok") == 100U, result.first.error);
        BOOST_TEST(result.statuses.at("200") == 100U);
        BOOST_TEST(result.backends.at("x/web") == 100U);
        BOOST_TEST(result.samples.size() == 100U);
    }
    // A server that closes every connection: each exchange of the rest gets a new one.
    auto closing = request("http://10.1.0.10/");
    closing.request.headers = {{"connection", "close"}};
    closing.request.count = 5;
    closing.request.reuse_connection = true;
    BOOST_TEST(run(closing).outcomes.at("ok") == 5U);
}

BOOST_FIXTURE_TEST_CASE(a_sequence_is_one_exchange_after_the_other, ProbeFixture) {
    std::vector<ResolvedRequest> requests;
    for (int i = 0; i < 20; ++i) {
        requests.push_back(request(i % 2 == 0 ? "tcp://10.1.0.10:80" : "udp://10.1.0.10:81"));
        requests.back().request.source_port = 4321; // would clash if two were under way
        requests.back().request.count = 3;
    }
    const auto results = run(requests, true);
    for (const auto& result : results) {
        BOOST_TEST(result.outcomes.at("ok") == 3U, result.first.error);
    }
    auto http = request("http://10.1.0.10/clientip");
    http.request.source_port = 4321;
    BOOST_TEST(run(http).first.http->body == "10.1.0.20:4321");
}

BOOST_FIXTURE_TEST_CASE(real_servers, ProbeFixture) {
    const Server silent(*this, 7001, [](int) {});
    const Server banner(
        *this, 7002, [](int connection) { ::send(connection, "SSH-2.0-x\r\n", 11, 0); });
    const Server reset(*this, 7003, [](int connection) {
        read_some(connection);
        const linger now{1, 0};
        ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        sockaddr disconnect{};
        disconnect.sa_family = AF_UNSPEC;
        ::connect(
            connection,
            &disconnect,
            sizeof disconnect); // as close would, but the number stays taken
    });
    const Server closes(*this, 7004, [](int connection) {
        read_some(connection);
        ::shutdown(connection, SHUT_RDWR);
    });
    for (const std::string port : {"7001", "7002", "7004"}) {
        auto patient = request("tcp://10.1.0.30:" + port);
        patient.request.timeout_ms = 2000;
        const auto result = run(patient);
        BOOST_TEST(to_string(result.first.outcome) == "ok", port << ": " << result.first.error);
        BOOST_TEST(result.first.backend.empty());
        BOOST_TEST(result.first.client_ip.empty());
        BOOST_TEST(
            result.rtt_us < 100000U); // the connection's, not that of the wait for an identity
    }
    expect("tcp://10.1.0.30:7003", Outcome::Reset, "read after connect: Connection reset by peer");
    expect("http://10.1.0.30:7003/", Outcome::Reset, "Connection reset by peer");
    expect("http://10.1.0.30:7004/", Outcome::Reset, "the peer closed without an answer");
    expect("http://10.1.0.30:7002/", Outcome::Reset, "HTTP response:");
    expect("http://10.1.0.30:7001/", Outcome::Timeout, "GET after connect");
}

BOOST_FIXTURE_TEST_CASE(without_identity_only_the_connection_counts, ProbeFixture) {
    auto options = test::data_plane_options(net);
    options.identity = false;
    DataPlane plain(loop, options);
    plain.start();
    std::vector<Result> results;
    plain.probe(
        {request("tcp://10.1.0.10:80"), request("tcp://10.1.0.10:99")},
        false,
        [&](std::vector<Result> got) { results = std::move(got); });
    BOOST_REQUIRE(test::run_until(loop, [&] { return !results.empty(); }));
    BOOST_TEST(to_string(results[0].first.outcome) == "ok");
    BOOST_TEST(results[0].first.backend.empty());
    BOOST_TEST(to_string(results[1].first.outcome) == "refused");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_sent_is_unsupported, ProbeFixture) {
    const netemu::UniqueFd sctp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP));
    if (!sctp) {
        expect("sctp://10.1.0.10:80", Outcome::Unsupported, "Protocol not supported");
    }
    auto decided = request("tcp://10.1.0.10:80");
    decided.decided.emplace();
    decided.decided->outcome = Outcome::DnsError;
    decided.decided->error = "no such name";
    std::vector<ResolvedRequest> many(5000, decided);
    for (const bool sequential : {false, true}) {
        const auto results = run(many, sequential);
        BOOST_TEST(results.size() == 5000U);
        BOOST_TEST(to_string(results[4999].first.outcome) == "dns-error");
        BOOST_TEST(results[4999].first.error == "no such name");
    }
    auto elsewhere = request("tcp://10.1.0.10:80");
    elsewhere.ns = "pod/no/such";
    const auto result = run(elsewhere);
    BOOST_TEST(to_string(result.first.outcome) == "unsupported");
    BOOST_TEST(
        result.first.error.find("no namespace pod/no/such") != std::string::npos,
        result.first.error);
    BOOST_TEST(run(std::vector<ResolvedRequest>{}).empty());
}

BOOST_FIXTURE_TEST_CASE(probes_survive_the_death_of_the_child, ProbeFixture) {
    auto many = request("http://10.1.0.10/delay/0.05");
    many.request.count = 40;
    many.request.concurrency = 10;
    many.request.timeout_ms = 5000;
    std::vector<Result> results;
    plane.probe({many}, false, [&](std::vector<Result> got) { results = std::move(got); });
    const auto start = netemu::Clock::now();
    test::run_until(
        loop, [&] { return netemu::Clock::now() - start > std::chrono::milliseconds(80); });
    ::kill(plane.pid(), SIGKILL);
    BOOST_REQUIRE(test::run_until(loop, [&] { return !results.empty(); }));
    BOOST_TEST(results[0].attempts == 40U);
    BOOST_TEST(results[0].outcomes.at("ok") == 40U, results[0].first.error);
}
// NOLINTEND
