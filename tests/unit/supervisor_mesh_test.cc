#include <boost/test/unit_test.hpp>

#include "labctl/compile/cluster_config.h"
#include "labctl/supervisor/mesh_identities.h"
#include "mesh/spiffe/authority.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using labctl::api::Json;
using namespace labctl;
using namespace labctl::supervisor;

namespace {

const api::ObjectKey kSecret{"Secret", "istio-system", "istio-ca-secret"};

struct IdentityLab {
    netemu::EventLoop loop;
    store::Store store;
    compile::ClusterConfig config;
    int renewals = 0;
    std::unique_ptr<MeshIdentities> identities;

    IdentityLab() {
        for (const auto* ns : {"default", "istio-system"}) {
            store.put({{{"kind", "Namespace"}, {"metadata", {{"name", ns}}}}, {}});
        }
        restart();
    }
    void restart() {
        identities = std::make_unique<MeshIdentities>(loop, store, config, [this] { ++renewals; });
    }
    mesh::SidecarTable complete(const std::vector<std::string>& accounts) {
        mesh::SidecarTable table;
        for (const auto& account : accounts) {
            table.workloads[account + "-pod"].account = account;
        }
        identities->complete(table);
        return table;
    }
    void put_secret(const std::string& cert, const std::string& key) {
        store.put(
            {{{"kind", "Secret"},
              {"metadata", {{"name", kSecret.name}, {"namespace", kSecret.ns}}},
              {"data", {{"ca-cert.pem", cert}, {"ca-key.pem", key}}}},
             {}});
    }
};

std::shared_ptr<const mesh::TlsIdentity>
identity_in(const mesh::SidecarTable& table, const std::string& account) {
    const auto& one = table.identities.at(account);
    return mesh::TlsIdentity::parse(one.chain_pem, one.key_pem);
}

} // namespace

BOOST_AUTO_TEST_CASE(mesh_identities_are_for_the_accounts_of_workloads) {
    IdentityLab lab;
    const auto none = lab.complete({}); // there is an authority, as istiod has one from its start
    BOOST_TEST(none.identities.empty());
    BOOST_TEST(none.bundles.contains("cluster.local"));
    BOOST_TEST(lab.store.get(kSecret));
    const auto table = lab.complete({"shop/web", "shop/db", "shop/web"});
    BOOST_TEST(table.identities.size() == 2);
    BOOST_TEST(
        identity_in(table, "shop/web")->facts().spiffe_id() ==
        "spiffe://cluster.local/ns/shop/sa/web");
    BOOST_TEST(
        (lab.complete({"shop/web"}).identities.at("shop/web") ==
         table.identities.at("shop/web"))); // for as long as it is good
    for (const auto* ns : {"default", "istio-system"}) {
        const auto root = lab.store.get({"ConfigMap", ns, "istio-ca-root-cert"});
        BOOST_REQUIRE(root);
        BOOST_TEST(root->body["data"]["root-cert.pem"] == table.bundles.at("cluster.local"));
    }
    const auto revision = lab.store.revision();
    (void)lab.complete({"shop/web"});
    BOOST_TEST(lab.store.revision() == revision); // nothing is written twice
    // Whoever has lost all its pods gets another one when it comes back.
    (void)lab.complete({"shop/db"});
    BOOST_TEST(
        (lab.complete({"shop/web"}).identities.at("shop/web") != table.identities.at("shop/web")));
}

BOOST_AUTO_TEST_CASE(mesh_authority_lives_in_its_secret) {
    IdentityLab lab;
    const auto before = lab.complete({"shop/web"});
    const auto secret = lab.store.get(kSecret);
    BOOST_REQUIRE(secret);
    BOOST_TEST(secret->body["type"] == "istio.io/ca-root");
    lab.restart();
    const auto after = lab.complete({"shop/web"});
    BOOST_TEST((after.bundles == before.bundles));
    BOOST_TEST((after.identities != before.identities)); // these are in memory alone
    BOOST_TEST((lab.store.get(kSecret)->body == secret->body));
    lab.store.remove(kSecret);
    lab.restart();
    BOOST_TEST((lab.complete({"shop/web"}).bundles != before.bundles));
}

BOOST_AUTO_TEST_CASE(mesh_authority_of_nonsense) {
    IdentityLab lab;
    const auto encode = [](const std::string& text) { return netemu::encode_base64(text); };
    const auto now = std::chrono::system_clock::now();
    const auto good = mesh::Authority::create("cluster.local", std::chrono::hours(1), now);
    const auto other = mesh::Authority::create("cluster.local", std::chrono::hours(1), now);
    const auto foreign = mesh::Authority::create("else.where", std::chrono::hours(1), now);
    const auto cert = encode(good.certificate_pem());
    const auto key = encode(good.key_pem());
    const std::pair<std::string, std::string> cases[] = {
        {"", ""},
        {"***", "***"},
        {encode("nonsense"), encode("nonsense")},
        {cert, ""},
        {cert, cert},
        {cert, encode(other.key_pem())},
        {encode(foreign.certificate_pem()), encode(foreign.key_pem())}};
    for (const auto& [bad_cert, bad_key] : cases) {
        lab.put_secret(bad_cert, bad_key);
        lab.restart();
        BOOST_CHECK_THROW((void)lab.complete({"shop/web"}), netemu::Error);
        BOOST_TEST(lab.store.get(kSecret)->body["data"]["ca-cert.pem"] == bad_cert); // it is theirs
    }
    auto empty = *lab.store.get(kSecret);
    empty.body.erase("data");
    lab.store.put(empty);
    BOOST_CHECK_THROW((void)lab.complete({"shop/web"}), netemu::Error);
    lab.put_secret(cert, key); // mended
    BOOST_TEST(lab.complete({"shop/web"}).bundles.at("cluster.local") == good.certificate_pem());
}

BOOST_AUTO_TEST_CASE(mesh_identities_are_renewed_in_time) {
    IdentityLab lab;
    lab.config.mesh_certificate_lifetime = std::chrono::seconds(4);
    const auto before = lab.complete({"shop/web"});
    const auto start = netemu::Clock::now();
    while (lab.renewals == 0 && netemu::Clock::now() - start < std::chrono::seconds(8)) {
        lab.loop.run_once(std::chrono::milliseconds(50));
    }
    const auto took = netemu::Clock::now() - start;
    BOOST_TEST(lab.renewals == 1);
    BOOST_TEST((took > std::chrono::milliseconds(900) && took < std::chrono::milliseconds(3500)));
    const auto after = lab.complete({"shop/web"});
    BOOST_TEST((after.identities != before.identities));
    BOOST_TEST((after.bundles == before.bundles));
    BOOST_TEST(
        identity_in(after, "shop/web")->facts().spiffe_id() ==
        "spiffe://cluster.local/ns/shop/sa/web");
}

/// It issues nothing any more, and nobody falls over that.
BOOST_AUTO_TEST_CASE(mesh_authority_that_ends) {
    IdentityLab lab;
    const auto now = std::chrono::system_clock::now();
    const auto brief = mesh::Authority::create("cluster.local", std::chrono::seconds(3), now);
    lab.put_secret(
        netemu::encode_base64(brief.certificate_pem()), netemu::encode_base64(brief.key_pem()));
    (void)lab.complete({"shop/web"});
    const auto start = netemu::Clock::now();
    int turns = 0;
    while (netemu::Clock::now() - start < std::chrono::seconds(6)) {
        turns += lab.loop.run_once(std::chrono::milliseconds(50)) ? 1 : 0;
    }
    BOOST_TEST(lab.renewals >= 1);
    BOOST_TEST(turns < 20); // nor does anybody spin
    BOOST_CHECK_THROW((void)lab.complete({"shop/other"}), netemu::Error);
}
// NOLINTEND
