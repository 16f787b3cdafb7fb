/// The rows of the reference, sections 5.1 to 5.5: name and type in, rcode and answers out.
#include <set>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

struct Row {
    const char* name;
    const char* type;
    const char* wanted;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name << " " << row.type;
}

const std::vector<Row> kRows{
    // --- dns-spec 1.1.0
    {"dns-version.cluster.local", "TXT", "TXT \"1.1.0\""},
    {"web.prod.svc.cluster.local", "A", "A 10.96.0.100"},
    {"WEB.Prod.sVc.CLUSTER.local", "A", "A 10.96.0.100"},
    {"web.prod.svc.cluster.local", "AAAA", "NODATA"},
    {"v6.prod.svc.cluster.local", "A", "NODATA"},
    {"v6.prod.svc.cluster.local", "AAAA", "AAAA fd00:96::67"},
    {"dual.prod.svc.cluster.local", "A", "A 10.96.0.102"},
    {"dual.prod.svc.cluster.local", "AAAA", "AAAA fd00:96::66"},
    {"_http._tcp.web.prod.svc.cluster.local", "SRV", "SRV 0 100 80 web.prod.svc.cluster.local."},
    {"_http._tcp.dual.prod.svc.cluster.local", "SRV", "SRV 0 50 80 dual.prod.svc.cluster.local."},
    {"_dns._udp.kube-dns.kube-system.svc.cluster.local",
     "SRV",
     "SRV 0 100 53 kube-dns.kube-system.svc.cluster.local."},
    {"_dns._tcp.kube-dns.kube-system.svc.cluster.local", "SRV", "NXDOMAIN"},
    {"100.0.96.10.in-addr.arpa", "PTR", "PTR web.prod.svc.cluster.local."},
    {"6.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa",
     "PTR",
     "PTR dual.prod.svc.cluster.local."},
    {"db.prod.svc.cluster.local", "A", "A 10.244.1.7 | A 10.244.2.7 | A 10.244.3.7"},
    {"db.prod.svc.cluster.local", "AAAA", "AAAA fd00:244::7"},
    {"nobody.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"nobody.prod.svc.cluster.local", "SRV", "NXDOMAIN"},
    {"db-0.db.prod.svc.cluster.local", "A", "A 10.244.1.7 | A 10.244.3.7"},
    {"db-0.db.prod.svc.cluster.local", "AAAA", "AAAA fd00:244::7"},
    {"db-1.db.prod.svc.cluster.local", "AAAA", "NODATA"},
    {"db-2.db.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"_pg._tcp.db.prod.svc.cluster.local",
     "SRV",
     "SRV 0 25 5432 db-0.db.prod.svc.cluster.local. | SRV 0 25 5432 "
     "db-1.db.prod.svc.cluster.local."},
    {"_http._tcp.mixed.prod.svc.cluster.local",
     "SRV",
     "SRV 0 50 8080 10-244-1-20.mixed.prod.svc.cluster.local. | "
     "SRV 0 50 9090 10-244-1-21.mixed.prod.svc.cluster.local."},
    {"7.1.244.10.in-addr.arpa", "PTR", "PTR db-0.db.prod.svc.cluster.local."},
    {"out.prod.svc.cluster.local", "CNAME", "CNAME api.example.com."},
    // --- beyond it, 5.2
    {"10-0-0-1.prod.pod.cluster.local", "A", "A 10.0.0.1"},
    {"10-0-0-1.prod.pod.cluster.local", "AAAA", "NODATA"},
    {"fd00-244--7.prod.pod.cluster.local", "AAAA", "AAAA fd00:244::7"},
    {"10-0-0-1.gone.pod.cluster.local", "A", "NXDOMAIN"},
    {"10-0-0-256.prod.pod.cluster.local", "A", "NXDOMAIN"},
    {"hello.prod.pod.cluster.local", "A", "NXDOMAIN"},
    {"x.10-0-0-1.prod.pod.cluster.local", "A", "NXDOMAIN"},
    {"10-244-1-9.peers.prod.svc.cluster.local", "A", "A 10.244.1.9"},
    {"fd00-244--0.peers.prod.svc.cluster.local", "AAAA", "AAAA fd00:244::"},
    {"10-244-1-5.web.prod.svc.cluster.local", "A", "A 10.244.1.5"},
    {"10-244-1-6.web.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"10-244-1-5.web.prod.svc.cluster.local",
     "SRV",
     "SRV 0 100 8080 10-244-1-5.web.prod.svc.cluster.local."},
    {"plain.prod.svc.cluster.local", "SRV", "SRV 0 100 9000 plain.prod.svc.cluster.local."},
    {"kube-dns.kube-system.svc.cluster.local",
     "SRV",
     "SRV 0 33 53 kube-dns.kube-system.svc.cluster.local. | "
     "SRV 0 33 9153 kube-dns.kube-system.svc.cluster.local."},
    {"_http._tcp.web.prod.svc.cluster.local", "A", "A 10.96.0.100"},
    {"_pg._tcp.db.prod.svc.cluster.local", "A", "A 10.244.1.7 | A 10.244.2.7 | A 10.244.3.7"},
    {"_nope._tcp.web.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"http.tcp.web.prod.svc.cluster.local", "SRV", "SRV 0 100 80 web.prod.svc.cluster.local."},
    {"peers.prod.svc.cluster.local", "A", "A 10.244.1.9"},
    {"peers.prod.svc.cluster.local", "SRV", "NODATA"},
    {"plain.prod.svc.cluster.local", "A", "A 10.96.0.101"},
    {"5.1.244.10.in-addr.arpa", "PTR", "PTR 10-244-1-5.web.prod.svc.cluster.local."},
    {"9.9.244.10.in-addr.arpa", "PTR", "NXDOMAIN"},
    {"100.0.96.10.in-addr.arpa", "A", "NODATA"},
    {"96.10.in-addr.arpa", "PTR", "NXDOMAIN"},
    {"_http._tcp.out.prod.svc.cluster.local", "SRV", "NXDOMAIN"},
    {"out.prod.svc.cluster.local", "SRV", "NODATA"},
    {"address.prod.svc.cluster.local", "CNAME", "NXDOMAIN"},
    {"*.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"any.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"*.db.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"cluster.local", "AXFR", "REFUSED"},
    {"cluster.local", "IXFR", "REFUSED"},
    // --- 5.3
    {"cluster.local", "A", "NODATA"},
    {"svc.cluster.local", "A", "NODATA"},
    {"pod.cluster.local", "TXT", "NODATA"},
    {"prod.svc.cluster.local", "A", "NODATA"},
    {"prod.pod.cluster.local", "AAAA", "NODATA"},
    {"empty.svc.cluster.local", "MX", "NODATA"},
    {"gone.svc.cluster.local", "A", "NXDOMAIN"},
    {"gone.pod.cluster.local", "A", "NXDOMAIN"},
    {"web.prod.svc.cluster.local", "TXT", "NODATA"},
    {"web.prod.svc.cluster.local", "HTTPS", "NODATA"},
    {"web.prod.svc.cluster.local", "MX", "NODATA"},
    {"web.prod.svc.cluster.local", "TYPE65000", "NODATA"},
    {"gone.prod.svc.cluster.local", "TYPE65000", "NXDOMAIN"},
    {"gone.prod.svc.cluster.local", "SOA", "NXDOMAIN"},
    {"web.prod.svc.cluster.local", "SOA", "NODATA"},
    {"gone.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"a.b.c.web.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"_tcp.web.prod.svc.cluster.local", "A", "NXDOMAIN"},
    {"web.prod.other.cluster.local", "A", "NXDOMAIN"},
    {"other.cluster.local", "A", "NXDOMAIN"},
    {"web.prod.svc", "A", "REFUSED"},
    {"xcluster.local", "A", "REFUSED"},
    // --- 5.4
    {"cluster.local",
     "SOA",
     "SOA ns.dns.cluster.local. hostmaster.cluster.local. N 7200 1800 86400 30"},
    {"cluster.local", "NS", "NS ns.dns.cluster.local."},
    {"ns.dns.cluster.local", "A", "A 10.96.0.10"},
    {"in-addr.arpa",
     "SOA",
     "SOA ns.dns.in-addr.arpa. hostmaster.in-addr.arpa. N 7200 1800 86400 30"},
    // --- RFC 8482
    {"web.prod.svc.cluster.local", "ANY", "HINFO \"ANY obsoleted\" \"See RFC 8482\""},
    {"gone.prod.svc.cluster.local", "ANY", "NXDOMAIN"},
};

struct Cluster {
    Cluster() : zone(zone_options()) { fill(zone); }
    ClusterZone zone;
};

/// The serial number is the time.
std::string without_serial(std::string text) {
    if (text.starts_with("SOA ")) {
        const auto first = text.find(' ', text.find(' ', 4) + 1) + 1;
        text.replace(first, text.find(' ', first) - first, "N");
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(zone)

BOOST_DATA_TEST_CASE_F(Cluster, rows, boost::unit_test::data::make(kRows), row) {
    const auto message = ask(zone, row.name, row.type);
    BOOST_TEST(without_serial(brief(message)) == row.wanted);
    // Every answer about our zones is authoritative, and every negative one brings the SOA.
    const std::string wanted = row.wanted;
    if (wanted == "NODATA" || wanted == "NXDOMAIN") {
        BOOST_REQUIRE(message.authority.size() == 1U);
        BOOST_TEST(message.authority[0].is(Type::Soa));
        BOOST_TEST(message.authority[0].ttl == 30U);
        BOOST_TEST(message.has(flag::kAuthoritative));
        BOOST_TEST(message.question->name.is_within(message.authority[0].owner));
    }
}

BOOST_FIXTURE_TEST_CASE(whole_messages, Cluster) {
    BOOST_TEST(
        summary(ask(zone, "_pg._tcp.db.prod.svc.cluster.local", "SRV")) ==
        "NOERROR\nAA\n"
        "an: _pg._tcp.db.prod.svc.cluster.local. 30 SRV 0 25 5432 db-0.db.prod.svc.cluster.local.\n"
        "an: _pg._tcp.db.prod.svc.cluster.local. 30 SRV 0 25 5432 db-1.db.prod.svc.cluster.local.\n"
        "ad: db-0.db.prod.svc.cluster.local. 30 A 10.244.1.7\n"
        "ad: db-0.db.prod.svc.cluster.local. 30 A 10.244.3.7\n"
        "ad: db-0.db.prod.svc.cluster.local. 30 AAAA fd00:244::7\n"
        "ad: db-1.db.prod.svc.cluster.local. 30 A 10.244.2.7\n");
    BOOST_TEST(
        summary(ask(zone, "_http._tcp.dual.prod.svc.cluster.local", "SRV")) ==
        "NOERROR\nAA\n"
        "an: _http._tcp.dual.prod.svc.cluster.local. 30 SRV 0 50 80 dual.prod.svc.cluster.local.\n"
        "ad: dual.prod.svc.cluster.local. 30 A 10.96.0.102\n"
        "ad: dual.prod.svc.cluster.local. 30 AAAA fd00:96::66\n");
    BOOST_TEST(
        summary(ask(zone, "gone.prod.svc.cluster.local", "A")) ==
        "NXDOMAIN\nAA\n"
        "au: cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. N 7200 1800 "
        "86400 30\n");
    BOOST_TEST(
        summary(ask(zone, "cluster.local", "NS")) ==
        "NOERROR\nAA\nan: cluster.local. 30 NS ns.dns.cluster.local.\n"
        "ad: ns.dns.cluster.local. 30 A 10.96.0.10\n");
    BOOST_TEST(ask(zone, "dns-version.cluster.local", "TXT").answers.at(0).ttl == 28800U);
    BOOST_TEST(ask(zone, "web.prod.svc.cluster.local", "ANY").answers.at(0).ttl == 8482U);
}

BOOST_AUTO_TEST_CASE(name_server_is_the_service_when_it_is_there) {
    auto options = zone_options();
    options.dns_service = "kube-system/kube-dns";
    ClusterZone zone(options);
    BOOST_TEST(brief(ask(zone, "cluster.local", "NS")) == "NS ns.dns.cluster.local.");
    fill(zone);
    BOOST_TEST(
        summary(ask(zone, "cluster.local", "NS")) ==
        "NOERROR\nAA\nan: cluster.local. 30 NS kube-dns.kube-system.svc.cluster.local.\n"
        "ad: kube-dns.kube-system.svc.cluster.local. 30 A 10.96.0.10\n");
}

BOOST_AUTO_TEST_CASE(pods_by_mode) {
    const auto in_mode = [](PodMode mode, const char* text) {
        auto options = zone_options();
        options.pods = mode;
        ClusterZone zone(options);
        fill(zone);
        return brief(ask(zone, text, "A"));
    };
    BOOST_TEST(in_mode(PodMode::Disabled, "10-244-1-5.prod.pod.cluster.local") == "NXDOMAIN");
    BOOST_TEST(in_mode(PodMode::Disabled, "pod.cluster.local") == "NODATA");
    BOOST_TEST(in_mode(PodMode::Verified, "10-244-1-5.prod.pod.cluster.local") == "A 10.244.1.5");
    BOOST_TEST(in_mode(PodMode::Verified, "10-244-1-5.default.pod.cluster.local") == "NXDOMAIN");
    BOOST_TEST(in_mode(PodMode::Verified, "10-0-0-1.prod.pod.cluster.local") == "NXDOMAIN");
    BOOST_TEST(in_mode(PodMode::Insecure, "10-0-0-1.prod.pod.cluster.local") == "A 10.0.0.1");
}

BOOST_AUTO_TEST_CASE(ttl_of_soa_is_at_most_300) {
    auto options = zone_options();
    options.ttl_s = 3600;
    ClusterZone zone(options);
    const auto message = ask(zone, "gone.prod.svc.cluster.local", "A");
    BOOST_TEST(message.authority.at(0).ttl == 300U);
    BOOST_TEST(cache_ttl(message).value() == 300U);
}

BOOST_AUTO_TEST_CASE(fallthrough_and_synced_and_namespaces) {
    auto options = zone_options();
    options.fallthrough = {name("in-addr.arpa")};
    options.namespaces = {"prod"};
    ClusterZone zone(options);
    fill(zone);
    // "REFUSED" is what the fixture makes of "somebody else's".
    BOOST_TEST(brief(ask(zone, "9.9.244.10.in-addr.arpa", "PTR")) == "REFUSED");
    BOOST_TEST(brief(ask(zone, "gone.prod.svc.cluster.local", "A")) == "NXDOMAIN");
    BOOST_TEST(brief(ask(zone, "kube-dns.kube-system.svc.cluster.local", "A")) == "NXDOMAIN");
    BOOST_TEST(brief(ask(zone, "kube-system.svc.cluster.local", "A")) == "NXDOMAIN");
    zone.set_synced(false);
    BOOST_TEST(brief(ask(zone, "gone.prod.svc.cluster.local", "A")) == "SERVFAIL");
    BOOST_TEST(brief(ask(zone, "web.prod.svc.cluster.local", "A")) == "A 10.96.0.100");
}

BOOST_AUTO_TEST_CASE(ignore_empty_service) {
    auto options = zone_options();
    options.ignore_empty_service = true;
    ClusterZone zone(options);
    fill(zone);
    BOOST_TEST(brief(ask(zone, "plain.prod.svc.cluster.local", "A")) == "NXDOMAIN");
    BOOST_TEST(brief(ask(zone, "web.prod.svc.cluster.local", "A")) == "A 10.96.0.100");
}

BOOST_FIXTURE_TEST_CASE(truncation, Cluster) {
    ServiceValue many{"prod", "many", ServiceKind::Headless, {}, {}, {}, ""};
    SliceValue slice{{{"p", 1, Protocol::Tcp}}, {}};
    for (unsigned i = 0; i < 60; ++i) {
        slice.endpoints.push_back({netemu::IpAddress::v4(0x0af40000 + i), "", true});
    }
    many.slices = {slice};
    zone.set_service(many);
    // 60 records are 960 bytes, with header and question they fit into 1232 (section 6.3).
    const auto whole = ask(zone, "many.prod.svc.cluster.local", "A", 1232, 1232);
    BOOST_TEST(whole.answers.size() == 60U);
    BOOST_TEST(!whole.has(flag::kTruncated));
    const auto cut = ask(zone, "many.prod.svc.cluster.local", "A", 512);
    BOOST_TEST(cut.has(flag::kTruncated));
    BOOST_TEST(cut.answers.size() == 29U);
    const auto with_opt = ask(zone, "many.prod.svc.cluster.local", "A", 512, 512);
    BOOST_TEST(with_opt.has(flag::kTruncated));
    BOOST_TEST(with_opt.edns.has_value());
    // SRV needs more: TC, and no address without its SRV record.
    const auto services = ask(zone, "many.prod.svc.cluster.local", "SRV", 1232, 1232);
    BOOST_TEST(services.has(flag::kTruncated));
    BOOST_TEST(services.additional.empty());
    // Additional records alone are dropped without TC (RFC 2181 section 9).
    slice.endpoints.resize(8);
    many.slices = {slice};
    zone.set_service(many);
    const auto eight = ask(zone, "many.prod.svc.cluster.local", "SRV", 600);
    BOOST_TEST(!eight.has(flag::kTruncated));
    BOOST_TEST(eight.answers.size() == 8U);
    BOOST_TEST(eight.additional.size() < 8U);
}

BOOST_FIXTURE_TEST_CASE(case_of_the_question_is_kept, Cluster) {
    const auto message = ask(zone, "wEb.PROD.svc.cluster.LOCAL", "A");
    BOOST_TEST(message.answers.at(0).owner.to_string() == "wEb.PROD.svc.cluster.LOCAL.");
    BOOST_TEST(message.question->name.to_string() == "wEb.PROD.svc.cluster.LOCAL.");
    const auto missing = ask(zone, "gOne.prod.svc.Cluster.LOCAL", "A");
    BOOST_TEST(missing.authority.at(0).owner.to_string() == "Cluster.LOCAL.");
}

BOOST_FIXTURE_TEST_CASE(any_record_may_come_first, Cluster) {
    std::set<std::string> first;
    for (int i = 0; i < 200; ++i) {
        first.insert(ask(zone, "db.prod.svc.cluster.local", "A").answers.at(0).rdata);
    }
    BOOST_TEST(first.size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
