#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/client.h"
#include "services/ingress.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

std::string manners_pem(const std::string& name) {
    std::ifstream in(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

const std::string kMannersScripts = std::string(LABCTL_SOURCE_DIR) + "/tests/netns/";

/// A controller at 10.1.0.5, a server of odd manners at 10.1.0.10:8000, two pods with the built-in
/// workload, and a client.
struct MannersNet {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};
    std::set<std::string> ready;
    std::vector<pid_t> servers;
    services::IngressTable table;

    MannersNet() {
        net.add("pod/in/controller", {"10.1.0.5/16", "fd00::5/64"});
        net.add("server", {"10.1.0.10/16", "fd00::10/64"});
        net.add("pod/x/a", {"10.1.0.11/16"});
        net.add("pod/x/b", {"10.1.0.12/16"});
        net.add("client", {"10.1.0.20/16", "fd00::20/64"});
        plane.on_ready([this](const std::string& pod) { ready.insert(pod); });
        plane.start();
        const auto pid = net.must(
            "server",
            "/usr/bin/python3 " + kMannersScripts +
                "odd_server.py 8000 </dev/null >/dev/null 2>&1 & echo $!");
        servers.push_back(std::stoi(pid));
        net.must(
            "server",
            "for i in $(seq 200); do ss -Hltn sport = :8000 | grep -q . && exit 0; "
            "sleep 0.05; done; exit 1");
        make_table();
        plane.change_ingress("test/controller", table);
        serve();
        BOOST_REQUIRE(test::run_until(loop, [this] { return ready.size() == 3; }));
    }
    ~MannersNet() {
        for (const auto pid : servers) {
            ::kill(pid, SIGKILL);
        }
    }

    void add_host(const std::string& host, const std::vector<std::string>& endpoints) {
        services::IngressBackend backend{"x/" + host, {}, {}};
        for (const auto& endpoint : endpoints) {
            backend.endpoints.push_back(netemu::Endpoint::parse(endpoint).value());
        }
        backend.problem = endpoints.empty() ? "Service x/none has no ready endpoints" : "";
        table.backends.push_back(std::move(backend));
        table.hosts[host].paths.push_back(
            {services::IngressPathType::Prefix,
             "/",
             static_cast<std::uint32_t>(table.backends.size() - 1),
             "x/test"});
    }

    void make_table() {
        add_host("shop", {"10.1.0.10:8000"});
        add_host("refused", {"10.1.0.10:1"});
        add_host("half-refused", {"10.1.0.10:1", "10.1.0.10:8000"});
        add_host("pods", {"10.1.0.11:8080", "10.1.0.12:8080"});
        add_host("empty", {});
        table.certificates = {
            {"x/ec", {"shop"}, manners_pem("ec.pem"), manners_pem("ec.key")},
            {"x/rsa", {"*.wild"}, manners_pem("rsa.pem"), manners_pem("rsa.key")},
            {"x/bad", {"bad"}, "no", "pem"}};
    }

    void serve() {
        WorkloadSpec controller;
        controller.ns_name = "pod/in/controller";
        controller.pod_namespace = "in";
        controller.pod = "controller";
        controller.node = "n1";
        controller.ports = {{80, Protocol::Tcp, "http"}, {443, Protocol::Tcp, "https"}};
        controller.ingress = IngressServing{"test/controller", {80}, {443}};
        plane.serve(controller);
        for (const auto* name : {"a", "b"}) {
            WorkloadSpec pod;
            pod.ns_name = std::string("pod/x/") + name;
            pod.pod_namespace = "x";
            pod.pod = name;
            pod.node = "n1";
            pod.ports = {{8080, Protocol::Tcp, "http"}};
            plane.serve(pod);
        }
    }

    /// Runs a command of the client while the loop makes the controller's sockets.
    test::Command run(const std::string& command, int seconds = 60) {
        auto done = std::async(std::launch::async, [&] { return net.run("client", command); });
        BOOST_REQUIRE(test::run_until(
            loop,
            [&done] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; },
            seconds));
        return done.get();
    }
    void must_pass(const std::string& name) {
        const auto result =
            run("timeout 50 /usr/bin/python3 " + kMannersScripts + "odd_client.py " + name);
        BOOST_TEST(result.output == "ok\n", name << ": " << result.output);
    }
    std::string curl(const std::string& arguments) {
        return run("curl -s -m 20 " + arguments).output;
    }
    std::size_t resident_kb() const {
        std::ifstream status("/proc/" + std::to_string(plane.pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) {
                return std::stoul(line.substr(6));
            }
        }
        return 0;
    }
    std::string log() {
        std::string text;
        bool came = false;
        plane.logs("in/controller", 0, [&](const std::vector<std::string>& lines) {
            came = true;
            for (const auto& line : lines) {
                text += line + "\n";
            }
        });
        BOOST_REQUIRE(test::run_until(loop, [&came] { return came; }));
        return text;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(dataplane_ingress_manners)

BOOST_AUTO_TEST_CASE(a_host_chooses_and_pods_take_turns) {
    MannersNet lab;
    std::multiset<std::string> who;
    for (int i = 0; i < 6; ++i) {
        who.insert(lab.curl("-H 'Host: pods' http://10.1.0.5/hostname"));
    }
    BOOST_TEST(who.count("a") == 3U);
    BOOST_TEST(who.count("b") == 3U);
    BOOST_TEST(
        lab.curl("-H 'Host: other' http://10.1.0.5/") ==
        "404 Not Found: no Ingress has a rule for the host \"other\"\n");
    BOOST_TEST(
        lab.curl("-w '%{http_code}' -H 'Host: empty' http://10.1.0.5/") ==
        "503 Service Unavailable: Service x/none has no ready endpoints\n503");
    BOOST_TEST(lab.curl("-g -H 'Host: pods' 'http://[fd00::5]/hostname'").size() == 1U);
    const auto log = lab.log();
    BOOST_TEST(
        log.find("GET http://pods/hostname (x/test: pods /) -> x/pods at 10.1.0.11:8080 200") !=
            std::string::npos,
        log);
}

BOOST_AUTO_TEST_CASE(connections_are_kept_at_both_ends) {
    MannersNet lab;
    lab.must_pass("keeps_connections");
    lab.must_pass("pipelined");
}

BOOST_AUTO_TEST_CASE(bodies_keep_their_form) {
    MannersNet lab;
    lab.must_pass("framings");
    lab.must_pass("heads_without_bodies");
    lab.must_pass("bodies");
}

BOOST_AUTO_TEST_CASE(a_get_on_a_dead_connection_is_asked_again) {
    MannersNet lab;
    lab.must_pass("get_is_repeated");
}

BOOST_AUTO_TEST_CASE(a_post_on_a_dead_connection_is_not) {
    MannersNet lab;
    lab.must_pass("post_is_not_repeated");
}

BOOST_AUTO_TEST_CASE(endpoints_that_refuse_or_misbehave) {
    MannersNet lab;
    lab.must_pass("refused");
    lab.must_pass("bad_servers");
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_is_silent_is_given_up) {
    MannersNet lab;
    lab.net.must(
        "server",
        "nft 'add table t; add chain t in { type filter hook input priority 0; }; "
        "add rule t in tcp dport 8000 drop'");
    const auto answer =
        lab.curl("-w ' %{http_code} %{time_total}' -H 'Host: shop' http://10.1.0.5/n");
    BOOST_TEST(
        answer.find("no connection within 5 s at 10.1.0.10:8000\n 504 5.") != std::string::npos,
        answer);
}

BOOST_AUTO_TEST_CASE(an_upgraded_connection_carries_bytes_both_ways) {
    MannersNet lab;
    lab.must_pass("upgrades");
}

BOOST_AUTO_TEST_CASE(hostile_clients) {
    MannersNet lab;
    lab.must_pass("hostile");
    lab.must_pass("vanishing");
    lab.must_pass("many");
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_not_read_for) {
    MannersNet lab;
    const auto before = lab.resident_kb();
    const auto fifo = "/tmp/labctl-ingress-" + std::to_string(::getpid());
    (void)lab.net.run("client", "mkfifo " + fifo);
    auto done = std::async(std::launch::async, [&] {
        return lab.net.run(
            "client",
            "timeout 50 /usr/bin/python3 " + kMannersScripts + "odd_client.py slow_client < " +
                fifo);
    });
    std::ofstream go;
    auto opened = std::async(std::launch::async, [&] { go.open(fifo); });
    (void)test::run_until(
        lab.loop, [] { return false; }, 4); // it has not read for a while
    const auto during = lab.resident_kb();
    BOOST_TEST(during < before + 8000, before << " kB before, " << during << " kB now");
    go << "go on\n" << std::flush;
    BOOST_REQUIRE(test::run_until(
        lab.loop,
        [&done] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; },
        50));
    BOOST_TEST(done.get().output == "looking\nok\n");
    (void)std::remove(fifo.c_str());
}

BOOST_AUTO_TEST_CASE(tls_ends_at_the_controller) {
    MannersNet lab;
    lab.must_pass("tls");
    lab.must_pass("tls_mistakes");
    const auto log = lab.log();
    BOOST_TEST(log.find(" TLS: ") != std::string::npos, log);
    BOOST_TEST(
        lab.curl("-k -w ' %{http_version} %{http_code}' --resolve shop:443:10.1.0.5 "
                 "-o /dev/null https://shop/n") == " 1.1 200");
    const auto shown =
        lab.run("openssl s_client -connect 10.1.0.5:443 -servername a.wild -tls1_2 </dev/null 2>&1")
            .output;
    BOOST_TEST(shown.find("TLSv1.2") != std::string::npos, shown);
    BOOST_TEST(shown.find("rsa") != std::string::npos, shown);
}

BOOST_AUTO_TEST_CASE(rules_change_under_way) {
    MannersNet lab;
    auto slow = std::async(std::launch::async, [&] {
        return lab.net.run(
            "client",
            "curl -s -m 20 -H 'Host: pods' http://10.1.0.5/delay/1 "
            "-o /dev/null -w '%{http_code}'");
    });
    (void)test::run_until(
        lab.loop, [] { return false; }, 1);
    lab.table.hosts.erase("pods");
    lab.plane.change_ingress("test/controller", lab.table);
    BOOST_TEST(
        lab.curl("-H 'Host: pods' http://10.1.0.5/ -o /dev/null -w '%{http_code}'") == "404");
    BOOST_REQUIRE(test::run_until(lab.loop, [&slow] {
        return slow.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }));
    BOOST_TEST(slow.get().output == "200");
    lab.plane.withdraw("in/controller");
    BOOST_TEST(lab.run("curl -s -m 5 http://10.1.0.5/").status != 0);
}

BOOST_AUTO_TEST_CASE(a_new_child_has_the_rules) {
    MannersNet lab;
    const auto before = lab.plane.pid();
    ::kill(before, SIGKILL);
    BOOST_REQUIRE(test::run_until(
        lab.loop, [&] { return lab.plane.pid() != before && lab.plane.pid() > 0; }));
    BOOST_TEST(lab.curl("-H 'Host: pods' http://10.1.0.5/hostname").size() == 1U);
    lab.must_pass("tls");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
