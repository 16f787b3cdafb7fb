#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/client.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;
using probe::Outcome;
using probe::Result;

namespace {

const std::string kPems = std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/";

std::string pem(const std::string& name) {
    std::ifstream in(kPems + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A client, x/a, and real servers in a namespace of their own.
struct TlsNet {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};
    std::vector<int> servers; // process ids

    TlsNet() {
        net.add("pod/x/a", {"10.1.0.20/16", "fd00::20/64"});
        net.add("real", {"10.1.0.30/16", "fd00::30/64"});
        plane.start();
    }
    ~TlsNet() {
        for (const int pid : servers) {
            ::kill(pid, SIGKILL);
        }
    }

    /// Runs a server in `real` and waits until it listens.
    void serve(int port, const std::string& command) {
        const auto pid = net.must("real", command + " </dev/null >/dev/null 2>&1 & echo $!");
        servers.push_back(std::stoi(pid));
        net.must(
            "real",
            "for i in $(seq 200); do ss -Hltn sport = :" + std::to_string(port) +
                " | grep -q . && exit 0; sleep 0.05; done; echo does not listen; exit 1");
    }
    void serve_python(int port, const std::string& name, const std::string& more = "") {
        serve(
            port,
            "/usr/bin/python3 " LABCTL_SOURCE_DIR "/tests/netns/https_server.py " +
                std::to_string(port) + " " + kPems + name + ".pem " + kPems + name + ".key " +
                more);
    }
    void serve_openssl(int port, const std::string& options) {
        serve(
            port,
            "openssl s_server -www -accept " + std::to_string(port) + " -cert " + kPems +
                "rsa.pem -key " + kPems + "rsa.key " + options);
    }

    static ResolvedRequest request(const std::string& to, const std::string& ca = "") {
        ResolvedRequest resolved;
        resolved.request.id = to;
        resolved.request.from = "x/a";
        resolved.request.to = probe::Target::parse(to);
        resolved.request.timeout_ms = 5000;
        resolved.request.ca = ca;
        resolved.ns = "pod/x/a";
        const auto address = netemu::IpAddress::parse(resolved.request.to.host);
        resolved.address = address.value_or(netemu::IpAddress::parse("10.1.0.30").value());
        resolved.port = static_cast<std::uint16_t>(std::stoi(resolved.request.to.port));
        return resolved;
    }

    Result run(ResolvedRequest one) {
        std::vector<Result> results;
        plane.probe(
            {std::move(one)}, false, [&](std::vector<Result> got) { results = std::move(got); });
        BOOST_REQUIRE(test::run_until(
            loop, [&] { return !results.empty(); }, 30));
        return results.at(0);
    }
    Result run(const std::string& to, const std::string& ca = "") { return run(request(to, ca)); }

    void expect(const Result& result, Outcome outcome, const std::string& error) {
        BOOST_TEST_MESSAGE(to_string(result.first.outcome) << " " << result.first.error);
        BOOST_TEST(to_string(result.first.outcome) == to_string(outcome));
        BOOST_TEST(result.first.error.find(error) != std::string::npos, result.first.error);
    }
};

nlohmann::json seen_by(const Result& result) {
    BOOST_REQUIRE(result.first.http.has_value());
    return nlohmann::json::parse(result.first.http->body);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(https_exchanges, TlsNet) {
    serve_python(8443, "ec");
    const auto result = run("https://10.1.0.30:8443/api?x=1");
    expect(result, Outcome::Ok, "");
    BOOST_TEST(result.first.http->status == 200);
    const auto seen = seen_by(result);
    BOOST_TEST(seen.at("path") == "/api?x=1");
    BOOST_TEST(seen.at("host") == "10.1.0.30:8443");
    BOOST_TEST(seen.at("sni").is_null()); // no addresses in SNI
    BOOST_TEST(seen.at("alpn") == "http/1.1");
    BOOST_REQUIRE(result.first.tls.has_value());
    const auto& tls = *result.first.tls;
    BOOST_TEST(tls.version == "TLSv1.3");
    BOOST_TEST(tls.server_name.empty());
    BOOST_TEST(tls.subject == "CN=web ec,O=lab");
    BOOST_TEST(tls.issuer == "CN=lab authority,O=lab");
    BOOST_TEST(tls.dns_names == (std::vector<std::string>{"web.lab", "*.apps.lab"}));
    BOOST_TEST(tls.not_after == "2120-01-01T00:00:00Z");
    BOOST_TEST(result.first.peer_identity == "spiffe://cluster.local/ns/prod/sa/web");

    const auto named = run("https://web.lab:8443/");
    BOOST_TEST(seen_by(named).at("sni") == "web.lab");
    BOOST_TEST(named.first.tls->server_name == "web.lab");
    auto by_field = request("https://[fd00::30]:8443/");
    by_field.request.headers = {{"Host", "x.apps.lab:8443"}};
    const auto fielded = run(by_field);
    BOOST_TEST(seen_by(fielded).at("sni") == "x.apps.lab");
    BOOST_TEST(seen_by(fielded).at("host") == "x.apps.lab:8443");
    by_field.request.headers = {{"host", "10.9.9.9"}};
    BOOST_TEST(seen_by(run(by_field)).at("sni").is_null());

    auto post = request("https://10.1.0.30:8443/");
    post.request.method = "POST";
    post.request.body = std::string(300000, 'a');
    const auto posted = run(post);
    expect(posted, Outcome::Ok, "");
    BOOST_TEST(posted.first.http->body.size() == 65536U); // what is kept of it
    BOOST_TEST(posted.first.http->body.find("\"received\": 300000") != std::string::npos);
    auto head = request("https://10.1.0.30:8443/");
    head.request.method = "HEAD";
    BOOST_TEST(run(head).first.http->body.empty());
}

BOOST_FIXTURE_TEST_CASE(https_connections_are_used_again_if_asked_for, TlsNet) {
    serve_python(8443, "ed25519");
    for (const bool reuse : {true, false}) {
        auto many = request("https://web.lab:8443/");
        many.request.count = 20;
        many.request.concurrency = 4;
        many.request.reuse_connection = reuse;
        many.request.samples = true;
        const auto result = run(many);
        BOOST_TEST(result.outcomes.at("ok") == 20U, result.first.error);
        int last = 0;
        for (const auto& sample : result.samples) {
            BOOST_REQUIRE(sample.http.has_value());
            last = std::max(last, nlohmann::json::parse(sample.http->body).at("number").get<int>());
            BOOST_TEST(sample.tls->subject == "CN=web ed25519,O=lab");
        }
        BOOST_TEST(last == (reuse ? 5 : 1));
    }
}

BOOST_FIXTURE_TEST_CASE(https_with_an_authority, TlsNet) {
    serve_python(8443, "chain");
    serve_python(8444, "expired");
    serve_python(8445, "rsa");
    const auto ca = pem("ca.pem");
    expect(run("https://chained.lab:8443/", ca), Outcome::Ok, "");
    expect(run("https://chained.lab:8443/", ca + pem("ec.pem")), Outcome::Ok, "");
    const auto other = run("https://other.lab:8443/", ca);
    expect(
        other,
        Outcome::TlsError,
        ":8443/tcp: TLS handshake: certificate verify failed: the certificate is for chained.lab, "
        "not for other.lab");
    BOOST_REQUIRE(other.first.tls.has_value()); // so that one can see whose it was
    BOOST_TEST(other.first.tls->subject == "CN=chained");
    BOOST_TEST(other.first.tls->version.empty());
    BOOST_TEST(!other.first.http.has_value());
    expect(
        run("https://10.1.0.30:8443/", ca),
        Outcome::TlsError,
        "the certificate is for chained.lab, not for 10.1.0.30");
    expect(
        run("https://chained.lab:8443/", pem("ec.pem")),
        Outcome::TlsError,
        "unable to get local issuer certificate");
    expect(run("https://expired.lab:8444/", ca), Outcome::TlsError, "certificate has expired");
    expect(run("https://expired.lab:8444/"), Outcome::Ok, ""); // nobody has asked
    auto by_field = request("https://10.1.0.30:8445/", ca);
    by_field.request.headers = {{"host", "web.lab"}};
    expect(run(by_field), Outcome::Ok, "");
    // A bundle that is longer than a message.
    std::string bundle;
    while (bundle.size() < 300000) {
        bundle += pem("rsa.pem");
    }
    expect(run("https://chained.lab:8443/", bundle + ca), Outcome::Ok, "");
}

BOOST_FIXTURE_TEST_CASE(https_and_other_ages_of_tls, TlsNet) {
    serve_openssl(7001, "-tls1_2");
    serve_openssl(7002, "-tls1_1 -cipher DEFAULT:@SECLEVEL=0");
    serve_python(7003, "ec", kPems + "ca.pem");
    const auto old = run("https://10.1.0.30:7001/");
    expect(old, Outcome::Ok, "");
    BOOST_TEST(old.first.tls->version == "TLSv1.2");
    BOOST_TEST(old.first.http->body.find("TLSv1.2") != std::string::npos);
    expect(
        run("https://10.1.0.30:7002/"),
        Outcome::TlsError,
        "TLS handshake: alert: protocol version");
    expect(run("https://10.1.0.30:7003/"), Outcome::TlsError, "TLS: alert: certificate required");
}

BOOST_FIXTURE_TEST_CASE(https_to_who_speaks_no_tls, TlsNet) {
    net.add("pod/x/web", {"10.1.0.10/16"});
    plane.serve(WorkloadSpec{"pod/x/web", "x", "web", "node-1", {{80, Protocol::Tcp, ""}}});
    serve(7001, "/usr/bin/python3 -m http.server 7001");
    const auto silent = net.open_socket("real", AF_INET, SOCK_STREAM, 0);
    sockaddr_storage address{};
    const auto size = netemu::Endpoint{netemu::IpAddress(), 7002}.to_sockaddr(address);
    BOOST_REQUIRE(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    BOOST_REQUIRE(::listen(silent.get(), 16) == 0);
    expect(run("https://10.1.0.30:7001/"), Outcome::TlsError, "TLS handshake: the peer ");
    expect(
        run("https://10.1.0.10:80/"),
        Outcome::TlsError,
        "TLS handshake: the peer speaks no TLS, it sends back what it is sent");
    auto late = request("https://10.1.0.30:7002/");
    late.request.timeout_ms = 200;
    expect(run(late), Outcome::Timeout, "TLS handshake after connect: no answer within 200 ms");
    std::thread closing([&silent] {
        const netemu::UniqueFd one(::accept4(silent.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const netemu::UniqueFd two(::accept4(silent.get(), nullptr, nullptr, SOCK_CLOEXEC));
        char hello[4096];
        (void)!::read(two.get(), hello, sizeof hello);
        ::shutdown(two.get(), SHUT_RDWR);
    });
    expect(
        run("https://10.1.0.30:7002/"),
        Outcome::TlsError,
        "TLS handshake: the peer ended the connection during the handshake");
    closing.join();
    expect(run("https://10.1.0.30:7009/"), Outcome::Refused, "Connection refused");
    net.must(
        "real",
        "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; "
        "add rule ip t c tcp dport 7001 reject with icmp type admin-prohibited'");
    expect(run("https://10.1.0.30:7001/"), Outcome::Unreachable, "No route to host");
}
// NOLINTEND
