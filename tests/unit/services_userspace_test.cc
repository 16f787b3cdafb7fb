#include <cmath>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "services/iptables_mode.h"
#include "services/userspace_balancer.h"
#include "services/userspace_mode.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;
using namespace std::chrono_literals;

namespace {

const ServicePortName kWeb{"ns", "web", "http", Protocol::Tcp};

std::vector<netemu::Endpoint> three() {
    return {{ip("10.0.0.1"), 80}, {ip("10.0.0.2"), 80}, {ip("10.0.0.3"), 80}};
}

struct Balanced {
    UserspaceBalancer::TimePoint now{};
    UserspaceBalancer balancer{[this] { return now; }, 3};

    std::string next(const char* client, bool reset = false) {
        const auto endpoint = balancer.next(kWeb, ip(client), reset);
        return endpoint ? endpoint->to_string() : "none";
    }
};

/// Chi-square of counts that should be equal.
double chi_square(const std::vector<int>& counts, double expected) {
    double sum = 0;
    for (const auto count : counts) {
        sum += (count - expected) * (count - expected) / expected;
    }
    return sum;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(userspace, Balanced)

BOOST_AUTO_TEST_CASE(round_robin_over_a_shuffled_list) {
    balancer.set_service(kWeb, 0);
    BOOST_TEST(next("10.0.9.1") == "none");
    balancer.set_endpoints(kWeb, three());
    const std::vector<std::string> turn{next("10.0.9.1"), next("10.0.9.1"), next("10.0.9.2")};
    BOOST_TEST((std::set(turn.begin(), turn.end()).size() == 3U));
    for (int round = 0; round < 4; ++round) {
        for (const auto& one : turn) {
            BOOST_TEST(next("10.0.9.3") == one);
        }
    }
    // The same endpoints in another order change nothing.
    next("10.0.9.1");
    balancer.set_endpoints(kWeb, {three()[2], three()[0], three()[1]});
    BOOST_TEST(next("10.0.9.1") == turn[1]);
}

BOOST_AUTO_TEST_CASE(affinity_lasts_from_the_last_use) {
    balancer.set_service(kWeb, 10);
    balancer.set_endpoints(kWeb, three());
    const auto first = next("10.0.9.1");
    BOOST_TEST(next("10.0.9.2") != first);
    now += 9s;
    BOOST_TEST(next("10.0.9.1") == first); // the clock starts again
    now += 9s;
    BOOST_TEST(next("10.0.9.1") == first);
    balancer.forget_expired();
    BOOST_TEST(balancer.clients(kWeb) == 1U);
    now += 10s;
    BOOST_TEST(next("10.0.9.1") != first);
}

BOOST_AUTO_TEST_CASE(whom_it_remembers_and_how_long) {
    balancer.set_service(kWeb, 10);
    balancer.set_endpoints(kWeb, three());
    BOOST_TEST(balancer.remembered(kWeb).empty());
    const auto first = next("10.0.9.1");
    now += 4s;
    const auto second = next("10.0.9.2");
    const auto known = balancer.remembered(kWeb);
    BOOST_REQUIRE(known.size() == 2U);
    BOOST_TEST(known[0].client.to_string() == "10.0.9.1");
    BOOST_TEST(known[0].endpoint.to_string() == first);
    BOOST_TEST((known[0].left == 6s));
    BOOST_TEST(known[1].endpoint.to_string() == second);
    BOOST_TEST((known[1].left == 10s));
    now += 6s; // the first one's time is over, though nobody has forgotten it yet
    BOOST_TEST(balancer.remembered(kWeb).size() == 1U);
    BOOST_TEST(balancer.clients(kWeb) == 2U);
    auto other = kWeb;
    other.name = "other";
    BOOST_TEST(balancer.remembered(other).empty());
}

BOOST_AUTO_TEST_CASE(clients_of_an_endpoint_that_is_gone_choose_again) {
    balancer.set_service(kWeb, 10);
    balancer.set_endpoints(kWeb, three());
    const auto first = next("10.0.9.1");
    std::vector<netemu::Endpoint> left;
    for (const auto& endpoint : three()) {
        if (endpoint.to_string() != first) {
            left.push_back(endpoint);
        }
    }
    balancer.set_endpoints(kWeb, left);
    BOOST_TEST(balancer.clients(kWeb) == 0U);
    BOOST_TEST(next("10.0.9.1") != first);
}

BOOST_AUTO_TEST_CASE(a_failed_try_goes_to_the_next_endpoint_and_waits_longer) {
    balancer.set_service(kWeb, 10);
    balancer.set_endpoints(kWeb, three());
    UserspaceTries tries{balancer, kWeb, ip("10.0.9.1")};
    std::set<std::string> tried;
    std::vector<std::chrono::milliseconds> timeouts;
    while (const auto attempt = tries.next()) {
        tried.insert(attempt->endpoint.to_string());
        timeouts.push_back(attempt->timeout);
    }
    BOOST_TEST(tried.size() == 3U);
    BOOST_TEST((timeouts == std::vector<std::chrono::milliseconds>{250ms, 500ms, 1s, 2s}));
}

BOOST_AUTO_TEST_CASE(rules_steer_to_the_proxy) {
    const auto web = overall()[2];
    const std::vector<UserspacePort> ports{{web.get(), 40123}};
    const auto text = userspace_sync(ports, ip("192.168.0.2"));
    for (const auto* line :
         {"-A KUBE-PORTALS-CONTAINER -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport 80 -d "
          "172.30.0.43 -j REDIRECT --to-ports 40123\n",
          "-A KUBE-PORTALS-HOST -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport 80 -d "
          "172.30.0.43 -j DNAT --to-destination 192.168.0.2:40123\n",
          "-A KUBE-NODEPORT-CONTAINER -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport 3003 "
          "-j REDIRECT --to-ports 40123\n",
          "-A KUBE-NODEPORT-NON-LOCAL -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport "
          "40123 "
          "-m state --state NEW -j ACCEPT\n"}) {
        BOOST_TEST(text.find(line) != std::string::npos, line << " in\n" << text);
    }
}

BOOST_AUTO_TEST_CASE(pods_on_interfaces_without_addresses_are_sent_to_the_proxy) {
    const auto web = overall()[2];
    const std::vector<UserspacePort> ports{{web.get(), 40123}};
    const auto text = userspace_sync(ports, ip("192.168.0.2"), UserspaceBind::Node);
    BOOST_TEST(text.find("REDIRECT") == std::string::npos, text);
    for (const auto* chain : {"KUBE-PORTALS-CONTAINER", "KUBE-NODEPORT-CONTAINER"}) {
        const auto rule = text.find(std::string("-A ") + chain);
        BOOST_REQUIRE(rule != std::string::npos);
        BOOST_TEST(text.substr(rule, text.find('\n', rule) - rule)
                       .ends_with("-j DNAT --to-destination 192.168.0.2:40123"));
    }
}

// The walk of `statistic --mode random` rules is uniform: chi-square with 9 degrees of freedom is
// above 27.9 once in a thousand honest runs, and the seed is fixed.
BOOST_AUTO_TEST_CASE(the_iptables_walk_is_uniform) {
    std::vector<Endpoint> endpoints;
    for (int i = 1; i <= 10; ++i) {
        endpoints.push_back(ready(("10.0.0." + std::to_string(i)).c_str()));
    }
    const auto port = input(
        service("ns/web", "172.30.0.1"),
        {slice("ns/web", {"p80", Protocol::Tcp, 80, ""}, endpoints)});
    const auto rules = iptables_fragment(*port, node(), config()).chain_rules;
    std::vector<double> probabilities;
    for (auto at = rules.find("--probability "); at != std::string::npos;
         at = rules.find("--probability ", at + 1)) {
        probabilities.push_back(std::stod(rules.substr(at + 14)));
    }
    BOOST_REQUIRE(probabilities.size() == 9U);
    std::mt19937 random{5};
    std::uniform_real_distribution<double> draw{0, 1};
    constexpr int kConnections = 20000;
    std::vector<int> counts(10);
    for (int i = 0; i < kConnections; ++i) {
        std::size_t rule = 0;
        while (rule < probabilities.size() && draw(random) >= probabilities[rule]) {
            ++rule;
        }
        ++counts[rule];
    }
    BOOST_TEST(chi_square(counts, kConnections / 10.0) < 27.9);
}

BOOST_AUTO_TEST_SUITE_END()
