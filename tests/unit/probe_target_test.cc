#define BOOST_TEST_MODULE probe
#include <boost/test/unit_test.hpp>

#include "labctl/probe/probe.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using labctl::probe::Scheme;
using labctl::probe::Target;

BOOST_AUTO_TEST_CASE(targets_of_the_contract) {
    struct Row {
        std::string text;
        Scheme scheme;
        std::string host;
        std::string port;
        std::string path;
    };
    const Row rows[] = {
        {"tcp://10.244.1.7:80", Scheme::Tcp, "10.244.1.7", "80", "/"},
        {"udp://dns-name.ns.svc.cluster.local:81",
         Scheme::Udp,
         "dns-name.ns.svc.cluster.local",
         "81",
         "/"},
        {"http://backend.prod/api?x=1", Scheme::Http, "backend.prod", "", "/api?x=1"},
        {"http://backend.prod?x=1", Scheme::Http, "backend.prod", "", "/?x=1"},
        {"http://172.18.0.3:30080/", Scheme::Http, "172.18.0.3", "30080", "/"},
        {"dns://backend?type=A", Scheme::Dns, "backend", "", "/?type=A"},
        {"icmp://10.244.2.3", Scheme::Icmp, "10.244.2.3", "", "/"},
        {"sctp://10.244.2.3:80", Scheme::Sctp, "10.244.2.3", "80", "/"},
        {"tcp://[fd00:10::5]:80", Scheme::Tcp, "fd00:10::5", "80", "/"},
        {"icmp://[::1]", Scheme::Icmp, "::1", "", "/"},
        {"tcp://pod:prod/backend-1:http", Scheme::Tcp, "pod:prod/backend-1", "http", "/"},
        {"http://pod:prod/backend-1/a/b", Scheme::Http, "pod:prod/backend-1", "", "/a/b"},
        {"icmp://pod:prod/backend-1", Scheme::Icmp, "pod:prod/backend-1", "", "/"},
        {"tcp://example.com.:web-1", Scheme::Tcp, "example.com.", "web-1", "/"},
        {"https://web.lab", Scheme::Https, "web.lab", "", "/"},
        {"https://web.lab:8443/api?x=1", Scheme::Https, "web.lab", "8443", "/api?x=1"},
        {"https://[fd00::5]:https/", Scheme::Https, "fd00::5", "https", "/"},
        {"https://pod:prod/backend-1/a", Scheme::Https, "pod:prod/backend-1", "", "/a"},
        {"grpc://cart:7070", Scheme::Grpc, "cart", "7070", "/grpc.health.v1.Health/Check"},
        {"grpc://cart:7070/", Scheme::Grpc, "cart", "7070", "/grpc.health.v1.Health/Check"},
        {"grpc://[fd00::5]:grpc/shop.Cart/Add", Scheme::Grpc, "fd00::5", "grpc", "/shop.Cart/Add"},
        {"grpc://pod:prod/cart:1/a/B", Scheme::Grpc, "pod:prod/cart", "1", "/a/B"},
    };
    for (const auto& row : rows) {
        const auto target = Target::parse(row.text);
        BOOST_TEST((target.scheme == row.scheme), row.text);
        BOOST_TEST(target.host == row.host, row.text);
        BOOST_TEST(target.port == row.port, row.text);
        BOOST_TEST(target.path == row.path, row.text);
        BOOST_TEST(target.text == row.text);
    }
}

BOOST_AUTO_TEST_CASE(what_a_dns_target_asks) {
    const auto plain = Target::parse("dns://backend").dns;
    BOOST_TEST(plain.type == "A");
    BOOST_TEST(!plain.tcp);
    BOOST_TEST(plain.search);
    BOOST_TEST(plain.server.empty());
    const auto full =
        Target::parse(
            "dns://_http._tcp.backend.prod?type=srv&tcp=true&search=false&server=10.0.0.1:5353")
            .dns;
    BOOST_TEST(full.type == "SRV");
    BOOST_TEST(full.tcp);
    BOOST_TEST(!full.search);
    BOOST_TEST(full.server == "10.0.0.1:5353");
    BOOST_TEST(
        Target::parse("dns://[fd00::1]?type=PTR&server=[fd00::a]:53").dns.server == "[fd00::a]:53");
}

BOOST_AUTO_TEST_CASE(bad_targets_are_refused_with_their_text) {
    const std::string rows[] = {
        "",
        "10.244.1.7:80",
        "ftp://10.244.1.7:80",
        "tcp://10.244.1.7",
        "tcp://:80",
        "tcp://10.244.1.7:0",
        "tcp://10.244.1.7:65536",
        "tcp://10.244.1.7:99999999999999",
        "tcp://10.244.1.7:8 0",
        "tcp://10.244.1.7:",
        "tcp://10.244.1.7:80/path",
        "tcp://fd00::5:80",
        "tcp://[fd00::5:80",
        "tcp://[10.244.1.7]:80",
        "tcp://[fd00::5]x:80",
        "icmp://10.244.1.7:80",
        "dns://backend:53",
        "dns://backend/path",
        "dns://backend?type=HINFO2",
        "dns://backend?typ=A",
        "dns://backend?tcp=yes",
        "dns://backend?server=dns.example",
        "dns://pod:prod/backend-1",
        "tcp://pod:backend-1:80",
        "tcp://pod:/backend-1:80",
        "tcp://pod:prod/:80",
        "http://a/b c",
        "https://",
        "grpc://cart",
        "grpc://cart/shop.Cart/Add",
        "grpc://cart:7070/Add",
        "grpc://cart:7070/shop.Cart/",
        "grpc://cart:7070//Add",
        "grpc://cart:7070/shop.Cart/Add?x=1",
        "grpc://cart:7070?x=1",
        "https://a:0/",
        "https://a/b c",
        "https://user@host/",
        "HTTPS://a/",
        "http://user@host/",
        "http://a..b/",
        "http://" + std::string(64, 'a') + "/",
    };
    for (const auto& text : rows) {
        BOOST_CHECK_EXCEPTION(
            Target::parse(text), netemu::UsageError, [&](const netemu::UsageError& error) {
                return std::string(error.what()).find("\"" + text + "\"") != std::string::npos;
            });
    }
}
// NOLINTEND
