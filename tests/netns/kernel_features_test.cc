#include <fstream>

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "netemu/kernel/features.h"
#include "netemu/kernel/teardown.h"
#include "netemu/kernel/throwaway.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

const Feature* find_feature(const std::vector<Feature>& features, const std::string& name) {
    for (const Feature& feature : features) {
        if (feature.name == name) {
            return &feature;
        }
    }
    return nullptr;
}

/// Whether `ip link add` can make one, and so whether this kernel has the kind.
bool can_make(const std::vector<std::string>& kind) {
    std::vector<std::string> command{"unshare", "-n", "ip", "link", "add", "probed", "type"};
    command.insert(command.end(), kind.begin(), kind.end());
    return run_in(-1, command).status == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(kernel_features)

BOOST_AUTO_TEST_CASE(required_features_are_here_since_the_other_tests_use_them) {
    const auto features = detect_features(FeatureScope::Required);
    for (const char* name : {"network namespaces", "veth", "bridge", "vxlan", "nftables"}) {
        const Feature* feature = find_feature(features, name);
        BOOST_REQUIRE_MESSAGE(feature != nullptr, name);
        BOOST_TEST(feature->available, name << ": " << feature->why_not);
        BOOST_TEST(feature->required);
    }
    BOOST_TEST(find_feature(features, "geneve") == nullptr);
}

BOOST_AUTO_TEST_CASE(optional_kinds_agree_with_ip) {
    const auto features = detect_features(FeatureScope::All);
    const std::vector<std::vector<std::string>> kinds{
        {"bridge"},
        {"vxlan", "id", "1", "dstport", "4789"},
        {"geneve", "id", "1", "remote", "10.0.0.1"},
        {"dummy"},
        {"ipip", "local", "10.0.0.1"},
        {"vrf", "table", "10"},
        {"wireguard"}};
    for (const auto& kind : kinds) {
        const Feature* feature = find_feature(features, kind[0]);
        BOOST_REQUIRE_MESSAGE(feature != nullptr, kind[0]);
        BOOST_TEST(feature->available == can_make(kind), kind[0]);
        BOOST_TEST(feature->available == feature->why_not.empty());
        BOOST_TEST(feature->available == feature->remedy.empty());
    }
}

BOOST_AUTO_TEST_CASE(detection_makes_no_link_here) {
    const auto before = run_in(-1, {"ip", "-d", "link"}).out;
    (void)detect_features(FeatureScope::All);
    BOOST_TEST(run_in(-1, {"ip", "-d", "link"}).out == before);
}

/// Runs in a child with a user namespace of its own, whose limits are its own to set.
std::string features_without_network_namespaces() {
    if (::unshare(CLONE_NEWUSER) < 0) {
        return "refused";
    }
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/sys/user/max_net_namespaces") << "0";
    const auto features = detect_features(FeatureScope::Required);
    const Feature* feature = find_feature(features, "network namespaces");
    const Feature* bridge = find_feature(features, "bridge");
    if (feature->available || bridge->available) {
        return "available";
    }
    return feature->why_not + '\n' + feature->remedy;
}

BOOST_AUTO_TEST_CASE(a_host_without_network_namespaces_is_explained) {
    const auto report =
        run_in_child(features_without_network_namespaces, Clock::now() + std::chrono::seconds(30));
    BOOST_REQUIRE(report.has_value());
    BOOST_TEST(report->find("max_net_namespaces") != std::string::npos, *report);
    BOOST_TEST(report->find("sudo sysctl") != std::string::npos, *report);
}

BOOST_AUTO_TEST_CASE(dead_namespaces_are_waited_for) {
    KernelFixture lab;
    lab.create({"node/a", "node/b", "node/c"});
    // The other end is ours to watch, and goes when its namespace does.
    lab.apply(
        {CreateLink{"node/a", veth("to-b", 2, "node/b")},
         CreateLink{"node/a", veth("to-c", 3, "node/c")}});
    lab.apply({DeleteNamespace{"node/b"}, DeleteNamespace{"node/c"}});
    BOOST_TEST(wait_for_dead_namespaces(Clock::now() + std::chrono::seconds(30)));
    BOOST_TEST(lab.ip_json("node/a", {"link"}).size() == 1U);
}

constexpr int kSocketNamespaces = 200;
/// The test's own namespace and those with which it is found out that the others are gone.
constexpr int kOtherNamespaces = 6;

/// Namespaces that live by a netlink socket alone. Empty when the limit of namespaces is reached.
std::vector<UniqueFd> namespaces_of_sockets(int home) {
    std::vector<UniqueFd> sockets;
    for (int number = 0; number < kSocketNamespaces; ++number) {
        if (::unshare(CLONE_NEWNET) < 0) {
            return {};
        }
        sockets.emplace_back(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
        if (!sockets.back()) {
            return {};
        }
    }
    return ::setns(home, CLONE_NEWNET) < 0 ? std::vector<UniqueFd>() : std::move(sockets);
}

/// Runs in a child whose user namespace has room for them once. The kernel counts a namespace down
/// when it is done with it, as the last thing of all.
std::string make_room_for_sockets() {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        return "refused";
    }
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << ::getuid() << " 1";
    std::ofstream("/proc/sys/user/max_net_namespaces") << kSocketNamespaces + kOtherNamespaces;
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    for (int round = 1; round <= 10; ++round) {
        if (namespaces_of_sockets(home.get()).empty()) {
            return "no room in round " + std::to_string(round);
        }
        if (!wait_for_dead_namespaces(Clock::now() + std::chrono::seconds(30))) {
            return "not gone in round " + std::to_string(round);
        }
    }
    return "room";
}

BOOST_AUTO_TEST_CASE(namespaces_that_lived_by_a_socket_are_waited_for) {
    const auto report =
        run_in_child(make_room_for_sockets, Clock::now() + std::chrono::seconds(60));
    BOOST_REQUIRE(report.has_value());
    BOOST_TEST(*report == "room");
}

BOOST_AUTO_TEST_CASE(waiting_ends_at_its_deadline) {
    BOOST_TEST(!wait_for_dead_namespaces(Clock::now()));
}

BOOST_AUTO_TEST_SUITE_END()
