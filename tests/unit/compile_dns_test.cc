#include <boost/test/unit_test.hpp>

#include "labctl/compile/dns_object.h"
#include "labctl/compile/dns_records.h"
#include "labctl/compile/dns_upstream.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;

namespace {

ClusterConfig with_dns(std::size_t nodes = 2) {
    auto config = config_of(nodes);
    config.dns_enabled = true;
    return config;
}

struct DnsLab {
    explicit DnsLab(ClusterConfig config = with_dns()) : cluster(store, std::move(config)) {
        cluster.bootstrap();
        cluster.reconcile();
    }
    void apply(const std::string& json) {
        cluster.apply_object(object_of(json));
        cluster.reconcile();
    }
    void corefile(const std::string& text) {
        auto object = *store.get({"ConfigMap", "kube-system", "coredns"});
        object.body["data"]["Corefile"] = text;
        store.put(std::move(object));
    }
    store::Store store;
    Cluster cluster;
};

constexpr const char* kWeb = R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web",
    "namespace":"default"},"spec":{"ports":[{"name":"http","port":80,"protocol":"TCP",
    "targetPort":80}]}})";

} // namespace

BOOST_AUTO_TEST_SUITE(cluster_dns)

BOOST_AUTO_TEST_CASE(a_lab_starts_with_what_kubeadm_makes) {
    DnsLab lab;
    const auto service = lab.store.get({"Service", "kube-system", "kube-dns"});
    BOOST_REQUIRE(service);
    BOOST_TEST(service->body["spec"]["clusterIP"] == "10.96.0.10");
    BOOST_TEST(service->body["spec"]["ports"].size() == 3U);
    BOOST_TEST(lab.store.list("Pod", "kube-system").size() == 2U);
    BOOST_TEST((lab.store.get({"ServiceAccount", "kube-system", "coredns"}) != nullptr));
}

BOOST_AUTO_TEST_CASE(what_was_deleted_does_not_come_back) {
    DnsLab lab;
    lab.cluster.delete_object({"Deployment", "kube-system", "coredns"});
    lab.cluster.reconcile();
    auto copy = lab.store.snapshot();
    Cluster again(copy, with_dns());
    again.bootstrap();
    again.reconcile();
    BOOST_TEST(copy.list("Pod", "kube-system").empty());
    BOOST_TEST((copy.get({"Service", "kube-system", "kube-dns"}) != nullptr));
}

BOOST_AUTO_TEST_CASE(records_follow_the_store) {
    DnsLab lab;
    DnsRecords records(lab.store);
    const auto first = records.update();
    BOOST_TEST(first.corefile.has_value());
    BOOST_TEST(first.namespaces.size() == 4U);
    BOOST_TEST(first.services.size() == 2U); // kubernetes and kube-dns
    BOOST_TEST(records.update().empty());
    lab.apply(kWeb);
    const auto added = records.update();
    BOOST_REQUIRE(added.services.size() == 1U);
    BOOST_TEST(added.services[0].name == "web");
    BOOST_TEST(added.services[0].ports.at(0).number == 80);
    lab.cluster.delete_object({"Service", "default", "web"});
    lab.cluster.reconcile();
    const auto gone = records.update();
    BOOST_TEST(gone.services.empty());
    BOOST_REQUIRE(gone.services_gone.size() == 1U);
    BOOST_TEST(gone.services_gone[0].second == "web");
}

BOOST_AUTO_TEST_CASE(a_bad_corefile_is_named_and_not_used) {
    DnsLab lab;
    DnsRecords records(lab.store);
    (void)records.update();
    lab.corefile(".:53 {\n    kubernets cluster.local\n}\n");
    BOOST_TEST(!records.update().corefile.has_value());
    BOOST_REQUIRE(records.problem().has_value());
    BOOST_TEST(records.problem()->text.starts_with("Corefile:2"));
    lab.corefile(".:53 {\n    kubernetes other.zone\n}\n");
    BOOST_TEST(records.update().corefile.has_value());
    BOOST_TEST(!records.problem().has_value());
}

BOOST_AUTO_TEST_CASE(a_name_leads_back_to_its_object) {
    DnsLab lab;
    lab.apply(kWeb);
    lab.apply(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"out",
        "namespace":"default"},"spec":{"type":"ExternalName","externalName":"a.example"}})");
    const auto why = [&lab](const std::string& name) {
        return api::string_at(dns_object(lab.store, "cluster.local", name), "why");
    };
    const auto web = dns_object(lab.store, "cluster.local", "Web.default.svc.Cluster.local.");
    BOOST_TEST(api::string_at(web, "object.name") == "web");
    BOOST_TEST(api::string_at(web, "object.type") == "ClusterIP");
    BOOST_TEST(
        why("_http._tcp.web.default.svc.cluster.local.") == "ClusterIP of Service default/web");
    BOOST_TEST(
        why("out.default.svc.cluster.local.").find("alias of a.example") != std::string::npos);
    BOOST_TEST(
        why("none.default.svc.cluster.local.") == "no Service 'none' in namespace 'default'");
    BOOST_TEST(why("web.none.svc.cluster.local.") == "no namespace 'none'");
    BOOST_TEST(why("example.cluster.local.") == "the cluster has names below svc and pod only");
    BOOST_TEST(why("1-2-3-4.default.pod.cluster.local.").starts_with("no pod of namespace"));
    BOOST_TEST(why("10.0.96.10.in-addr.arpa.") == "ClusterIP of Service kube-system/kube-dns");
    BOOST_TEST(why("1.0.0.127.in-addr.arpa.") == "no Service has 127.0.0.1");
    BOOST_TEST(dns_object(lab.store, "cluster.local", "www.example.com.").empty());
    BOOST_TEST(dns_object(lab.store, "cluster.local", ".").empty());
}

BOOST_AUTO_TEST_CASE(the_ports_of_plugins_follow_the_corefile) {
    DnsLab lab;
    DnsRecords records(lab.store);
    (void)records.update();
    BOOST_TEST((records.http_ports() == std::vector<std::uint16_t>{8080, 8181, 9153}));
    lab.corefile(".:53 {\n    ready :8080\n    health\n}\n");
    (void)records.update();
    BOOST_TEST((records.http_ports() == std::vector<std::uint16_t>{8080}));
}

BOOST_AUTO_TEST_CASE(the_upstream_is_a_zone_of_the_root) {
    const auto built_in = read_dns_upstream(api::Json());
    BOOST_TEST(built_in.zone.starts_with(". 60 IN SOA "));
    BOOST_TEST(built_in.zone.find("example.com. 60 IN A 203.0.113.10\n") != std::string::npos);
    const auto own = read_dns_upstream(api::Json::parse(R"({"records": [
        {"name": "a.example", "value": ["192.0.2.1", "192.0.2.2"], "ttl": 5},
        {"name": "b.example.", "type": "CNAME", "value": "a.example"},
        {"name": "a.example", "type": "TXT", "value": "two words"},
        {"name": ".", "fail": "timeout"}]})"));
    BOOST_TEST(own.zone.find("example.com") == std::string::npos);
    BOOST_TEST(
        own.zone.find("a.example. 5 IN A 192.0.2.1\na.example. 5 IN A 192.0.2.2\n"
                      "b.example. 60 IN CNAME a.example.\n"
                      "a.example. 60 IN TXT \"two words\"\n") != std::string::npos);
    BOOST_REQUIRE(own.faults.size() == 1U);
    BOOST_TEST(own.faults[0].first == ".");
    BOOST_CHECK_THROW(
        read_dns_upstream(api::Json::parse(R"({"records": [{"name": "a", "value": "x"}]})")),
        netemu::UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
