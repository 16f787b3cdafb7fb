#include <boost/test/unit_test.hpp>

#include "labctl/compile/dns_records.h"
#include "tests/unit/compile_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;

namespace {

constexpr const char* kZone = "$TTL 60\n@ IN SOA ns hostmaster 1 7200 1800 86400 60\n"
                              "www IN A 192.0.2.80\n";

std::string corefile_with(const std::string& plugin) {
    return ".:53 {\n    " + plugin + "\n}\n";
}

/// A lab with a Corefile and other keys of its ConfigMap, all of which are mounted.
struct FilesLab {
    FilesLab() : cluster(store, config()), records(store) {
        cluster.bootstrap();
        cluster.reconcile();
        mount(api::Json());
        (void)records.update();
    }
    static ClusterConfig config() {
        auto made = config_of(1);
        made.dns_enabled = true;
        return made;
    }
    void mount(const api::Json& items) {
        auto object = *store.get({"Deployment", "kube-system", "coredns"});
        auto& volume = object.body["spec"]["template"]["spec"]["volumes"][0]["configMap"];
        volume.erase("items");
        if (!items.is_null()) {
            volume["items"] = items;
        }
        store.put(std::move(object));
    }
    dns::ZoneChanges put(const std::string& corefile, const api::Json& keys) {
        auto object = *store.get({"ConfigMap", "kube-system", "coredns"});
        object.body["data"] = keys;
        object.body["data"]["Corefile"] = corefile;
        store.put(std::move(object));
        return records.update();
    }
    std::string problem() const { return records.problem() ? records.problem()->text : "none"; }

    store::Store store;
    Cluster cluster;
    DnsRecords records;
};

} // namespace

BOOST_AUTO_TEST_SUITE(dns_files)

BOOST_AUTO_TEST_CASE(keys_of_the_config_map_are_files) {
    FilesLab lab;
    const auto text = corefile_with("file /etc/coredns/example.db example.org");
    const auto changes = lab.put(text, {{"example.db", kZone}});
    BOOST_TEST(lab.problem() == "none");
    BOOST_REQUIRE(changes.corefile.has_value());
    BOOST_TEST(changes.files.at("/etc/coredns/example.db") == kZone);
    BOOST_TEST(lab.put(text, {{"example.db", kZone}}).empty()); // nothing new
    const auto more = std::string(kZone) + "ftp IN A 192.0.2.81\n";
    BOOST_TEST(lab.put(text, {{"example.db", more}}).files.at("/etc/coredns/example.db") == more);
    const auto hosts = lab.put(
        corefile_with("hosts /etc/coredns/hosts.txt example.org"), {{"hosts.txt", "192.0.2.1 a"}});
    BOOST_TEST(hosts.files.at("/etc/coredns/hosts.txt") == "192.0.2.1 a");
}

BOOST_AUTO_TEST_CASE(errors_name_key_and_line) {
    FilesLab lab;
    const auto text = corefile_with("file /etc/coredns/example.db example.org");
    BOOST_TEST(
        !lab.put(text, {{"example.db", std::string(kZone) + "bad IN A nowhere\n"}}).corefile);
    BOOST_TEST(lab.problem().starts_with("example.db:4: "), lab.problem());
    BOOST_TEST(!lab.put(text, {{"example.db", "www IN A 192.0.2.80\n"}}).corefile);
    BOOST_TEST(lab.problem().starts_with("example.db:1: "), lab.problem());
    BOOST_TEST(!lab.put(text, api::Json::object()).corefile);
    BOOST_TEST(
        lab.problem().starts_with(
            "Corefile:2: file /etc/coredns/example.db: no such file: the ConfigMap has no key"),
        lab.problem());
    BOOST_TEST(!lab.put(corefile_with("file /zones/db example.org"), {{"db", kZone}}).corefile);
    BOOST_TEST(
        lab.problem().starts_with("Corefile:2: file /zones/db: no such file"), lab.problem());
    // A hosts file that is not there is no error to coredns.
    BOOST_TEST(lab.put(corefile_with("hosts /etc/coredns/hosts.txt"), api::Json::object())
                   .corefile.has_value());
    BOOST_TEST(
        lab.problem().starts_with("Corefile:2: hosts /etc/coredns/hosts.txt"), lab.problem());
}

BOOST_AUTO_TEST_CASE(a_volume_with_items_mounts_no_others) {
    FilesLab lab;
    lab.mount(api::Json::array({{{"key", "Corefile"}, {"path", "Corefile"}}}));
    const auto text = corefile_with("file /etc/coredns/example.db example.org");
    BOOST_TEST(!lab.put(text, {{"example.db", kZone}}).corefile);
    BOOST_TEST(lab.problem().find("mounts nothing but its `items`") != std::string::npos);
    lab.mount(api::Json::array(
        {{{"key", "Corefile"}, {"path", "Corefile"}},
         {{"key", "example.db"}, {"path", "example.db"}}}));
    BOOST_TEST(lab.records.update().files.size() == 1U); // as soon as the Deployment mounts it
    BOOST_TEST(lab.problem() == "none");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
