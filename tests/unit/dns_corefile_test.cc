#include <boost/test/unit_test.hpp>

#include "dns/corefile.h"
#include "dns/resolver.h"
#include "netemu/base/error.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

constexpr const char* kStock = R"(.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
)";

std::string error_of(const std::string& text) {
    try {
        (void)parse_corefile(text);
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
    return "none";
}

std::string in_block(const std::string& plugin) {
    return ".:53 {\n" + plugin + "\n}\n";
}

} // namespace

BOOST_AUTO_TEST_SUITE(corefile)

BOOST_AUTO_TEST_CASE(the_stock_one) {
    const auto parsed = parse_corefile(kStock);
    BOOST_REQUIRE(parsed.servers.size() == 1U);
    const auto& block = parsed.servers[0];
    BOOST_TEST(block.port == 53);
    BOOST_TEST(block.zones.at(0).is_root());
    BOOST_TEST((block.errors && block.loop && block.reload && block.loadbalance && !block.log));
    BOOST_TEST(block.health.value() == ":8080");
    BOOST_TEST(block.lameduck.count() == 5000);
    BOOST_TEST(block.ready.value() == ":8181");
    BOOST_TEST(block.prometheus.value() == ":9153");
    BOOST_REQUIRE(block.kubernetes.has_value());
    BOOST_TEST(block.kubernetes->zones.size() == 3U);
    BOOST_TEST((block.kubernetes->pods == PodMode::Insecure));
    BOOST_TEST(block.kubernetes->ttl_s == 30U);
    BOOST_TEST(block.kubernetes->through.covers(name("1.in-addr.arpa")));
    BOOST_TEST(!block.kubernetes->through.covers(name("a.cluster.local")));
    BOOST_REQUIRE(block.forward.size() == 1U);
    BOOST_TEST(block.forward[0].to.at(0) == "/etc/resolv.conf");
    BOOST_TEST(block.forward[0].max_concurrent == 1000U);
    BOOST_REQUIRE(block.cache.has_value());
    BOOST_TEST(block.cache->success_ttl_s == 30U);
    BOOST_TEST(block.cache->denial_ttl_s == 30U);
    BOOST_TEST(block.cache->success_max == 9984U);
    const auto options = zone_options(*block.kubernetes, block.loadbalance);
    BOOST_TEST(options.domain.to_string() == "cluster.local.");
    BOOST_TEST(options.reverse.size() == 2U);
    BOOST_TEST(options.fallthrough.size() == 2U);
}

BOOST_AUTO_TEST_CASE(options_of_plugins) {
    const auto parsed = parse_corefile(R"(
# a comment
dns://example.org:1053, 10.0.0.0/24 {   # two zones
    kubernetes {
        namespaces a b
        ignore empty_service
        noendpoints
        fallthrough
    }
    cache 60 example.org {
        success 5000 120 10
        denial 100 20
        prefetch 10 1m 20%
        serve_stale 1h
        servfail 2s
    }
    forward . 192.0.2.1 192.0.2.2:5353 {
        except internal.example
        force_tcp
        policy sequential
        max_fails 3
    }
    hosts /etc/hosts example.org {
        192.0.2.7 a.example.org b.example.org
        ttl 60
        no_reverse
        fallthrough
    }
    rewrite name exact a.example.org b.example.org
    rewrite continue {
        name regex (.*)\.old\.example {1}.new.example
        answer name (.*)\.new\.example {1}.old.example
    }
    template IN A example.org {
        match ^x
        answer "{{ .Name }} 60 IN A 192.0.2.9"
        rcode NOERROR
    }
    autopath @kubernetes
    bufsize 1400
    bind 127.0.0.1
    log
    any
}
)");
    const auto& block = parsed.servers.at(0);
    BOOST_TEST(block.port == 1053);
    BOOST_TEST(block.zones.at(0).to_string() == "example.org.");
    BOOST_TEST(block.zones.at(1).to_string() == "0.0.10.in-addr.arpa.");
    BOOST_TEST(block.kubernetes->namespaces.size() == 2U);
    BOOST_TEST((block.kubernetes->ignore_empty_service && block.kubernetes->no_endpoints));
    BOOST_TEST(block.kubernetes->through.covers(name("anything")));
    BOOST_TEST(block.cache->success_max == 5000U);
    BOOST_TEST(block.cache->success_ttl_s == 120U);
    BOOST_TEST(block.cache->denial_ttl_s == 20U);
    BOOST_TEST(block.cache->prefetch == 10U);
    BOOST_TEST(block.cache->prefetch_percent == 20U);
    BOOST_TEST(block.cache->serve_stale->count() == 3600);
    BOOST_TEST(block.cache->servfail_ttl_s == 2U);
    BOOST_TEST(block.forward.at(0).to.size() == 2U);
    BOOST_TEST(block.forward.at(0).force_tcp);
    BOOST_TEST((block.forward.at(0).policy == ForwardConfig::Policy::Sequential));
    BOOST_TEST(block.hosts->lines.at(0) == "192.0.2.7 a.example.org b.example.org");
    BOOST_TEST(block.rewrite.size() == 2U);
    BOOST_TEST(!block.rewrite.at(1).stop);
    BOOST_TEST(block.rewrite.at(1).answer_names.size() == 1U);
    BOOST_TEST(block.templates.at(0).answer.at(0) == "{{ .Name }} 60 IN A 192.0.2.9");
    BOOST_TEST(block.autopath->resolv_conf == "@kubernetes");
    BOOST_TEST(block.udp_bytes_max == 1400U);
    BOOST_TEST((block.log && block.any));
}

BOOST_AUTO_TEST_CASE(reverse_zones_of_ranges) {
    const auto zone = [](const char* text) {
        const auto found = reverse_zone(netemu::IpPrefix::parse(text).value());
        return found ? found->to_string() : "none";
    };
    BOOST_TEST(zone("10.0.0.0/8") == "10.in-addr.arpa.");
    BOOST_TEST(zone("10.96.0.0/16") == "96.10.in-addr.arpa.");
    BOOST_TEST(zone("0.0.0.0/0") == "in-addr.arpa.");
    BOOST_TEST(zone("10.96.0.0/12") == "none");
    BOOST_TEST(zone("fd00:96::/32") == "6.9.0.0.0.0.d.f.ip6.arpa.");
}

BOOST_AUTO_TEST_CASE(errors_name_their_line) {
    BOOST_TEST(error_of(in_block("    foo")) == "Corefile:2: unknown plugin 'foo'");
    BOOST_TEST(
        error_of(in_block("cache 30\nloadbalence")) == "Corefile:3: unknown plugin 'loadbalence'");
    BOOST_TEST(
        error_of(".:53 {\n errors\n").starts_with("Corefile:1: the server block is not closed"));
    BOOST_TEST(
        error_of(in_block("kubernetes {\n pods maybe\n}")).starts_with("Corefile:3: pods is"));
    BOOST_TEST(error_of(in_block("kubernetes {\n nope\n}"))
                   .starts_with("Corefile:3: 'kubernetes' has no option"));
    BOOST_TEST(error_of(in_block("kubernetes {\n ttl 3601\n}"))
                   .starts_with("Corefile:3: '3601' is no number"));
    BOOST_TEST(error_of(in_block("forward .")).starts_with("Corefile:2: forward is"));
    BOOST_TEST(error_of(in_block("forward . tls://9.9.9.9"))
                   .starts_with("Corefile:2: forward to 'tls://9.9.9.9'"));
    BOOST_TEST(error_of(in_block("rewrite name a")).starts_with("Corefile:2: rewrite needs"));
    BOOST_TEST(
        error_of(in_block("rewrite name regex ( b")).starts_with("Corefile:2: '(' is no regular"));
    BOOST_TEST(error_of(in_block("cache {\n servfail 10m\n}")).starts_with("Corefile:3: servfail"));
    BOOST_TEST(error_of(".:x {\n}\n").starts_with("Corefile:1: 'x' is no port"));
    BOOST_TEST(error_of("10.0.0.0/12 {\n}\n").starts_with("Corefile:1: '10.0.0.0/12'"));
    BOOST_TEST(error_of("a {\n}\na {\n}\n").starts_with("Corefile:3: zone a. is served twice"));
    BOOST_TEST(error_of("a {\n log \"x\n}\n").starts_with("Corefile:2: a quote"));
    BOOST_TEST(error_of(std::string(2U << 20U, 'a')).starts_with("Corefile:1: longer"));
    BOOST_TEST(error_of("}").starts_with("Corefile:1: unexpected"));
    BOOST_TEST(
        error_of("a {\n errors {\n {\n}\n}\n").starts_with("Corefile:2: the block of 'errors'"));
    BOOST_TEST(error_of("a {\n").starts_with("Corefile:1:"));
    BOOST_TEST(error_of("").starts_with("none"));
    // Every prefix of a good file is an error or a file, soon.
    const std::string stock = kStock;
    for (std::size_t size = 0; size < stock.size(); ++size) {
        (void)error_of(stock.substr(0, size));
    }
}

BOOST_AUTO_TEST_CASE(addresses_of_plugins) {
    BOOST_TEST(forward_address("10.0.0.1")->to_string() == "10.0.0.1:53");
    BOOST_TEST(forward_address("dns://10.0.0.1:5353")->to_string() == "10.0.0.1:5353");
    BOOST_TEST(forward_address("fd00::1")->to_string() == "[fd00::1]:53");
    BOOST_TEST(forward_address("[fd00::1]:54")->to_string() == "[fd00::1]:54");
    for (const auto* word :
         {"", "dns.example", "10.0.0.1:x", "tls://10.0.0.1", "/etc/resolv.conf"}) {
        BOOST_TEST(!forward_address(word), word);
    }
    BOOST_TEST(plugin_port(":8080").value() == 8080);
    BOOST_TEST(plugin_port("localhost:9153").value() == 9153);
    BOOST_TEST(!plugin_port("localhost"));
    BOOST_TEST(!plugin_port(":http"));
    BOOST_TEST(!plugin_port(std::nullopt));
}

BOOST_AUTO_TEST_SUITE_END()
