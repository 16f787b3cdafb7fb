#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include "labctl/supervisor/iptables_text.h"
#include "netemu/base/text.h"

using namespace labctl::supervisor;

BOOST_AUTO_TEST_SUITE(supervisor_iptables_text)

BOOST_AUTO_TEST_CASE(a_chain_is_complete_before_another_jumps_to_it) {
    const std::string input = "*filter\n:KUBE-FORWARD - [0:0]\n-A KUBE-FORWARD -j ACCEPT\nCOMMIT\n"
                              "*nat\n"
                              ":KUBE-SERVICES - [0:0]\n"
                              ":KUBE-SVC-A - [0:0]\n"
                              ":KUBE-SEP-OLD - [0:0]\n"
                              ":KUBE-SEP-1 - [0:0]\n"
                              ":KUBE-SEP-2 - [0:0]\n"
                              "-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-A\n"
                              "-A KUBE-SVC-A -m statistic -j KUBE-SEP-1\n"
                              "-A KUBE-SVC-A -j KUBE-SEP-2\n"
                              "-A KUBE-SEP-1 -j DNAT --to-destination 10.1.0.1:80\n"
                              "-A KUBE-SEP-2 -j DNAT --to-destination 10.1.0.2:80\n"
                              "-I PREROUTING -j KUBE-SERVICES\n"
                              "-X KUBE-SEP-OLD\n"
                              "COMMIT\n";
    BOOST_TEST(
        iptables_in_parts(input, 4) ==
        "*filter\n:KUBE-FORWARD - [0:0]\n-A KUBE-FORWARD -j ACCEPT\nCOMMIT\n"
        "*nat\n"
        ":KUBE-SEP-1 - [0:0]\n"
        "-A KUBE-SEP-1 -j DNAT --to-destination 10.1.0.1:80\n"
        ":KUBE-SEP-2 - [0:0]\n"
        "-A KUBE-SEP-2 -j DNAT --to-destination 10.1.0.2:80\n"
        "COMMIT\n"
        "*nat\n"
        ":KUBE-SVC-A - [0:0]\n"
        "-A KUBE-SVC-A -m statistic -j KUBE-SEP-1\n"
        "-A KUBE-SVC-A -j KUBE-SEP-2\n"
        ":KUBE-SERVICES - [0:0]\n"
        "COMMIT\n"
        "*nat\n"
        "-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-A\n"
        ":KUBE-SEP-OLD - [0:0]\n"
        "-I PREROUTING -j KUBE-SERVICES\n"
        "-X KUBE-SEP-OLD\n"
        "COMMIT\n");
}

BOOST_AUTO_TEST_CASE(parts_hold_what_the_whole_holds_and_no_part_is_too_long) {
    std::string declared;
    std::string rules;
    for (int i = 0; i < 300; ++i) {
        const auto sep = "KUBE-SEP-" + std::to_string(i);
        declared += ":" + sep + " - [0:0]\n";
        rules += "-A KUBE-SERVICES -p tcp -m comment --comment \"a -j b\" -j " + sep + "\n";
        rules += "-A " + sep + " -j DNAT --to-destination 10.0.0.1:80\n";
    }
    const auto input = "*nat\n:KUBE-SERVICES - [0:0]\n" + declared + rules + "COMMIT\n";
    const auto parts = iptables_in_parts(input, 50);
    BOOST_TEST((iptables_rule_counts(parts) == iptables_rule_counts(input)));
    std::map<std::string, int> declarations;
    std::size_t in_part = 0;
    for (const auto line : netemu::split(parts, '\n')) {
        in_part = line == "COMMIT" ? 0 : in_part + 1;
        BOOST_REQUIRE_LE(in_part, 51U); // with the name of the table
        if (line.starts_with(':')) {
            // A second declaration would take the rules out again.
            BOOST_TEST(++declarations[std::string(line)] == 1);
        }
    }
    BOOST_TEST(declarations.size() == 301U);
}

BOOST_AUTO_TEST_SUITE_END()
