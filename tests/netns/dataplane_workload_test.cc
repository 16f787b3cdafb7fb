#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/child.h"
#include "labctl/dataplane/client.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using nlohmann::json;

namespace {

/// Pod prod/web on 10.1.0.10 (and .11, and IPv6) with ports 80/tcp, 81/tcp and 81/udp; a client
/// beside it.
struct WorkloadFixture {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};
    std::vector<std::string> ready;
    WorkloadSpec web{
        "pod/prod/web",
        "prod",
        "web",
        "node-1",
        {{80, Protocol::Tcp, "http"},
         {81, Protocol::Tcp, ""},
         {81, Protocol::Udp, ""},
         {80, Protocol::Tcp, "again"}}};

    WorkloadFixture() {
        net.add("pod/prod/web", {"10.1.0.10/16", "10.1.0.11/16", "fd00::10/64"});
        net.add("client", {"10.1.0.20/16", "fd00::20/64"});
        plane.on_ready([this](const std::string& pod) { ready.push_back(pod); });
        plane.start();
        plane.serve(web);
        BOOST_REQUIRE(test::run_until(loop, [this] { return !ready.empty(); }));
    }

    /// What a client's command writes; the loop need not run, since the child serves by itself.
    std::string client(const std::string& command) const { return net.must("client", command); }
    std::string curl(const std::string& arguments) const {
        return client("curl --silent --show-error --max-time 5 " + arguments);
    }
};

std::string line_of(const std::string& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(key + ":")) {
            std::istringstream words(line.substr(key.size() + 1));
            std::string word;
            words >> word;
            return word;
        }
    }
    return "absent";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(http_says_who_served_whom, WorkloadFixture) {
    BOOST_TEST(ready == std::vector<std::string>{"prod/web"}, boost::test_tools::per_element());
    const auto answer =
        json::parse(curl("-X POST -d hi -H 'X-User: jason' 'http://10.1.0.10:81/api?x=1'"));
    BOOST_TEST(answer.at("namespace") == "prod");
    BOOST_TEST(answer.at("pod") == "web");
    BOOST_TEST(answer.at("node") == "node-1");
    BOOST_TEST(answer.at("port") == 81);
    BOOST_TEST(answer.at("client").get<std::string>().starts_with("10.1.0.20:"));
    BOOST_TEST(answer.at("method") == "POST");
    BOOST_TEST(answer.at("path") == "/api");
    BOOST_TEST(answer.at("query") == "x=1");
    BOOST_TEST(answer.at("headers").at("x-user") == "jason");
    BOOST_TEST(answer.at("body") == "hi");
    BOOST_TEST(
        curl("-o /dev/null -D - http://10.1.0.10/").find("\nx-backend: prod/web\r\n") !=
        std::string::npos);
    const auto v6 = json::parse(curl("'http://[fd00::10]/'"));
    BOOST_TEST(v6.at("client").get<std::string>().starts_with("[fd00::20]:"));
}

BOOST_FIXTURE_TEST_CASE(paths_of_agnhost_and_httpbin, WorkloadFixture) {
    const std::string code = "-o /dev/null -w '%{http_code}' ";
    BOOST_TEST(curl("http://10.1.0.10/hostname") == "web");
    BOOST_TEST(curl("http://10.1.0.10/clientip").starts_with("10.1.0.20:"));
    BOOST_TEST(curl("'http://10.1.0.10/echo?msg=a%20b'") == "a b");
    BOOST_TEST(curl("-w '%{http_code}' 'http://10.1.0.10/echo?msg=x&code=503'") == "x503");
    BOOST_TEST(curl(code + "http://10.1.0.10/healthz") == "200");
    BOOST_TEST(curl(code + "http://10.1.0.10/readyz") == "200");
    BOOST_TEST(curl(code + "http://10.1.0.10/status/418") == "418");
    BOOST_TEST(curl(code + "http://10.1.0.10/status/204") == "204");
    BOOST_TEST(curl(code + "http://10.1.0.10/status/abc") == "400");
    BOOST_TEST(
        json::parse(curl("-H 'A: b' http://10.1.0.10/headers")).at("headers").at("a") == "b");
    const auto delayed = curl("-w ' %{time_total}' -o /dev/null http://10.1.0.10/delay/0.3");
    BOOST_TEST(std::stod(delayed) >= 0.3);
    plane.set_ready("prod/web", false);
    BOOST_TEST(curl(code + "http://10.1.0.10/readyz") == "503");
    plane.set_ready("prod/web", true);
    BOOST_TEST(curl(code + "http://10.1.0.10/readyz") == "200");
}

BOOST_FIXTURE_TEST_CASE(every_http_version_and_framing, WorkloadFixture) {
    const std::string version = "-o /dev/null -w '%{http_version} %{http_code}' ";
    BOOST_TEST(curl(version + "http://10.1.0.10/") == "1.1 200");
    BOOST_TEST(curl(version + "--http1.0 http://10.1.0.10/") == "1.1 200");
    BOOST_TEST(curl(version + "--http2-prior-knowledge http://10.1.0.10/") == "2 200");
    BOOST_TEST(curl(version + "--http2 http://10.1.0.10/") == "2 200"); // Upgrade: h2c
    BOOST_TEST(curl("--http2 http://10.1.0.10/hostname http://10.1.0.10/hostname") == "webweb");
    BOOST_TEST(json::parse(curl("--http2 -d hi http://10.1.0.10/")).at("body") == "hi");
    BOOST_TEST(curl("-I http://10.1.0.10/hostname").find("content-length: 3") != std::string::npos);
    BOOST_TEST(
        curl(
            "-o /dev/null -o /dev/null -w '%{num_connects}' http://10.1.0.10/ http://10.1.0.10/") ==
        "10");
    BOOST_TEST(
        json::parse(curl("-H 'Transfer-Encoding: chunked' -d chunky http://10.1.0.10/"))
            .at("body") == "chunky");
    const auto big = json::parse(client("head -c 300000 /dev/zero | tr '\\0' a | curl -s -m 5 -H "
                                        "'Expect: 100-continue' --data-binary @- "
                                        "http://10.1.0.10/"));
    BOOST_TEST(big.at("body").get<std::string>().size() == 300000U);
    BOOST_TEST(
        client("head -c 2000000 /dev/zero | curl -s -m 5 -o /dev/null -w '%{http_code}' -H "
               "'Expect: 100-continue' "
               "--data-binary @- http://10.1.0.10/") == "413");
}

BOOST_FIXTURE_TEST_CASE(what_is_not_http_is_echoed, WorkloadFixture) {
    const auto talk = [this](const std::string& text) {
        return client(
            "timeout 5 bash -c 'exec 3<>/dev/tcp/10.1.0.10/80; printf \"" + text +
            "\" >&3; timeout 0.3 cat <&3; true'");
    };
    BOOST_TEST(talk("hello world\\n") == "hello world\n");
    BOOST_TEST(talk("\\x16\\x03\\x01") == "\x16\x03\x01");
    BOOST_TEST(talk("").empty()); // the server sends nothing first
    BOOST_TEST(talk("GET / HTTP/1.0\\n\\n").starts_with("HTTP/1.1 200 OK\r\n")); // typed by hand
    BOOST_TEST(talk("GET / HTTP/1.1\\r\\n\\r\\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
    BOOST_TEST(
        client("timeout 5 bash -c 'exec 3<>/dev/tcp/10.1.0.10/80; printf GE >&3; timeout 1.5 cat "
               "<&3; true'") == "GE");
}

BOOST_FIXTURE_TEST_CASE(udp_answers_from_the_address_that_was_asked, WorkloadFixture) {
    const auto ask = [this](const std::string& address, const std::string& text) {
        return client(
            "timeout 5 bash -c 'exec 3<>/dev/udp/" + address + "/81; printf \"" + text +
            "\" >&3; timeout 0.3 dd bs=65536 count=1 status=none <&3; true'");
    };
    BOOST_TEST(ask("10.1.0.10", "hostname") == "web");
    BOOST_TEST(ask("10.1.0.11", "hostname") == "web"); // connected: takes only what 10.1.0.11 sends
    BOOST_TEST(ask("fd00::10", "hostname") == "web");
    BOOST_TEST(ask("10.1.0.10", "clientip").starts_with("10.1.0.20:"));
    BOOST_TEST(ask("10.1.0.10", "echo Hello") == "Hello");
    const auto answer = json::parse(ask("10.1.0.10", "whatever"));
    BOOST_TEST(answer.at("pod") == "web");
    BOOST_TEST(answer.at("port") == 81);
    BOOST_TEST(answer.at("body") == "whatever");
}

BOOST_FIXTURE_TEST_CASE(the_access_log_keeps_the_last_lines, WorkloadFixture) {
    for (int i = 0; i < 3; ++i) {
        curl("http://10.1.0.10/line" + std::to_string(i));
    }
    std::vector<std::string> lines;
    bool arrived = false;
    plane.logs("prod/web", 2, [&](std::vector<std::string> got) {
        lines = std::move(got);
        arrived = true;
    });
    BOOST_REQUIRE(test::run_until(loop, [&] { return arrived; }));
    BOOST_REQUIRE(lines.size() == 2U);
    BOOST_TEST(lines[0].find(" GET /line1 200 ") != std::string::npos, lines[0]);
    BOOST_TEST(lines[1].find(" GET /line2 200 ") != std::string::npos, lines[1]);
    bool none = false;
    plane.logs("no/such", 0, [&](const std::vector<std::string>& got) { none = got.empty(); });
    BOOST_TEST(none);
}

BOOST_FIXTURE_TEST_CASE(a_withdrawn_pod_refuses, WorkloadFixture) {
    plane.withdraw("prod/web");
    BOOST_TEST(!plane.serves("prod/web"));
    BOOST_TEST(test::run_until(loop, [this] {
        return net.run("client", "curl -s -m 1 http://10.1.0.10/").status == 7; // could not connect
    }));
}

BOOST_FIXTURE_TEST_CASE(a_port_in_use_is_a_failure_with_its_reason, WorkloadFixture) {
    std::string failed;
    std::string reason;
    plane.on_failure([&](const std::string& pod, const std::string& error) {
        failed = pod;
        reason = error;
    });
    plane.serve(WorkloadSpec{"pod/prod/web", "prod", "rival", "node-1", {{80, Protocol::Tcp, ""}}});
    BOOST_TEST(failed == "prod/rival");
    BOOST_TEST(reason.find("80/tcp") != std::string::npos, reason);
    BOOST_TEST(!plane.serves("prod/rival"));
}

BOOST_FIXTURE_TEST_CASE(a_killed_child_is_replaced_and_serves_again, WorkloadFixture) {
    const auto first = plane.pid();
    const auto killed = netemu::Clock::now();
    BOOST_REQUIRE(::kill(first, SIGKILL) == 0);
    BOOST_REQUIRE(test::run_until(
        loop, [&] { return plane.pid() != first && plane.pid() > 0; }, 2));
    BOOST_TEST(curl("http://10.1.0.10/hostname") == "web"); // waits in the backlog if it must
    BOOST_TEST((netemu::Clock::now() - killed < std::chrono::seconds(1)));
    BOOST_TEST(ready.size() == 1U);
    // Again and again, with growing delays.
    for (int i = 0; i < 3; ++i) {
        const auto pid = plane.pid();
        ::kill(pid, SIGKILL);
        BOOST_REQUIRE(test::run_until(
            loop, [&] { return plane.pid() != pid && plane.pid() > 0; }, 5));
    }
    BOOST_TEST(curl("http://10.1.0.10/hostname") == "web");
}

BOOST_FIXTURE_TEST_CASE(the_child_has_no_privilege, WorkloadFixture) {
    // The filter is installed before the child serves, and it serves: `ready` says so.
    const auto status = "/proc/" + std::to_string(plane.pid()) + "/status";
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
        BOOST_TEST(line_of(status, set) == "0000000000000000", set);
    }
    BOOST_TEST(line_of(status, "NoNewPrivs") == "1");
    BOOST_TEST(line_of(status, "Seccomp") == "2");
    BOOST_TEST(line_of(status, "Threads") == std::to_string(3 + labctl::dataplane::kProbeThreads));
    if (::getuid() == 0 && line_of("/proc/self/status", "CapEff") != "0000000000000000") {
        std::ifstream map("/proc/self/uid_map");
        std::uint64_t inside = 0;
        std::uint64_t outside = 0;
        std::uint64_t length = 0;
        map >> inside >> outside >> length;
        BOOST_TEST(line_of(status, "Uid") == (length > 65534 ? "65534" : "0"));
    }
}

BOOST_FIXTURE_TEST_CASE(hostile_clients_do_not_end_the_service, WorkloadFixture) {
    const auto pid = plane.pid();
    (void)net.run(
        "client", "head -c 3000000 /dev/urandom | timeout 2 bash -c 'cat > /dev/tcp/10.1.0.10/80'");
    (void)net.run(
        "client",
        "(printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'; head -c 100000 /dev/urandom) | "
        "timeout 2 bash -c 'cat > /dev/tcp/10.1.0.10/80'");
    (void)net.run(
        "client",
        "(printf 'GET / HTTP/1.1\\r\\n'; head -c 300000 /dev/zero) | timeout 2 bash -c 'cat > "
        "/dev/tcp/10.1.0.10/80'");
    (void)net.run(
        "client", "head -c 60000 /dev/urandom | timeout 2 bash -c 'cat > /dev/udp/10.1.0.10/81'");
    BOOST_TEST(curl("http://10.1.0.10/hostname") == "web");
    BOOST_TEST(plane.pid() == pid);
}

BOOST_FIXTURE_TEST_CASE(a_thousand_pods_are_served_at_once_in_little_memory, WorkloadFixture) {
    std::vector<WorkloadSpec> pods;
    for (int i = 0; i < 1000; ++i) {
        pods.push_back(
            {"client",
             "x",
             "p" + std::to_string(i),
             "node-1",
             {{static_cast<std::uint16_t>(2000 + i), Protocol::Tcp, ""}}});
    }
    const auto start = netemu::Clock::now();
    plane.serve(pods);
    BOOST_REQUIRE(test::run_until(loop, [this] { return ready.size() == 1001; }));
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(netemu::Clock::now() - start);
    const auto rss_kb =
        std::stoi(line_of("/proc/" + std::to_string(plane.pid()) + "/status", "VmRSS"));
    BOOST_TEST_MESSAGE(
        "1000 pods served in " << elapsed.count() << " ms, child " << rss_kb << " KB");
#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
    !defined(__SANITIZE_THREAD__) // their shadow memory is not ours
    BOOST_TEST(rss_kb < 15000);
#endif
    BOOST_TEST(net.must("client", "curl -s -m 5 http://127.0.0.1:2999/hostname") == "p999");
}
// NOLINTEND
