#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sidecar_rules.h"
#include "mesh/spiffe/authority.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

struct RulesFixture {
    mesh::Authority authority = mesh::Authority::create(
        "cluster.local", std::chrono::hours(1), std::chrono::system_clock::now());
    mesh::SidecarTable table;

    RulesFixture() {
        table.bundles = {{"cluster.local", authority.certificate_pem()}};
        table.identities["m/a"] = fresh();
        mesh::SidecarService service;
        service.server_ids = {"spiffe://cluster.local/ns/m/sa/b"};
        service.addresses = {{netemu::IpAddress::parse("10.96.0.1").value(), 80}};
        table.services = {service};
        table.workloads["m/pod"].account = "m/a";
    }
    mesh::SidecarIdentity fresh() {
        const auto svid =
            authority.issue(mesh::SpiffeId::of_service_account("cluster.local", "m", "a"));
        return {svid.chain_pem, svid.key_pem};
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(sidecar_rules_find_what_they_hold, RulesFixture) {
    const auto rules = SidecarRules::make(table, nullptr);
    const auto address = table.services[0].addresses[0];
    BOOST_TEST((rules->service(address) == &rules->table().services[0]));
    BOOST_TEST((rules->service({address.address, 81}) == nullptr));
    BOOST_TEST(!rules->is_endpoint(address));
    table.services[0].endpoints = {{address, "", false}};
    BOOST_TEST(SidecarRules::make(table, nullptr)->is_endpoint(address));
    BOOST_TEST((rules->workload("m/pod") != nullptr));
    BOOST_TEST((rules->workload("m/other") == nullptr));
    BOOST_TEST(rules->own_id("m/a") == "spiffe://cluster.local/ns/m/sa/a");
    BOOST_TEST(rules->own_id("m/b") == "");
    BOOST_TEST((rules->server_tls("m/a") != nullptr));
    BOOST_TEST((rules->server_tls("m/b") == nullptr));
    BOOST_TEST((rules->client_tls("m/b", table.services[0]) == nullptr));
}

BOOST_FIXTURE_TEST_CASE(sidecar_rules_use_settings_again_while_they_are_the_same, RulesFixture) {
    const auto first = SidecarRules::make(table, nullptr);
    const auto client = first->client_tls("m/a", table.services[0]);
    const auto server = first->server_tls("m/a");
    const auto again = SidecarRules::make(table, first.get());
    BOOST_TEST((again->client_tls("m/a", table.services[0]) == client));
    BOOST_TEST((again->server_tls("m/a") == server));
    auto other_server = table.services[0];
    other_server.server_ids.push_back("spiffe://cluster.local/ns/m/sa/c");
    BOOST_TEST((again->client_tls("m/a", other_server) != client));
    auto renewed = table;
    renewed.identities["m/a"] = fresh();
    const auto later = SidecarRules::make(renewed, again.get());
    BOOST_TEST((later->client_tls("m/a", table.services[0]) != client));
    BOOST_TEST((later->server_tls("m/a") != server));
    auto other_roots = table;
    other_roots.bundles["elsewhere.lab"] = table.bundles["cluster.local"];
    BOOST_TEST((SidecarRules::make(other_roots, first.get())->server_tls("m/a") != server));
}

/// An account lives for a day, and Services come and go.
BOOST_FIXTURE_TEST_CASE(sidecar_rules_forget_servers_that_no_service_has, RulesFixture) {
    const auto first = SidecarRules::make(table, nullptr);
    const std::weak_ptr<const mesh::TlsClientConfig> client =
        first->client_tls("m/a", table.services[0]);
    BOOST_TEST(!client.expired());
    table.services[0].server_ids = {"spiffe://cluster.local/ns/m/sa/c"};
    const auto later = SidecarRules::make(table, first.get());
    BOOST_TEST(client.expired());
}

BOOST_FIXTURE_TEST_CASE(sidecar_rules_survive_settings_that_make_no_sense, RulesFixture) {
    auto bad = table;
    bad.identities["m/a"].key_pem = "nonsense";
    BOOST_TEST((SidecarRules::make(bad, nullptr)->server_tls("m/a") == nullptr));
    BOOST_TEST(SidecarRules::make(bad, nullptr)->own_id("m/a") == "");
    bad = table;
    bad.bundles["cluster.local"] = "nonsense";
    const auto rules = SidecarRules::make(bad, nullptr);
    BOOST_TEST((rules->server_tls("m/a") == nullptr));
    BOOST_TEST((rules->client_tls("m/a", table.services[0]) == nullptr));
    bad = table;
    bad.services[0].server_ids = {"not a SPIFFE ID"};
    BOOST_TEST((SidecarRules::make(bad, nullptr)->client_tls("m/a", bad.services[0]) == nullptr));
}
// NOLINTEND
