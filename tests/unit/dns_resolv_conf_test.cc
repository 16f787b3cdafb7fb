/// Section 7.1 and 7.2 of the reference, a row each.
#include <boost/test/unit_test.hpp>

#include "dns/resolv_conf.h"

using namespace dns;

namespace {

const ClusterDnsValue kCluster{"cluster.local", {"10.96.0.10", "fd00:96::a"}};

const ResolvConf kHost{{"192.0.2.53"}, {"corp.example", "example"}, {"rotate"}};

PodDnsValue pod(DnsPolicy policy, bool host_network = false) {
    return {"prod", policy, host_network, {}};
}

std::string text(const PodDnsValue& value) {
    return pod_resolv_conf(value, kCluster, kHost).conf.text();
}

const std::string kClusterText =
    "search prod.svc.cluster.local svc.cluster.local cluster.local corp.example example\n"
    "nameserver 10.96.0.10\nnameserver fd00:96::a\noptions ndots:5\n";
const std::string kHostText =
    "search corp.example example\nnameserver 192.0.2.53\noptions rotate\n";

} // namespace

BOOST_AUTO_TEST_SUITE(resolv_conf)

BOOST_AUTO_TEST_CASE(policies) {
    BOOST_TEST(text(pod(DnsPolicy::ClusterFirst)) == kClusterText);
    BOOST_TEST(text(pod(DnsPolicy::ClusterFirst, true)) == kHostText);
    BOOST_TEST(text(pod(DnsPolicy::ClusterFirstWithHostNet, true)) == kClusterText);
    BOOST_TEST(text(pod(DnsPolicy::Default)) == kHostText);
    auto none = pod(DnsPolicy::None);
    none.config.nameservers = {"192.0.2.1"};
    none.config.searches = {"a.example"};
    BOOST_TEST(text(none) == "search a.example\nnameserver 192.0.2.1\n");
    BOOST_TEST((parse_dns_policy("") == DnsPolicy::ClusterFirst));
    BOOST_TEST((parse_dns_policy("None") == DnsPolicy::None));
    BOOST_TEST(!parse_dns_policy("none"));
}

BOOST_AUTO_TEST_CASE(no_cluster_dns_falls_back) {
    const auto result = pod_resolv_conf(pod(DnsPolicy::ClusterFirst), {"cluster.local", {}}, kHost);
    BOOST_TEST(result.conf.text() == kHostText);
    BOOST_REQUIRE(result.warnings.size() == 1U);
    BOOST_TEST(result.warnings[0].starts_with("MissingClusterDNS"));
}

BOOST_AUTO_TEST_CASE(config_is_merged) {
    auto value = pod(DnsPolicy::ClusterFirst);
    value.config.nameservers = {"10.96.0.10", "192.0.2.9"};
    value.config.searches = {"cluster.local", "extra.example"};
    value.config.options = {{"ndots", "2"}, {"edns0", std::nullopt}};
    BOOST_TEST(
        text(value) ==
        "search prod.svc.cluster.local svc.cluster.local cluster.local corp.example example "
        "extra.example\nnameserver 10.96.0.10\nnameserver fd00:96::a\nnameserver 192.0.2.9\n"
        "options ndots:2 edns0\n");
}

BOOST_AUTO_TEST_CASE(what_is_too_much_is_cut_with_a_warning) {
    auto value = pod(DnsPolicy::ClusterFirst);
    value.config.nameservers = {"192.0.2.1", "192.0.2.2"};
    for (int i = 0; i < 40; ++i) {
        value.config.searches.push_back("s" + std::to_string(i) + ".example");
    }
    const auto result = pod_resolv_conf(value, kCluster, kHost);
    BOOST_TEST(result.conf.nameservers.size() == 3U);
    BOOST_TEST(result.conf.searches.size() == 32U);
    BOOST_TEST(result.warnings.size() == 2U);
    value.config.searches.clear();
    for (int i = 0; i < 12; ++i) {
        value.config.searches.push_back(std::to_string(i) + std::string(240, 'a'));
    }
    std::size_t bytes = 0;
    for (const auto& search : pod_resolv_conf(value, kCluster, kHost).conf.searches) {
        bytes += search.size() + 1;
    }
    BOOST_TEST(bytes <= 2049U);
}

BOOST_AUTO_TEST_CASE(reading_a_file) {
    const auto conf = parse_resolv_conf(
        "# comment\nnameserver 192.0.2.1\n; more\nsearch a b\nsearch c d # last one counts\n"
        "options ndots:3 rotate\noptions ndots:7\nnonsense\nnameserver 2001:db8::1\n");
    BOOST_TEST(conf.nameservers.size() == 2U);
    BOOST_TEST(conf.searches.size() == 2U);
    BOOST_TEST(conf.searches.at(0) == "c");
    BOOST_TEST(conf.ndots() == 7U);
    BOOST_TEST(conf.options.size() == 2U);
    BOOST_TEST(parse_resolv_conf("domain x\n").searches.at(0) == "x");
    BOOST_TEST(parse_resolv_conf("search .\n").searches.empty());
    BOOST_TEST(parse_resolv_conf("").ndots() == 1U);
    BOOST_TEST(parse_resolv_conf("options ndots:99\n").ndots() == 15U);
    BOOST_TEST((parse_resolv_conf(conf.text()) == conf));
}

BOOST_AUTO_TEST_CASE(hosts_file) {
    BOOST_TEST(
        pod_hosts_file(
            {"10.244.1.5", "fd00::5"},
            "db-0",
            "db-0.db.prod.svc.cluster.local",
            {{"192.0.2.7", {"a", "b"}}}) ==
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost "
        "ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
        "10.244.1.5\tdb-0.db.prod.svc.cluster.local\tdb-0\nfd00::5\tdb-0.db.prod.svc.cluster."
        "local\tdb-0\n"
        "\n# Entries added by HostAliases.\n192.0.2.7\ta\tb\n");
}

BOOST_AUTO_TEST_SUITE_END()
