#include <set>

#include <boost/test/unit_test.hpp>

#include "netemu/model/interface_name.h"
#include "netemu/model/nft_text.h"
#include "netemu/model/observed.h"

using namespace netemu;

namespace {

NftTable example() {
    using Address = NftMatchAddress;
    using Interface = NftMatchInterface;
    NftTable table{NftFamily::Ip, "cni", {}};
    NftBase base;
    base.type = "nat";
    base.hook = NftHook::Postrouting;
    base.priority = 100;
    const auto range = *IpPrefix::parse("10.244.0.0/16");
    const NftRule leave{
        {Address{Address::Field::Source, range, false},
         Address{Address::Field::Destination, range, true},
         NftCounter{},
         NftMasquerade{}},
        "say \"why\""};
    const NftRule jump{
        {Interface{Interface::Direction::Input, "cni0", false},
         Interface{Interface::Direction::Output, "eth0", true},
         NftSetVerdict{NftVerdict::Jump, "other"}},
        ""};
    table.chains.push_back({"post", base, {leave, jump}});
    table.chains.push_back({"other", {}, {{{NftSetVerdict{NftVerdict::Return, {}}}, ""}}});
    return table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(a_table_reads_as_nft_writes_it) {
    BOOST_TEST(
        to_text(example()) ==
        "table ip cni { chain post { type nat hook postrouting priority 100; policy accept; "
        "ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 counter masquerade comment "
        "\"say %22why%22\"; iifname \"cni0\" oifname != \"eth0\" jump other; }; "
        "chain other { return; }; }");
    BOOST_TEST(rule_count(example()) == 3U);
}

BOOST_AUTO_TEST_CASE(a_digest_is_stable_and_sees_every_part) {
    BOOST_TEST(table_digest(example()) == table_digest(example()));
    BOOST_TEST(table_digest(example()).size() == 16U);
    BOOST_TEST(table_digest(example()).find_first_not_of("0123456789abcdef") == std::string::npos);
    BOOST_TEST(table_digest({NftFamily::Ip, "t", {}}) == "62394535a915499e");
    std::set<std::string> digests{table_digest(example())};
    auto changed = example();
    changed.family = NftFamily::Inet;
    digests.insert(table_digest(changed));
    changed = example();
    changed.chains[0].base->priority = 99;
    digests.insert(table_digest(changed));
    changed = example();
    changed.chains[0].rules[0].comment += "%";
    digests.insert(table_digest(changed));
    changed = example();
    changed.chains[0].rules.pop_back();
    digests.insert(table_digest(changed));
    changed = example();
    changed.chains[1].base = NftBase{};
    digests.insert(table_digest(changed));
    BOOST_TEST(digests.size() == 6U);
}

BOOST_AUTO_TEST_CASE(hashed_names_are_short_stable_and_distinct) {
    InterfaceNames names;
    BOOST_TEST(names.hashed("veth", "default/web-0") == "veth85bbd156");
    // FNV-1a of these two is the same: a known pair.
    InterfaceNames colliding;
    const auto first = colliding.hashed("veth", "costarring");
    const auto second = colliding.hashed("veth", "liquid");
    BOOST_TEST(first == "veth5e4daa9d");
    BOOST_TEST(second != first);
    BOOST_TEST(second.size() == 12U);
    InterfaceNames again;
    (void)again.hashed("veth", "costarring");
    BOOST_TEST(again.hashed("veth", "liquid") == second);
}

BOOST_AUTO_TEST_CASE(readable_names_where_they_fit) {
    InterfaceNames names;
    names.reserve("to-taken");
    BOOST_TEST(names.readable("to-", "node-1") == "to-node-1");
    BOOST_TEST(names.readable("to-", "abcdefghijkl") == "to-abcdefghijkl");
    for (const auto* key : {"abcdefghijklm", "taken", "a/b", "a b", "node-1"}) {
        const auto name = names.readable("to-", key);
        BOOST_TEST(is_valid_interface_name(name), name);
        BOOST_TEST(name != std::string("to-") + key);
        BOOST_TEST(name.size() == 11U);
    }
}

BOOST_AUTO_TEST_CASE(valid_names) {
    for (const auto* name : {"a", "eth0", "0123456789abcde", "..a", "a.b"}) {
        BOOST_TEST(is_valid_interface_name(name), name);
    }
    for (const auto* name : {"", ".", "..", "0123456789abcdef", "a/b", "a:b", "a b", "a\tb"}) {
        BOOST_TEST(!is_valid_interface_name(name), name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
