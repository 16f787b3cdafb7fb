#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"
#include "netemu/model/nft_text.h"
#include "services/address_ranges.h"
#include "services/policy_evaluator.h"
#include "services/policy_names.h"
#include "services/policy_tables.h"
#include "services/tracer.h"
#include "tests/support/policy_random.h"
#include "tests/unit/policy_fixture.h"

using namespace services;
using namespace services::test;
using netemu::Family;

namespace {

const std::vector<Family> kBoth{Family::V4, Family::V6};

/// Tables that follow a cluster by its differences, as they follow a store.
struct Followed {
    PolicyTables tables{kBoth};

    PolicyTables::Update follow(const PolicyCluster& wanted) {
        for (const auto& [name, node] : wanted.nodes) {
            tables.put_node(node);
        }
        for (const auto& [name, ns] : wanted.namespaces) {
            tables.put_namespace(ns);
        }
        std::vector<PolicyCluster::Key> gone;
        for (const auto& [key, policy] : tables.cluster().policies) {
            if (!wanted.policies.contains(key)) {
                gone.push_back(key);
            }
        }
        for (const auto& key : gone) {
            tables.remove_policy(key);
        }
        gone.clear();
        for (const auto& [key, pod] : tables.cluster().pods) {
            if (!wanted.pods.contains(key)) {
                gone.push_back(key);
            }
        }
        for (const auto& key : gone) {
            tables.remove_pod(key);
        }
        for (const auto& [key, pod] : wanted.pods) {
            tables.put_pod(pod);
        }
        for (const auto& [key, policy] : wanted.policies) {
            tables.put_policy(policy);
        }
        return tables.commit();
    }
};

/// The rules of the nodes at both ends, as the kernel would go through them.
bool passes(const PolicyTables& tables, const PolicyFlow& flow) {
    TracePacket packet;
    packet.source = flow.from.address;
    packet.destination = flow.to.address;
    packet.protocol = protocol_number(flow.protocol);
    packet.destination_port = flow.port;
    for (const auto& end : {flow.from, flow.to}) {
        const auto* table = end.pod == nullptr ? nullptr : tables.table(end.pod->node);
        if (table == nullptr) {
            continue;
        }
        const std::vector list{table};
        for (const auto& outcome : NftTracer(list, {}).trace(packet)) {
            if (outcome.verdict != TraceVerdict::Accept) {
                return false;
            }
        }
    }
    return true;
}

std::string flow_text(const PolicyFlow& flow) {
    return flow.from.address.to_string() + " -> " + flow.to.address.to_string() + " " +
           std::string(to_text(flow.protocol)) + " " + std::to_string(flow.port);
}

/// Every pod to every pod and to an address outside, both families, some ports.
void compare_all(const PolicyTables& tables, const std::string& what) {
    const PolicyEvaluator evaluator(tables.cluster());
    std::vector<PolicyEnd> ends;
    for (const auto& [key, pod] : tables.cluster().pods) {
        for (const auto& address : pod.ips) {
            ends.push_back(evaluator.end_of(address));
        }
    }
    for (const char* outside : {"10.0.9.9", "fd00::9:9"}) {
        ends.push_back({nullptr, nullptr, *netemu::IpAddress::parse(outside)});
    }
    std::size_t denied = 0;
    for (const auto& from : ends) {
        for (const auto& to : ends) {
            if (from.address.family() != to.address.family() || (!from.pod && !to.pod)) {
                continue;
            }
            for (const auto& [protocol, port] :
                 {std::pair{Protocol::Tcp, 80}, {Protocol::Udp, 81}, {Protocol::Sctp, 8080}}) {
                const PolicyFlow flow{from, to, protocol, static_cast<std::uint16_t>(port)};
                const bool expected = evaluator.evaluate(flow).allowed;
                denied += expected ? 0 : 1;
                BOOST_REQUIRE_MESSAGE(
                    passes(tables, flow) == expected,
                    what << ": " << flow_text(flow) << (expected ? " is allowed" : " is denied")
                         << " says the evaluator");
            }
        }
    }
    BOOST_TEST_MESSAGE(what << ": " << denied << " denied");
}

std::vector<std::string> lines_of(const netemu::NftTable& table) {
    auto text = netemu::to_text(table);
    std::vector<std::string> lines;
    std::string line;
    for (const char c : text) {
        if (c == ';' || c == ',' || c == '{' || c == '}') {
            lines.emplace_back(netemu::trim(std::exchange(line, {})));
        } else {
            line += c;
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

std::vector<AddressRange>
merged(const std::vector<AddressBlock>& blocks, Family family = Family::V4) {
    return merge_blocks(blocks, family);
}

AddressRange between(const char* first, const char* last) {
    return {*netemu::IpAddress::parse(first), *netemu::IpAddress::parse(last)};
}

bool same_ranges(const std::vector<AddressRange>& a, const std::vector<AddressRange>& b) {
    return a == b;
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_tables)

BOOST_AUTO_TEST_CASE(blocks_are_merged_without_their_excepts) {
    BOOST_TEST(same_ranges(
        merged({block("10.0.0.0/24", {"10.0.0.0/26", "10.0.0.128/25"})}),
        {between("10.0.0.64", "10.0.0.127")}));
    // 5.2, 5.3: what one block leaves out another may have.
    BOOST_TEST(same_ranges(
        merged({block("10.0.0.0/24", {"10.0.0.0/25"}), block("10.0.0.0/28")}),
        {between("10.0.0.0", "10.0.0.15"), between("10.0.0.128", "10.0.0.255")}));
    BOOST_TEST(same_ranges(
        merged({block("10.0.0.0/25"), block("10.0.0.128/25"), block("fd00::/8")}),
        {between("10.0.0.0", "10.0.0.255")}));
    BOOST_TEST(same_ranges(
        merged({block("0.0.0.0/0", {"255.255.255.255/32", "0.0.0.0/32"})}),
        {between("0.0.0.1", "255.255.255.254")}));
    BOOST_TEST(same_ranges(merged({block("10.0.0.0/31", {"10.0.0.0/32", "10.0.0.1/32"})}), {}));
    BOOST_TEST(same_ranges(
        merged({block("::/0", {"8000::/1"})}, Family::V6),
        {between("::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}));
}

BOOST_AUTO_TEST_CASE(the_log_prefix_of_a_drop_says_why) {
    World world;
    world.add(network_policy("x/shut", "pod=a", std::vector<PolicyRule>{}));
    world.add(network_policy("x/also", "", std::vector<PolicyRule>{}));
    world.add(admin(
        "no-udp",
        5,
        anywhere("", ""),
        std::vector{
            rule(PolicyAction::Allow, kAnyPeer, {"53/UDP"}),
            rule(PolicyAction::Deny, kAnyPeer, {"UDP"})}));
    Followed followed;
    followed.follow(world.cluster);
    std::set<std::string> labels;
    for (const auto& part : followed.tables.table("node-1")->parts) {
        for (const auto& chain : part->contents().chains) {
            for (const auto& made : chain.rules) {
                for (const auto& statement : made.statements) {
                    const auto* log = std::get_if<netemu::NftLog>(&statement);
                    if (log == nullptr) {
                        continue;
                    }
                    BOOST_TEST(log->prefix.size() <= 64U);
                    BOOST_TEST((log->group == kPolicyLogGroup));
                    const auto source = followed.tables.drop_source(log->prefix);
                    BOOST_REQUIRE_MESSAGE(source.has_value(), log->prefix);
                    std::string label(to_text(source->way));
                    for (const auto& policy : source->policies) {
                        label += " " + policy->label();
                    }
                    labels.insert(label + " " + std::to_string(source->rule));
                }
            }
        }
    }
    const std::set<std::string> expected{
        "ingress ClusterNetworkPolicy no-udp 1",
        "ingress NetworkPolicy x/also 0",
        "ingress NetworkPolicy x/also NetworkPolicy x/shut 0"};
    BOOST_TEST(labels == expected, boost::test_tools::per_element());
    BOOST_TEST(!followed.tables.drop_source("kube ingress/np/ABCDEFGH"));
    BOOST_TEST(!followed.tables.drop_source("labctl ingress/np/ABCDEFGH"));
    BOOST_TEST(!followed.tables.drop_source("labctl ingress/admin/ABCDEFGH/x"));
    BOOST_TEST(
        (followed.tables.drop_source("labctl egress/invalid")->kind ==
         PolicyDropSource::Kind::Invalid));
    BOOST_TEST(
        (followed.tables.drop_source("labctl spoofed")->kind == PolicyDropSource::Kind::Spoofed));
}

BOOST_AUTO_TEST_CASE(one_label_changes_elements_only) {
    World world;
    world.add(network_policy(
        "x/from-b",
        "pod=a",
        std::vector{rule(std::vector<PolicyPeer>{local("x", "pod=b")}, {"80"})}));
    world.add(network_policy(
        "x/from-b-too", "pod=c", std::vector{rule(std::vector<PolicyPeer>{local("x", "pod=b")})}));
    Followed followed;
    const auto first = followed.follow(world.cluster);
    BOOST_TEST(first.added.size() == 2U);
    BOOST_TEST(first.changed.empty());
    world.pod("x/b").labels = {{"pod", "other"}};
    const auto update = followed.follow(world.cluster);
    BOOST_TEST(update.added.empty());
    BOOST_TEST(update.changed.size() == 2U); // both nodes have a pod that b may have called
    for (const auto& [node, changes] : update.changed) {
        BOOST_REQUIRE(changes.size() == 1U);
        auto rest = changes.front();
        BOOST_REQUIRE(
            rest.removed_elements.size() == 2U); // both policies share the set of a family
        BOOST_TEST(rest.removed_elements.front().elements.size() == 1U);
        rest.removed_elements.clear();
        BOOST_TEST(rest.empty());
    }
}

BOOST_AUTO_TEST_CASE(pods_of_one_kind_share_a_profile) {
    World world;
    for (auto& [key, pod] : world.cluster.pods) {
        pod.labels = {{"pod", "same"}};
    }
    world.add(network_policy("x/one", "", std::vector<PolicyRule>{}));
    world.add(network_policy("x/two", "pod=same", std::vector<PolicyRule>{}));
    Followed followed;
    followed.follow(world.cluster);
    BOOST_TEST(followed.tables.profiles() == 1U);
    world.pod("x/a").labels.clear();
    followed.follow(world.cluster);
    BOOST_TEST(followed.tables.profiles() == 2U);
}

// 7.4: who gets the address of a removed pod gets nothing of its rights, at once.
BOOST_AUTO_TEST_CASE(a_removed_pod_stays_shut_until_it_is_forgotten) {
    World world;
    world.add(network_policy("x/shut", "", std::vector<PolicyRule>{}));
    Followed followed;
    followed.follow(world.cluster);
    auto flow = world.flow("y/a", "x/a");
    BOOST_TEST(!passes(followed.tables, flow));
    const auto removed = world.pod("x/a");
    world.cluster.pods.erase({"x", "a"});
    (void)followed.follow(world.cluster);
    flow.to.pod = &removed;
    BOOST_TEST(!passes(followed.tables, flow));
    auto heir = removed;
    heir.ns = "y";
    heir.name = "heir";
    world.cluster.pods[{"y", "heir"}] = heir;
    (void)followed.follow(world.cluster);
    BOOST_TEST(passes(followed.tables, flow));
    BOOST_TEST(followed.tables.forget_removed_pods().size() == 2U);
    (void)followed.tables.commit();
    BOOST_TEST(passes(followed.tables, flow));
}

BOOST_AUTO_TEST_CASE(without_policies_there_is_no_table) {
    World world;
    Followed followed;
    BOOST_TEST(followed.follow(world.cluster).empty());
    BOOST_TEST((followed.tables.table("node-1") == nullptr));
    world.add(network_policy("x/shut", "", std::vector<PolicyRule>{}));
    BOOST_TEST(followed.follow(world.cluster).added.size() == 2U);
    world.cluster.policies.clear();
    BOOST_TEST(followed.follow(world.cluster).removed.size() == 2U);
    BOOST_TEST((followed.tables.table("node-1") == nullptr));
}

// The rules that come of random policies, step by step, say what the evaluator says; and small
// changes end where a fresh start begins.
BOOST_AUTO_TEST_CASE(random_policies_and_changes) {
    for (unsigned seed = 1; seed <= 12; ++seed) {
        RandomPolicies random(seed);
        World world;
        for (auto& [name, ns] : world.cluster.namespaces) {
            ns.labels = {{"team", name == "x" ? "a" : "b"}};
        }
        for (auto& [key, pod] : world.cluster.pods) {
            pod.ports = {{"web", Protocol::Tcp, 80}, {"alt", Protocol::Udp, 81}};
        }
        Followed followed;
        for (int step = 0; step < 12; ++step) {
            const auto what = "seed " + std::to_string(seed) + " step " + std::to_string(step);
            random.change(world.cluster);
            (void)followed.follow(world.cluster);
            if (step % 4 != 3) {
                continue;
            }
            compare_all(followed.tables, what);
            (void)followed.tables.sweep();
            Followed fresh;
            (void)fresh.follow(world.cluster);
            for (const char* node : {"node-1", "node-2"}) {
                const auto* there = followed.tables.table(node);
                const auto* anew = fresh.tables.table(node);
                BOOST_REQUIRE((there == nullptr) == (anew == nullptr));
                if (there != nullptr) {
                    BOOST_TEST_CONTEXT(what) {
                        BOOST_TEST(
                            lines_of(*there) == lines_of(*anew), boost::test_tools::per_element());
                    }
                }
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
