/// The table of Services against std::map, under changes that fill it, empty it and wrap it around.
#include <map>
#include <random>

#include <boost/test/unit_test.hpp>

#include "dns/service_table.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

std::unique_ptr<ServiceRecords> records_of(const std::string& name, unsigned address) {
    ServiceValue service{"prod", name, ServiceKind::ClusterIp, {}, {}, {}, ""};
    service.cluster_ips = {netemu::IpAddress::v4(address)};
    return make_service_records(service, Name::parse("cluster.local").value(), 30);
}

std::string key_of(const std::string& name) {
    return std::string(records_of(name, 1)->key());
}

} // namespace

BOOST_AUTO_TEST_SUITE(service_table)

BOOST_AUTO_TEST_CASE(an_empty_one) {
    ServiceTable table;
    BOOST_TEST(table.size() == 0U);
    BOOST_TEST(table.find(key_of("web")) == nullptr);
    table.erase(key_of("web"));
    BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(records_stay_where_they_are) {
    ServiceTable table;
    const auto* first = &table.put(records_of("web", 1));
    for (unsigned i = 0; i < 1000; ++i) {
        table.put(records_of("other-" + std::to_string(i), i));
    }
    BOOST_TEST(&table.put(records_of("web", 7)) == first);
    BOOST_TEST(table.find(key_of("web")) == first);
    BOOST_TEST(first->cluster_ips.at(0).to_string() == "0.0.0.7");
    BOOST_TEST(table.size() == 1001U);
}

BOOST_AUTO_TEST_CASE(random_changes_against_a_map) {
    std::mt19937 random(7); // NOLINT: the same every time
    for (const unsigned names : {3U, 8U, 9U, 40U, 700U}) {
        ServiceTable table;
        std::map<std::string, unsigned> model;
        for (unsigned step = 0; step < 4000; ++step) {
            const auto name = "svc-" + std::to_string(random() % names);
            if (random() % 2 == 0) {
                table.put(records_of(name, step));
                model[name] = step;
            } else {
                table.erase(key_of(name));
                model.erase(name);
            }
            BOOST_REQUIRE(table.size() == model.size());
        }
        for (unsigned i = 0; i < names; ++i) {
            const auto name = "svc-" + std::to_string(i);
            const auto* found = table.find(key_of(name));
            BOOST_TEST_CONTEXT(name << " of " << names) {
                BOOST_REQUIRE((found != nullptr) == model.contains(name));
                if (found != nullptr) {
                    BOOST_TEST((found->cluster_ips.at(0) == netemu::IpAddress::v4(model[name])));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
