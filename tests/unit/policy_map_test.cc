#include <boost/test/unit_test.hpp>

#include "services/policy_map.h"
#include "tests/support/random_policies.h"

using namespace services;
using namespace services::test;

namespace {

constexpr std::uint32_t kFirst = 256;
constexpr std::uint32_t kWorld = 2;

/// Pods of one namespace with the same labels have one identity.
std::vector<IdentityMembers> identities_of(const PolicyCluster& cluster) {
    std::map<std::pair<std::string, PolicyLabels>, std::vector<const PolicyPod*>> groups;
    for (const auto& [key, pod] : cluster.pods) {
        if (!pod.host_network) {
            groups[{pod.ns, pod.labels}].push_back(&pod);
        }
    }
    std::vector<IdentityMembers> identities{{kWorld, {}}};
    for (auto& [key, pods] : groups) {
        identities.push_back({kFirst + static_cast<std::uint32_t>(identities.size()), pods});
    }
    return identities;
}

std::uint32_t identity_of(const PolicyPod* pod, const std::vector<IdentityMembers>& identities) {
    for (const auto& identity : identities) {
        if (std::find(identity.pods.begin(), identity.pods.end(), pod) != identity.pods.end()) {
            return identity.number;
        }
    }
    return kWorld;
}

/// The first flow that a map decides otherwise than the evaluator, or ""; and how many it decides.
std::string contradiction(const PolicyCluster& cluster, std::size_t& decided) {
    PolicyEvaluator evaluator(cluster);
    const auto identities = identities_of(cluster);
    PolicyMaps maps(evaluator, identities);
    auto ports = flow_ports();
    ports.push_back({static_cast<Protocol>(1), 0}); // ICMP
    const auto ends = ends_of(cluster);
    for (const auto& to : ends) {
        if (to.pod == nullptr || to.pod->host_network) {
            continue;
        }
        const auto map = maps.map_of(*to.pod);
        for (const auto& from : ends) {
            const bool host = from.pod != nullptr && from.pod->host_network;
            if (from.pod == to.pod || from.node != nullptr || host ||
                from.address.family() != to.address.family()) {
                continue;
            }
            for (const auto& [protocol, port] : ports) {
                const PolicyFlow flow{from, to, protocol, port};
                const auto verdict = map == nullptr ? MapVerdict::Allow
                                                    : look_up(
                                                          *map,
                                                          identity_of(from.pod, identities),
                                                          protocol_number(protocol),
                                                          port);
                decided += verdict == MapVerdict::ByAddress ? 0 : 1;
                const bool allowed = evaluator.evaluate(flow).ingress.allowed;
                if (verdict != MapVerdict::ByAddress && (verdict == MapVerdict::Allow) != allowed) {
                    return to_text(flow) + (allowed ? ": allowed" : ": denied");
                }
            }
        }
    }
    return {};
}

PolicyPod pod_named(const std::string& name, const std::string& app, const char* address) {
    PolicyPod pod;
    pod.ns = "default";
    pod.name = name;
    pod.node = "node-1";
    pod.labels = {{"app", app}};
    pod.ips = {*IpAddress::parse(address)};
    pod.ports = {{"http", Protocol::Tcp, 8080}};
    return pod;
}

LabelSelector app_is(const std::string& app) {
    return {{{"app", LabelRequirement::Operator::In, {app}}}};
}

/// Two clients and a server behind one NetworkPolicy with these rules.
PolicyCluster shop(std::vector<PolicyRule> rules) {
    PolicyCluster cluster;
    cluster.namespaces["default"] = {"default", {}};
    cluster.pods[{"default", "a-1"}] = pod_named("a-1", "a", "10.244.1.2");
    cluster.pods[{"default", "a-2"}] = pod_named("a-2", "a", "10.244.2.2");
    cluster.pods[{"default", "b"}] = pod_named("b", "b", "10.244.1.3");
    cluster.pods[{"default", "web"}] = pod_named("web", "web", "10.244.2.3");
    auto policy = std::make_shared<Policy>();
    policy->ns = "default";
    policy->name = "web";
    policy->subject = {"default", {}, app_is("web")};
    policy->ingress = std::move(rules);
    cluster.policies[policy_key(*policy)] = policy;
    return cluster;
}

std::string map_text(const PolicyCluster& cluster) {
    PolicyEvaluator evaluator(cluster);
    PolicyMaps maps(evaluator, identities_of(cluster));
    const auto map = maps.map_of(cluster.pods.at({"default", "web"}));
    std::string text;
    for (const auto& entry : *map) {
        text += to_text(entry) + "\n";
    }
    return text;
}

PolicyRule rule_from(std::vector<PolicyPeer> peers, std::optional<std::vector<PolicyPort>> ports) {
    PolicyRule rule;
    rule.peers = std::move(peers);
    rule.ports = std::move(ports);
    return rule;
}

PolicyPeer pods_of_app(const std::string& app) {
    return PodSelection{"default", {}, app_is(app)};
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_map)

// identities_of: 2 world, 257 a, 258 b, 259 web.

BOOST_AUTO_TEST_CASE(a_label_set_and_a_port_make_an_entry) {
    const auto cluster = shop({rule_from({pods_of_app("a")}, {{{Protocol::Tcp, 8080, 8080, ""}}})});
    BOOST_TEST(map_text(cluster) == "257 TCP 8080\n");
}

BOOST_AUTO_TEST_CASE(a_name_is_the_number_on_the_pod_that_is_asked) {
    const auto cluster = shop({rule_from({pods_of_app("a")}, {{{Protocol::Tcp, 0, 0, "http"}}})});
    BOOST_TEST(map_text(cluster) == "257 TCP 8080\n");
}

BOOST_AUTO_TEST_CASE(without_ports_everything_is_open_icmp_too) {
    BOOST_TEST(map_text(shop({rule_from({pods_of_app("b")}, std::nullopt)})) == "258 any\n");
}

BOOST_AUTO_TEST_CASE(ranges_that_touch_are_one) {
    const auto cluster = shop(
        {rule_from(
             {pods_of_app("a")}, {{{Protocol::Tcp, 80, 89, ""}, {Protocol::Udp, 53, 53, ""}}}),
         rule_from({pods_of_app("a")}, {{{Protocol::Tcp, 90, 99, ""}}})});
    BOOST_TEST(map_text(cluster) == "257 TCP 80-99\n257 UDP 53\n");
}

BOOST_AUTO_TEST_CASE(an_isolated_pod_has_an_empty_map_and_an_open_one_has_none) {
    const auto cluster = shop({});
    BOOST_TEST(map_text(cluster).empty());
    PolicyEvaluator evaluator(cluster);
    PolicyMaps maps(evaluator, identities_of(cluster));
    BOOST_TEST(maps.map_of(cluster.pods.at({"default", "b"})).get() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_block_that_has_some_of_an_identity_leaves_it_to_the_addresses) {
    const auto cluster =
        shop({rule_from({AddressBlock{*IpPrefix::parse("10.244.1.0/24"), {}}}, std::nullopt)});
    BOOST_TEST(map_text(cluster) == "2 any by address\n257 any by address\n258 any\n");
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_map_is_denied) {
    const PolicyMap map{{257, 6, 80, 89, MapVerdict::Allow}, {258, 0, 0, 65535, MapVerdict::Allow}};
    BOOST_TEST((look_up(map, 257, 6, 89) == MapVerdict::Allow));
    BOOST_TEST((look_up(map, 257, 6, 90) == MapVerdict::Deny));
    BOOST_TEST((look_up(map, 257, 17, 80) == MapVerdict::Deny));
    BOOST_TEST((look_up(map, 258, 1, 0) == MapVerdict::Allow));
    BOOST_TEST((look_up(map, 259, 6, 80) == MapVerdict::Deny));
}

BOOST_AUTO_TEST_CASE(no_map_contradicts_the_evaluator) {
    constexpr unsigned kCases = 150;
    std::size_t decided = 0;
    for (unsigned seed = 1; seed <= kCases; ++seed) {
        std::mt19937 random(seed);
        const auto cluster = random_policies(random);
        std::size_t ignored = 0;
        const auto wrong = contradiction(cluster, decided);
        if (!wrong.empty()) {
            const auto small = shrink(cluster, [&](const PolicyCluster& smaller) {
                return !contradiction(smaller, ignored).empty();
            });
            BOOST_FAIL("seed " << seed << ": " << wrong << "\n" << to_text(small));
        }
    }
    BOOST_TEST(decided > 1000U); // or it would prove nothing
}

BOOST_AUTO_TEST_SUITE_END()
