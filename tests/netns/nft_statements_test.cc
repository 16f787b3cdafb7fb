#include <set>

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/nft_change.h"
#include "netemu/model/nft_text.h"
#include "tests/netns/kernel_fixture.h"
#include "tests/support/state_text.h"
#include "tests/support/temporary.h"

using namespace netemu;
using namespace netemu::test;

namespace {

using Field = NftMatchAddress::Field;
using Side = NftMatchPort::Side;
using How = NftSetMark::How;

NftSetVerdict verdict(NftVerdict how, const char* chain = "") {
    return {how, chain};
}

const NftKey kService{NftField::Destination, NftField::Protocol, NftField::DestinationPort};

std::vector<NftSet> every_set() {
    NftSet ips{"cluster-ips", {NftType::Ipv4}};
    ips.comment = "all of them";
    ips.elements = {
        nft_member(NftBytes().address(ip("10.96.0.1")), "x"),
        nft_member(NftBytes().address(ip("10.96.0.2")))};
    NftSet affinity{"affinity", {NftType::Ipv4}};
    affinity.dynamic = true;
    affinity.timeout_seconds = 10800;
    affinity.size = 65535;
    NftSet ranges{"ranges", {NftType::Ipv4}};
    ranges.interval = true;
    ranges.elements = {
        nft_member(prefix("10.0.0.0/8")),
        nft_member(prefix("192.0.2.0/25"), "half"),
        nft_member(prefix("192.0.2.128/25")),
        nft_member(prefix("255.255.255.0/24"))};
    NftSet services{"service-ips", {NftType::Ipv4, NftType::Protocol, NftType::Port}};
    services.verdicts = true;
    services.elements = {
        nft_verdict(
            NftBytes().address(ip("10.96.0.1")).protocol(IPPROTO_TCP).port(80),
            NftVerdict::Goto,
            "marks",
            "prod/web:http"),
        nft_verdict(
            NftBytes().address(ip("10.96.0.2")).protocol(IPPROTO_UDP).port(53), NftVerdict::Drop)};
    NftSet ports{"nodeports", {NftType::Protocol, NftType::Port}};
    ports.verdicts = true;
    ports.elements = {
        nft_verdict(NftBytes().protocol(IPPROTO_TCP).port(30080), NftVerdict::Goto, "marks")};
    NftSet picks{
        "picks",
        {NftType::Number, NftType::Ipv4, NftType::Protocol, NftType::Port},
        {NftType::Ipv4, NftType::Port}};
    picks.elements = {nft_data(
        NftBytes().number(0).address(ip("10.96.0.1")).protocol(IPPROTO_TCP).port(80),
        NftBytes().address(ip("10.244.0.5")).port(8080))};
    NftSet choice{"choice", {NftType::Number}};
    choice.verdicts = true;
    choice.elements = {nft_verdict(NftBytes().number(0), NftVerdict::Goto, "marks")};
    NftSet plain{"plain-ports", {NftType::Port}};
    plain.elements = {nft_member(NftBytes().port(443))};
    NftSet pairs{"pairs", {NftType::Ipv4, NftType::Port}};
    pairs.interval = true;
    NftElement pair;
    pair.key =
        NftBytes().address(ip("10.1.0.0")).port(80).address(ip("10.1.255.255")).port(90).str();
    pair.range = true;
    pairs.elements = {pair};
    return {ips, affinity, ranges, services, ports, picks, choice, plain, pairs};
}

/// One rule for each statement, and what `nft list` has to say about it.
struct Sample {
    std::vector<NftStatement> statements;
    const char* listed;
};

std::vector<Sample> every_statement() {
    const auto tcp = NftMatchProtocol{IPPROTO_TCP, false};
    const auto accept = verdict(NftVerdict::Accept);
    return {
        {{NftMatchAddresses{
              Field::Source,
              true,
              {prefix("10.0.0.0/8"), prefix("10.2.0.0/16"), prefix("192.0.2.1/32")}},
          verdict(NftVerdict::Drop)},
         "ip saddr != { 10.0.0.0/8, 192.0.2.1 } drop"},
        {{NftMatchAddresses{
              Field::Destination, false, {prefix("192.0.2.1/32"), prefix("192.0.2.2/32")}},
          accept},
         "ip daddr { 192.0.2.1, 192.0.2.2 } accept"},
        {{NftMatchSet{{NftField::Source}, "affinity", false}, verdict(NftVerdict::Goto, "marks")},
         "ip saddr @affinity goto marks"},
        {{NftMatchSet{{NftField::Destination}, "ranges", true}, accept},
         "ip daddr != @ranges accept"},
        {{NftMatchSet{{NftField::Destination, NftField::DestinationPort}, "pairs", false}, accept},
         "ip daddr . th dport @pairs accept"},
        {{NftMatchSet{{NftField::DestinationPort}, "plain-ports", false}, accept},
         "th dport @plain-ports accept"},
        {{NftMatchProtocol{IPPROTO_UDP, true}, verdict(NftVerdict::Continue)},
         "meta l4proto != udp continue"},
        {{tcp, NftMatchPort{Side::Destination, 80, 80, false}, accept}, "tcp dport 80 accept"},
        {{tcp, NftMatchPort{Side::Source, 80, 90, false}, accept}, "tcp sport 80-90 accept"},
        {{NftMatchPort{Side::Destination, 80, 90, true}, accept}, "th dport != 80-90 accept"},
        {{NftMatchMark{0x4000, 0, false}, verdict(NftVerdict::Return)},
         "meta mark & 0x00004000 == 0x00000000 return"},
        {{NftMatchMark{0x4000, 0, true}, accept}, "meta mark & 0x00004000 != 0x00000000 accept"},
        {{NftMatchMark{0xffffffff, 7, false}, accept}, "meta mark 0x00000007 accept"},
        {{NftMatchCtState{nft_ct_state::kEstablished | nft_ct_state::kRelated}, accept},
         "ct state established,related accept"},
        {{NftMatchCtState{nft_ct_state::kNew}, verdict(NftVerdict::Jump, "marks")},
         "ct state new jump marks"},
        {{NftMatchCtState{nft_ct_state::kInvalid}, verdict(NftVerdict::Drop)},
         "ct state invalid drop"},
        {{NftMatchLocal{false}, NftCounter{}}, "fib daddr type local counter packets 0 bytes 0"},
        {{NftMatchLocal{true}, NftCounter{}}, "fib daddr type != local counter packets 0 bytes 0"},
        {{NftLog{"why "}, NftLog{""}}, "log prefix \"why \" log"},
        {{NftLog{"why ", 100, 128}, verdict(NftVerdict::Drop)},
         "log prefix \"why \" group 100 snaplen 128 drop"},
        {{NftLog{"", 0}}, "log group 0"},
        {{NftMatchIcmp{Family::V4, 8, 8}, accept}, "icmp type echo-request accept"},
        {{NftMatchIcmp{Family::V4, 200, 210}, accept}, "icmp type 200-210 accept"},
        {{NftTrace{}}, "meta nftrace set 1"},
        {{NftNotrack{}}, "notrack"},
        {{NftSetMark{How::Or, 0x4000}}, "meta mark set meta mark | 0x00004000"},
        {{NftSetMark{How::Xor, 0x4000}}, "meta mark set meta mark ^ 0x00004000"},
        {{NftSetMark{How::And, 0x4000}}, "meta mark set meta mark & 0x00004000"},
        {{NftSetMark{How::Set, 7}}, "meta mark set 0x00000007"},
        {{NftUpdateSet{"affinity", {NftField::Source}, 0}}, "update @affinity { ip saddr }"},
        {{NftUpdateSet{"affinity", {NftField::Source}, 30}},
         "update @affinity { ip saddr timeout 30s }"},
        {{tcp, NftDnat{ip("10.244.0.5"), 8080}}, "meta l4proto tcp dnat to 10.244.0.5:8080"},
        {{tcp, NftDnat{ip("10.244.0.5"), 0}}, "meta l4proto tcp dnat to 10.244.0.5"},
        {{NftDnatMap{
             {NftField::Random,
              NftField::Destination,
              NftField::Protocol,
              NftField::DestinationPort},
             3,
             "picks"}},
         "dnat ip to numgen random mod 3 . ip daddr . meta l4proto . th dport map @picks"},
        {{tcp, NftRedirect{15001}}, "meta l4proto tcp redirect to :15001"},
        {{NftVerdictMap{kService, 0, "service-ips"}},
         "ip daddr . meta l4proto . th dport vmap @service-ips"},
        {{NftMatchSet{{NftField::Destination}, "cluster-ips", false},
          NftVerdictMap{{NftField::Protocol, NftField::DestinationPort}, 0, "nodeports"}},
         "ip daddr @cluster-ips meta l4proto . th dport vmap @nodeports"},
        {{NftVerdictMap{{NftField::Random}, 2, "choice"}}, "numgen random mod 2 vmap @choice"},
        {{NftRandomGoto{{"marks", "drops"}}},
         "numgen random mod 2 vmap { 0 : goto marks, 1 : goto drops }"},
        {{NftRandomGoto{{"marks"}}}, "goto marks"}};
}

/// Every set, and every statement in a chain of its kind.
NftTable everything() {
    NftTable table{NftFamily::Ip, "every", {}};
    table.sets = every_set();
    table.chains = {
        {"marks", {}, {{{NftSetMark{How::Or, 1}}, "mark it"}}},
        {"drops", {}, {{{verdict(NftVerdict::Drop)}, ""}}},
        {"rejects",
         {},
         {{{NftReject{}}, ""}, {{NftMatchProtocol{IPPROTO_TCP, false}, NftReject{true}}, ""}}},
        {"samples", {}, {}},
        {"nat-postrouting",
         NftBase{"nat", NftHook::Postrouting, 100, NftVerdict::Accept},
         {{{NftMatchMark{1, 0, true}, NftMasquerade{true}}, ""}}},
        {"nat-prerouting",
         NftBase{"nat", NftHook::Prerouting, -100, NftVerdict::Accept},
         {{{verdict(NftVerdict::Jump, "samples")}, ""}}}};
    for (const auto& sample : every_statement()) {
        table.chains[3].rules.push_back({sample.statements, ""});
    }
    return table;
}

struct StatementFixture : KernelFixture {
    StatementFixture() { create({"node/a", "node/b"}); }

    std::string list(const std::string& ns) {
        const auto output = run_in(kernel->namespace_fd(ns), {"nft", "list", "ruleset"});
        BOOST_TEST(output.status == 0, output.err);
        std::string text = output.out;
        std::erase(text, '\t');
        return text;
    }

    /// Has nft(8) read `text` in a namespace.
    void feed(const std::string& ns, const std::string& text) {
        const TemporaryFile file(text + '\n');
        const auto output = run_in(kernel->namespace_fd(ns), {"nft", "-f", file.path()});
        BOOST_TEST(output.status == 0, output.err << "\n" << text.substr(0, 200));
    }

    /// What nft lists, without the comment that only our tables have, and with the elements of each
    /// set in one order, since the kernel has them in none.
    std::string bare_list(const std::string& ns) {
        std::string text = list(ns);
        std::size_t begin = 0;
        while ((begin = text.find("elements = { ", begin)) != std::string::npos) {
            begin += 13;
            const auto end = text.find(" }\n", begin);
            auto elements = text.substr(begin, end - begin);
            std::erase(elements, '\n');
            std::set<std::string> sorted;
            for (const auto part : split(elements, ',')) {
                sorted.emplace(trim(part));
            }
            const std::vector<std::string> list(sorted.begin(), sorted.end());
            text.replace(begin, end - begin, join(list, ", "));
        }
        const auto at = text.find("comment \"digest ");
        if (at != std::string::npos) {
            text.erase(at, text.find('\n', at) - at + 1);
        }
        return text;
    }

    /// The objects of one table, in alphabetical order.
    std::string sorted_list(const std::string& ns) {
        const auto text = bare_list(ns);
        std::set<std::string> objects;
        std::size_t begin = 0;
        while (begin < text.size()) {
            const auto end = std::min(text.find("\n}\n", begin), text.size());
            objects.emplace(trim(std::string_view(text).substr(begin, end - begin)));
            begin = end + 3;
        }
        const std::vector<std::string> list(objects.begin(), objects.end());
        return join(list, "\n");
    }

    void check_same() {
        const auto ours = sorted_list("node/a");
        const auto theirs = sorted_list("node/b");
        BOOST_TEST((ours == theirs), first_difference(ours, theirs));
        BOOST_TEST(!ours.empty());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(nft_statements, StatementFixture)

BOOST_AUTO_TEST_CASE(every_statement_and_set_is_listed_by_nft) {
    apply({ReplaceTable{"node/a", everything()}});
    const auto shown = list("node/a");
    for (const auto& sample : every_statement()) {
        BOOST_TEST(
            shown.find(std::string(sample.listed) + "\n") != std::string::npos,
            sample.listed << " is not in\n"
                          << shown);
    }
    const std::string random_key = "numgen random mod 65536 . ip daddr . meta l4proto . th dport";
    const auto random_endpoint = "typeof " + random_key + " : ip daddr . th dport";
    for (const char* line :
         {"type ipv4_addr . inet_proto . inet_service : verdict",
          "10.96.0.1 . tcp . 80 comment \"prod/web:http\" : goto marks",
          "10.96.0.2 . udp . 53 : drop",
          random_endpoint.c_str(),
          "elements = { 0 . 10.96.0.1 . tcp . 80 : 10.244.0.5 . 8080 }",
          "flags dynamic,timeout",
          "timeout 3h",
          "comment \"all of them\"",
          "masquerade fully-random",
          "reject with tcp reset",
          "10.1.0.0/16 . 80-90"}) {
        BOOST_TEST(shown.find(line) != std::string::npos, line << " is not in\n" << shown);
    }
    BOOST_TEST(!nft_json("node/a", {"list", "ruleset"}).empty());
}

// nft(8) itself is the oracle: it reads our text, and lists what it made of it as it lists ours.
BOOST_AUTO_TEST_CASE(the_text_of_a_table_means_the_same_to_nft) {
    const auto table = everything();
    apply({ReplaceTable{"node/a", table}});
    feed("node/b", to_text(table));
    check_same();
}

BOOST_AUTO_TEST_CASE(six_inet_and_bridge) {
    NftTable six{NftFamily::Ip6, "six", {}};
    NftSet services{"service-ips", {NftType::Ipv6, NftType::Protocol, NftType::Port}};
    services.verdicts = true;
    services.elements = {nft_verdict(
        NftBytes().address(ip("fd00::1")).protocol(IPPROTO_TCP).port(80), NftVerdict::Goto, "to")};
    NftSet picks{
        "picks",
        {NftType::Number, NftType::Ipv6, NftType::Protocol, NftType::Port},
        {NftType::Ipv6, NftType::Port}};
    picks.elements = {nft_data(
        NftBytes().number(0).address(ip("fd00::1")).protocol(IPPROTO_TCP).port(80),
        NftBytes().address(ip("fd00:1::5")).port(8080))};
    six.sets = {services, picks};
    six.chains = {
        {"to", {}, {{{NftMatchProtocol{IPPROTO_TCP, false}, NftDnat{ip("fd00:1::5"), 8080}}, ""}}},
        {"pick",
         {},
         {{{NftDnatMap{
               {NftField::Random,
                NftField::Destination,
                NftField::Protocol,
                NftField::DestinationPort},
               1,
               "picks"}},
           ""},
          {{NftVerdictMap{kService, 0, "service-ips"}}, ""},
          {{NftReject{}}, ""}}}};
    NftTable both{NftFamily::Inet, "both", {}};
    NftSet names{"names", {NftType::Mark, NftType::Ipv4}};
    both.sets = {names};
    both.chains = {
        {"filter",
         {},
         {{{NftMatchSet{{NftField::Mark, NftField::Source}, "names", false}, NftCounter{}}, ""},
          {{NftMatchIcmp{Family::V6, 133, 137}, verdict(NftVerdict::Accept)}, ""},
          {{NftReject{}}, ""}}}};
    NftTable frames{NftFamily::Bridge, "frames", {}};
    NftSet ports{"ports", {NftType::Interface, NftType::Ipv4}};
    ports.elements = {nft_member(NftBytes().interface("veth1").address(ip("10.0.0.1")))};
    frames.sets = {ports};
    frames.chains = {
        {"own-addresses",
         {},
         {{{NftMatchSet{{NftField::InputInterface, NftField::Source}, "ports", true},
            verdict(NftVerdict::Drop)},
           ""},
          {{NftMatchSet{{NftField::InputInterface, NftField::ArpSource}, "ports", true},
            verdict(NftVerdict::Drop)},
           ""}}},
        {"prerouting",
         NftBase{"filter", NftHook::Prerouting, -300, NftVerdict::Accept},
         {{{NftMatchEtherType{0x0806, false}, verdict(NftVerdict::Accept)}, ""},
          {{NftMatchEtherType{0x0800, false},
            NftSetPacketTypeHost{},
            NftSetEtherDestination{mac("02:11:22:33:44:55")}},
           ""}}}};
    for (const auto& table : {six, both, frames}) {
        apply({ReplaceTable{"node/a", table}});
        feed("node/b", to_text(table));
        check_same();
        apply({DeleteTable{"node/a", table.family, table.name}});
        feed("node/b", "flush ruleset");
    }
}

BOOST_AUTO_TEST_CASE(a_change_makes_what_a_replacement_makes) {
    const auto before = everything();
    auto after = before;
    after.sets[0].elements.erase(after.sets[0].elements.begin());
    after.sets[3].elements[1] = nft_verdict(
        NftBytes().address(ip("10.96.0.2")).protocol(IPPROTO_UDP).port(53),
        NftVerdict::Goto,
        "new");
    after.sets[5].elements.push_back(nft_data(
        NftBytes().number(1).address(ip("10.96.0.1")).protocol(IPPROTO_TCP).port(80),
        NftBytes().address(ip("10.244.0.6")).port(8080)));
    after.sets.erase(after.sets.begin() + 8);
    after.chains[3].rules.erase(after.chains[3].rules.begin() + 4);
    after.chains[3].rules.back() = {{NftRandomGoto{{"new", "marks", "drops"}}}, "three"};
    after.chains.insert(
        after.chains.begin(),
        NftChain{"new", {}, {{{verdict(NftVerdict::Jump, "marks")}, "comes"}}});
    after.chains.erase(after.chains.begin() + 3); // rejects
    apply({ReplaceTable{"node/a", before}});
    const auto change = nft_diff(before, after);
    BOOST_REQUIRE(change.has_value());
    apply({ChangeTable{"node/a", std::make_shared<const NftChange>(*change), nft_identity(after)}});
    const auto info = kernel->observe().namespaces.at("node/a").tables.at(0);
    BOOST_TEST(info.digest == table_digest(after));
    BOOST_TEST((info.counts == nft_counts(after)));
    // nft 1.0.6 cannot read the commands of the change: it takes "ip . th" of a set that is there
    // already for a conflict.
    feed("node/b", to_text(after));
    check_same();
}

BOOST_AUTO_TEST_CASE(what_others_do_to_a_changed_table_is_noticed) {
    auto before = everything();
    auto after = before;
    after.sets[0].elements.pop_back();
    apply({ReplaceTable{"node/a", before}});
    const auto change = std::make_shared<const NftChange>(*nft_diff(before, after));
    apply({ChangeTable{"node/a", change, nft_identity(after)}});
    const auto state = [&] { return kernel->observe().namespaces.at("node/a").tables.at(0); };
    const auto as_wanted = [&] {
        return state().digest == table_digest(after) && state().counts == nft_counts(after);
    };
    BOOST_TEST(as_wanted());
    const auto nft = [&](const std::vector<std::string>& words) {
        BOOST_TEST(run_in(kernel->namespace_fd("node/a"), words).status == 0);
    };
    nft({"nft", "add", "table", "ip", "theirs"});
    nft({"nft", "add", "element", "ip", "every", "affinity", "{ 10.9.9.9 }"}); // as packets do
    BOOST_TEST(as_wanted());
    nft({"nft", "add", "element", "ip", "every", "cluster-ips", "{ 10.9.9.9 }"});
    BOOST_TEST(!as_wanted());
    nft({"nft", "delete", "element", "ip", "every", "cluster-ips", "{ 10.9.9.9 }"});
    BOOST_TEST(as_wanted());
    nft({"nft", "flush", "chain", "ip", "every", "samples"});
    BOOST_TEST(!as_wanted());
    // A change does not hide it.
    apply({ChangeTable{
        "node/a",
        std::make_shared<const NftChange>(*nft_diff(after, before)),
        nft_identity(before)}});
    BOOST_TEST(state().digest == "");
    apply({ReplaceTable{"node/a", after}});
    BOOST_TEST(as_wanted());
    nft({"nft", "delete", "table", "ip", "every"});
    nft({"nft", "add", "table", "ip", "every"});
    BOOST_TEST(kernel->observe().namespaces.at("node/a").tables.at(0).digest == "");
}

BOOST_AUTO_TEST_CASE(an_error_names_the_object) {
    apply({ReplaceTable{"node/a", everything()}});
    const auto refused = [&](const NftChange& change, const std::string& words) {
        BOOST_CHECK_EXCEPTION(
            apply({ChangeTable{"node/a", std::make_shared<const NftChange>(change), {}}}),
            Error,
            [&](const Error& error) {
                const std::string text = error.what();
                BOOST_TEST(text.find(words) != std::string::npos, text);
                return true;
            });
    };
    NftChange change;
    change.table = "every";
    change.added_chains = {
        {"fine", {}, {}}, {"bad", {}, {{{verdict(NftVerdict::Jump, "nowhere")}, "who knows"}}}};
    refused(change, "rule \"who knows\" in chain \"bad\"");
    BOOST_TEST(list("node/a").find("chain fine") == std::string::npos);
    change.added_chains.clear();
    change.deleted_chains = {"absent"};
    refused(change, "chain \"absent\"");
    change.deleted_chains.clear();
    change.deleted_sets = {"choice"};
    refused(change, "set \"choice\"");
    change.deleted_sets.clear();
    change.removed_elements = {every_set()[0]};
    change.removed_elements[0].elements = {nft_member(NftBytes().address(ip("10.96.9.9")))};
    refused(change, "elements of set \"cluster-ips\"");
    const auto info = kernel->observe().namespaces.at("node/a").tables.at(0);
    BOOST_TEST(info.digest == table_digest(everything()));
}

BOOST_AUTO_TEST_SUITE_END()
