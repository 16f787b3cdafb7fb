#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

NftMatchAddress from(const char* text, bool negate = false) {
    return {NftMatchAddress::Field::Source, prefix(text), negate};
}

NftMatchAddress to(const char* text, bool negate = false) {
    return {NftMatchAddress::Field::Destination, prefix(text), negate};
}

NftTable masquerade() {
    NftChain chain{
        "postrouting",
        NftBase{"nat", NftHook::Postrouting, 100, NftVerdict::Accept},
        {{{from("10.244.1.0/24"), to("10.244.0.0/16", true), NftCounter{}, NftMasquerade{}},
          "pods of node-1 to the outside"}}};
    return {NftFamily::Ip, "cni-masquerade", {chain}};
}

struct NftFixture : KernelFixture {
    NftFixture() { create({"node/a"}); }

    /// The lines of `nft list ruleset`, without indentation, counters zeroed.
    std::string ruleset() {
        const auto output = run_in(kernel->namespace_fd("node/a"), {"nft", "list", "ruleset"});
        BOOST_TEST(output.status == 0);
        std::string text = output.out;
        std::erase(text, '\t');
        return text;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_nft, NftFixture)

BOOST_AUTO_TEST_CASE(a_table_is_listed_as_it_was_meant) {
    apply({ReplaceTable{"node/a", masquerade()}});
    const std::string expected = "table ip cni-masquerade {\n"
                                 "comment \"digest " +
                                 table_digest(masquerade()) +
                                 "\"\n"
                                 "chain postrouting {\n"
                                 "type nat hook postrouting priority srcnat; policy accept;\n"
                                 "ip saddr 10.244.1.0/24 ip daddr != 10.244.0.0/16 "
                                 "counter packets 0 bytes 0 masquerade "
                                 "comment \"pods of node-1 to the outside\"\n"
                                 "}\n"
                                 "}\n";
    BOOST_TEST(ruleset() == expected);
    const auto chain = nft_json("node/a", {"list", "chains"}).back().at("chain");
    BOOST_TEST(chain.at("hook") == "postrouting");
    BOOST_TEST(chain.at("prio") == 100);
}

BOOST_AUTO_TEST_CASE(every_statement_is_listed) {
    const NftMatchInterface in{NftMatchInterface::Direction::Input, "eth0", false};
    const NftMatchInterface out{NftMatchInterface::Direction::Output, "cni0", true};
    NftTable table{NftFamily::Inet, "all", {}};
    table.chains = {
        {"marks", std::nullopt, {{{NftCounter{}, NftSetVerdict{NftVerdict::Return, ""}}, ""}}},
        {"drops", std::nullopt, {{{NftSetVerdict{NftVerdict::Drop, ""}}, ""}}},
        {"forward",
         NftBase{"filter", NftHook::Forward, 0, NftVerdict::Drop},
         {{{in, out, NftSetVerdict{NftVerdict::Accept, ""}}, ""},
          {{from("10.1.2.0/23"), to("10.1.2.3/32"), NftSetVerdict{NftVerdict::Jump, "marks"}}, ""},
          {{to("fd00:1::/61", true), NftSetVerdict{NftVerdict::Goto, "drops"}}, "last"},
          {{from("0.0.0.0/0"), NftCounter{}}, ""}}}};
    apply({ReplaceTable{"node/a", table}});
    const std::string shown = ruleset();
    for (const char* line :
         {"type filter hook forward priority filter; policy drop;",
          "iifname \"eth0\" oifname != \"cni0\" accept",
          "ip saddr 10.1.2.0/23 ip daddr 10.1.2.3 jump marks",
          "ip6 daddr != fd00:1::/61 goto drops comment \"last\"",
          "counter packets 0 bytes 0 return",
          "meta nfproto ipv4 counter packets 0 bytes 0"}) {
        BOOST_TEST(shown.find(line) != std::string::npos, line << " is not in\n" << shown);
    }
}

BOOST_AUTO_TEST_CASE(bridge_and_ip6_tables) {
    NftTable six{NftFamily::Ip6, "six", {}};
    six.chains = {
        {"in",
         NftBase{"filter", NftHook::Input, -5, NftVerdict::Accept},
         {{{from("fd00:1::/64"), NftSetVerdict{NftVerdict::Accept, ""}}, ""}}}};
    NftTable frames{NftFamily::Bridge, "frames", {}};
    frames.chains = {
        {"forward",
         NftBase{"filter", NftHook::Forward, 0, NftVerdict::Accept},
         {{{to("10.1.0.0/16"), NftSetVerdict{NftVerdict::Drop, ""}}, ""}}}};
    apply({ReplaceTable{"node/a", six}, ReplaceTable{"node/a", frames}});
    const std::string shown = ruleset();
    BOOST_TEST(shown.find("ip6 saddr fd00:1::/64 accept") != std::string::npos, shown);
    BOOST_TEST(shown.find("ip daddr 10.1.0.0/16 drop") != std::string::npos, shown);
}

BOOST_AUTO_TEST_CASE(a_table_is_replaced_whole_and_deleted) {
    auto table = masquerade();
    apply({ReplaceTable{"node/a", table}});
    table.chains[0].rules[0].comment = "other";
    table.chains[0].rules.push_back(table.chains[0].rules[0]);
    apply({ReplaceTable{"node/a", table}});
    BOOST_TEST(ruleset().find("pods of node-1") == std::string::npos);
    const auto info = kernel->observe().namespaces.at("node/a").tables;
    BOOST_REQUIRE_EQUAL(info.size(), 1U);
    BOOST_TEST(info[0].counts.rules == 2U);
    BOOST_TEST(info[0].digest == table_digest(table));
    apply({DeleteTable{"node/a", NftFamily::Ip, "cni-masquerade"}});
    BOOST_TEST(ruleset() == "");
}

BOOST_AUTO_TEST_CASE(a_refused_table_changes_nothing) {
    apply({ReplaceTable{"node/a", masquerade()}});
    const std::string before = ruleset();
    auto broken = masquerade();
    broken.chains[0].rules.push_back({{NftSetVerdict{NftVerdict::Jump, "nowhere"}}, ""});
    BOOST_CHECK_EXCEPTION(
        apply({ReplaceTable{"node/a", broken}}), SysError, [](const SysError& error) {
            return std::string(error.what()).find("node/a") != std::string::npos &&
                   error.error_number() == ENOENT;
        });
    BOOST_TEST(ruleset() == before);
    auto unknown = masquerade();
    unknown.chains[0].base->type = "no-such-type";
    BOOST_CHECK_EXCEPTION(
        apply({ReplaceTable{"node/a", unknown}}),
        UnsupportedError,
        [](const UnsupportedError& error) {
            return std::string(error.what()).find("chain type") != std::string::npos;
        });
    BOOST_TEST(ruleset() == before);
}

BOOST_AUTO_TEST_CASE(a_senseless_rule_is_not_sent) {
    auto table = masquerade();
    table.chains[0].rules[0].statements.front() = from("fd00::/8");
    BOOST_CHECK_THROW(apply({ReplaceTable{"node/a", table}}), Error);
    BOOST_TEST(ruleset() == "");
}

BOOST_AUTO_TEST_CASE(a_table_of_thousands_of_rules_goes_in_one_transaction) {
    NftTable table{NftFamily::Ip, "big", {}};
    NftChain chain{"forward", NftBase{}, {}};
    for (std::uint32_t i = 0; i < 3000; ++i) {
        NftMatchAddress match;
        match.prefix = IpPrefix::host(IpAddress::v4(0x0A000000 + i));
        chain.rules.push_back({{match, NftSetVerdict{NftVerdict::Accept, ""}}, "one of many"});
    }
    table.chains.push_back(chain);
    try {
        apply({ReplaceTable{"node/a", table}});
    } catch (const SysError& error) {
        // As an ordinary user the socket's buffer ends at net.core.wmem_max.
        BOOST_TEST(error.error_number() == EMSGSIZE);
        BOOST_TEST(ruleset() == "");
        return;
    }
    BOOST_TEST(kernel->observe().namespaces.at("node/a").tables.at(0).counts.rules == 3000U);
}

BOOST_AUTO_TEST_CASE(a_rule_that_was_removed_by_hand_is_missed) {
    apply({ReplaceTable{"node/a", masquerade()}});
    const int fd = kernel->namespace_fd("node/a");
    BOOST_TEST(
        run_in(fd, {"nft", "flush", "chain", "ip", "cni-masquerade", "postrouting"}).status == 0);
    BOOST_TEST(run_in(fd, {"nft", "add", "table", "ip6", "theirs"}).status == 0);
    const auto info = kernel->observe().namespaces.at("node/a").tables;
    BOOST_REQUIRE_EQUAL(info.size(), 2U);
    for (const auto& table : info) {
        BOOST_TEST(table.counts.rules == 0U);
        BOOST_TEST((table.name == "theirs") == table.digest.empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
