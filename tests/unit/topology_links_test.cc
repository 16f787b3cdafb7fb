#include <algorithm>
#include <stdexcept>

#include <boost/test/unit_test.hpp>

#include "labctl/api/fault.h"
#include "labctl/compile/impairments.h"
#include "labctl/compile/network.h"
#include "labctl/compile/topology_read.h"
#include "labctl/explain/packet_path.h"
#include "netemu/base/error.h"
#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using namespace labctl::explain;
using namespace labctl::test;
using labctl::api::LinkChange;
using labctl::api::parse_fault;
using namespace netemu;

namespace {

/// What `text` means for `name`, written again; or why it means nothing.
std::string value(const char* name, const char* text) {
    LinkChange change;
    const auto why = labctl::api::set_link_value(change, name, text);
    return why.empty() ? labctl::api::link_flags(change) : why;
}

const LinkSpec& link_of(const DesiredState& state, const std::string& ns, const std::string& name) {
    const auto& links = state.namespaces.at(ns).links;
    const auto found = std::find_if(
        links.begin(), links.end(), [&](const auto& each) { return each.name == name; });
    BOOST_REQUIRE_MESSAGE(found != links.end(), ns + " has no " + name);
    return *found;
}

/// Two hosts on a switch, the second one's link with these fields.
std::string lan_with(const std::string& fields) {
    return R"({"cidr": "10.1.0.0/16", "switches": ["s1"], "hosts": ["h1", "h2"],
               "links": [{"endpoints": ["h1", "s1"]}, {"endpoints": ["h2", "s1"], )" +
           fields + "}]}";
}

DesiredState
realized(const TopologyCluster& lab, bool netem, const std::vector<NetworkFault>& faults = {}) {
    auto state = compile_network(lab.store, lab.config);
    add_impairments(
        lab.config, faults, [netem] { return netem; }, state);
    return state;
}

NetworkFault fault_between(const char* words, const char* near, const char* far) {
    return {"f1", near, parse_fault(words), far};
}

std::string problem_of(const std::string& fields) {
    try {
        const TopologyCluster lab(0, lan_with(fields));
    } catch (const TopologyError& error) {
        return error.what();
    }
    return "no problem";
}

} // namespace

BOOST_AUTO_TEST_SUITE(topology_links)

BOOST_AUTO_TEST_CASE(values) {
    BOOST_TEST(value("delay", "50ms") == " --delay 50ms");
    BOOST_TEST(value("delay", "0.5ms") == " --delay 500us");
    BOOST_TEST(value("jitter", "soon") == "is no time of at most a minute, such as 50ms or 300us");
    BOOST_TEST(value("delay", "2m").starts_with("is no time"));
    BOOST_TEST(value("loss", "1%") == " --loss 1%");
    BOOST_TEST(value("loss", "0.05") == " --loss 0.05%");
    BOOST_TEST(value("loss", "100%") == " --loss 100%");
    BOOST_TEST(value("corrupt", "12.3456%") == " --corrupt 12.3456%");
    for (const auto* bad : {"", "%", "101%", "100.1%", "1.23456%", "-1%", "1,5%", "1e1"}) {
        BOOST_TEST(value("loss", bad).starts_with("is no share"), bad);
    }
    BOOST_TEST(value("rate", "10mbit") == " --rate 10000kbit");
    BOOST_TEST(value("rate", "1Gbit/s") == " --rate 1000000kbit");
    BOOST_TEST(value("rate", "9600") == " --rate 9600bit");
    for (const auto* bad :
         {"", "fast", "7999bit", "101gbit", "10mbyte", "99999999999999999999bit"}) {
        BOOST_TEST(value("rate", bad).starts_with("is no rate"), bad);
    }
    BOOST_TEST(value("queue", "0") == "is no number from 1 to 1000000");
    BOOST_TEST(value("mtu", "9000") == " --mtu 9000");
    BOOST_CHECK_THROW((void)value("colour", "red"), std::logic_error);
}

BOOST_AUTO_TEST_CASE(words_of_a_fault) {
    const auto* text = "link host/h1 switch/a --delay 50ms --loss 1% --direction out --for 5s";
    BOOST_TEST(to_string(parse_fault(text)) == text);
    BOOST_CHECK_THROW((void)parse_fault("link host/h1 --loss 1%"), UsageError);
    BOOST_CHECK_THROW((void)parse_fault("link host/h1 switch/a"), UsageError);
    BOOST_CHECK_THROW((void)parse_fault("link host/h1 switch/a --share 1%"), UsageError);
    BOOST_CHECK_THROW((void)parse_fault("link a b c --loss 1%"), UsageError);
    BOOST_CHECK_THROW((void)parse_fault("cut host/h1 --loss 1%"), UsageError);
    BOOST_CHECK_THROW((void)parse_fault("link a b --mtu 900 --direction in"), UsageError);
}

BOOST_AUTO_TEST_CASE(of_a_lab_file) {
    BOOST_TEST(
        problem_of(R"("delay": "soon")") ==
        "spec.underlay.links[1].delay: 'soon' is no time of at most a minute, such as 50ms or "
        "300us");
    BOOST_TEST(
        problem_of(R"("towards": {"h1": {"loss": "1%"}})") ==
        "spec.underlay.links[1].towards.h1: 'h1' is no end of this link");
    BOOST_TEST(
        problem_of(R"("towards": {"h2": {"mtu": 900}})") ==
        "spec.underlay.links[1].towards.h2.mtu: no direction has a 'mtu'");
    BOOST_TEST(
        problem_of(R"("delay": "5ms", "jitter": "6ms")") ==
        "spec.underlay.links[1].jitter: the jitter is more than the delay, which it is a part of");
    const TopologyCluster lab(
        0, lan_with(R"("delay": "5ms", "queue": 50, "towards": {"h2": {"loss": 2}})"));
    const auto state = realized(lab, true);
    const auto& to_host = link_of(state, "switch/s1", "to-h2");
    BOOST_TEST((to_host.shaper == Shaper::Netem));
    BOOST_TEST(to_text(to_host.impairment) == "delay 5ms loss 2% limit 50");
    BOOST_TEST(to_text(link_of(state, "host/h2", "eth0").impairment) == "delay 5ms limit 50");
    BOOST_TEST((link_of(state, "host/h1", "eth0").shaper == Shaper::None));
    const auto way = packet_path(state, {"host/h1", *IpAddress::parse("10.1.0.2"), {}, {}});
    BOOST_TEST(way.at(1).how == "switched by br0 [link: delay 5ms loss 2% limit 50]");
}

BOOST_AUTO_TEST_CASE(without_netem) {
    const TopologyCluster lab(0, lan_with(R"("rate": "10mbit", "loss": "0.5%")"));
    const auto state = realized(lab, false);
    BOOST_TEST((link_of(state, "switch/s1", "to-h2").shaper == Shaper::Tbf));
    BOOST_TEST((link_of(state, "host/h2", "eth0").shaper == Shaper::Tbf));
    BOOST_TEST(state.namespaces.at("switch/s1").tables.empty());
    const auto& tables = state.namespaces.at("host/h2").tables;
    BOOST_REQUIRE(tables.size() == 1U);
    BOOST_TEST(tables[0].name == kLinkLossTable);
    BOOST_TEST(tables[0].chains.size() == 4U); // two of hooks, in-eth0 and out-eth0
    BOOST_REQUIRE(tables[0].sets.size() == 2U);
    BOOST_TEST(tables[0].sets[0].elements.size() == 5U); // of a thousand
    const TopologyCluster slow(0, lan_with(R"("delay": "1ms")"));
    BOOST_CHECK_EXCEPTION(
        (void)realized(slow, false), UnsupportedError, [](const UnsupportedError& error) {
            return std::string(error.what()) ==
                       "the link host/h2:eth0: delay 1ms: this kernel has no netem" &&
                   error.hint().find("CONFIG_NET_SCH_NETEM") != std::string::npos &&
                   error.hint().find("emulation: userspace") != std::string::npos;
        });
    const TopologyCluster two(
        0,
        R"({"cidr": "10.1.0.0/16", "switches": ["a", "b"], "hosts": ["h1", "h2"],
            "links": [{"endpoints": ["h1", "a"]}, {"endpoints": ["h2", "b"]},
                      {"endpoints": ["a", "b"], "loss": "1%"}]})");
    BOOST_CHECK_THROW((void)realized(two, false), UnsupportedError);
    const auto with = realized(two, true);
    BOOST_TEST((link_of(with, "switch/b", "to-a").shaper == Shaper::Netem));
}

BOOST_AUTO_TEST_CASE(in_userspace) {
    const TopologyCluster lab(
        0,
        lan_with(R"("emulation": "userspace", "delay": "5ms", "towards": {"h2": {"corrupt": 2}})"));
    auto state = compile_network(lab.store, lab.config);
    BOOST_TEST(links_in_userspace(lab.config));
    add_impairments(
        lab.config,
        {fault_between("link host/h2 switch/s1 --jitter 1ms", "host/h2", "switch/s1")},
        []() -> bool { throw std::logic_error("nothing of the kernel is asked for"); },
        state);
    auto too_large = state;
    BOOST_CHECK_THROW(
        add_impairments(
            lab.config,
            {fault_between("link host/h2 switch/s1 --mtu 65535", "host/h2", "switch/s1")},
            [] { return false; },
            too_large),
        UsageError);
    const auto& port = link_of(state, "switch/s1", "to-h2");
    const auto& eth0 = link_of(state, "host/h2", "eth0");
    BOOST_TEST((std::get<TapSpec>(port.kind) == TapSpec{"host/h2", "eth0", true}));
    BOOST_TEST((std::get<TapSpec>(eth0.kind) == TapSpec{"switch/s1", "to-h2", false}));
    BOOST_TEST(to_text(port.impairment) == "delay 5ms 1ms corrupt 2%");
    BOOST_TEST(to_text(eth0.impairment) == "delay 5ms 1ms");
    BOOST_TEST((port.shaper == Shaper::None));
    BOOST_TEST(state.namespaces.at("host/h2").tables.empty());
    BOOST_TEST(std::holds_alternative<VethSpec>(link_of(state, "switch/s1", "to-h1").kind));
    // The same addresses and names as a veth pair has.
    const TopologyCluster veths(0, lan_with(R"("mtu": 1500)"));
    const auto others = compile_network(veths.store, veths.config);
    const auto& other = link_of(others, "host/h2", "eth0");
    BOOST_TEST((eth0.mac == other.mac && eth0.index == other.index && eth0.mtu == other.mtu));
    BOOST_TEST((eth0.addresses == other.addresses));
    netemu::test::FakeKernel kernel;
    const auto plan = make_plan(state, {});
    BOOST_TEST(!summarize(plan).contains("set queueing discipline"));
    kernel.apply(plan);
    BOOST_TEST(make_plan(state, kernel.observe()).empty());
    BOOST_TEST(make_plan(state, expected_observation(state)).empty());
    const auto way = packet_path(state, {"host/h1", *IpAddress::parse("10.1.0.2"), {}, {}});
    BOOST_TEST(way.at(1).how == "switched by br0 [link: delay 5ms 1ms corrupt 2%]");
    BOOST_TEST(way.back().how == "arrives");
    // From veths to TAP devices and back.
    const auto change = make_plan(state, expected_observation(others));
    BOOST_TEST(summarize(change).at("create link") == 2U);
    BOOST_TEST(!make_plan(others, kernel.observe()).empty());
}

BOOST_AUTO_TEST_CASE(all_links_in_userspace) {
    const char* all = R"({"cidr": "10.1.0.0/16", "switches": ["s1"], "hosts": ["h1", "h2"],
               "emulation": "userspace",
               "links": [{"endpoints": ["h1", "s1"]},
                         {"endpoints": ["h2", "s1"], "emulation": "none"}]})";
    const TopologyCluster lab(0, all);
    const auto state = compile_network(lab.store, lab.config);
    BOOST_TEST(std::holds_alternative<TapSpec>(link_of(state, "switch/s1", "to-h1").kind));
    BOOST_TEST(std::holds_alternative<VethSpec>(link_of(state, "switch/s1", "to-h2").kind));
    BOOST_TEST(
        problem_of(R"("emulation": "magic")") ==
        "spec.underlay.links[1].emulation: 'magic' is not known");
    BOOST_TEST(
        problem_of(R"("emulation": "userspace", "mtu": 65522)") ==
        "spec.underlay.links[1].mtu: 65522 is more than a link in userspace can have");
    BOOST_TEST(problem_of(R"("emulation": "userspace", "mtu": 65521)") == "no problem");
    // The default segment.
    Cluster plain(2);
    plain.config.underlay_userspace = true;
    const auto segment = compile_network(plain.store, plain.config);
    BOOST_TEST(links_in_userspace(plain.config));
    BOOST_TEST(
        (std::get<TapSpec>(link_of(segment, "underlay", "to-node-2").kind) ==
         TapSpec{"node/node-2", "eth0", true}));
    BOOST_TEST(
        (std::get<TapSpec>(link_of(segment, "node/node-2", "eth0").kind) ==
         TapSpec{"underlay", "to-node-2", false}));
    auto cut = segment;
    add_faults({fault_between("cut node/node-1", "node/node-1", "")}, cut);
    BOOST_TEST(!link_of(cut, "underlay", "to-node-1").up);
    BOOST_TEST(link_of(cut, "node/node-1", "eth0").up);
}

BOOST_AUTO_TEST_CASE(faults_change_what_the_lab_file_says) {
    const TopologyCluster lab(0, lan_with(R"("delay": "5ms")"));
    const auto state = realized(
        lab,
        true,
        {fault_between("link switch/s1 host/h2 --loss 3% --direction out", "switch/s1", "host/h2"),
         fault_between("link host/h1 switch/s1 --mtu 1000", "host/h1", "switch/s1")});
    BOOST_TEST(to_text(link_of(state, "switch/s1", "to-h2").impairment) == "delay 5ms loss 3%");
    BOOST_TEST(to_text(link_of(state, "host/h2", "eth0").impairment) == "delay 5ms");
    BOOST_TEST(link_of(state, "host/h1", "eth0").mtu == 1000U);
    BOOST_TEST(link_of(state, "switch/s1", "to-h1").mtu == 1000U);
    Cluster plain(2); // the default segment has links, too
    plain.add_pod(1, "x", "a", 2);
    auto segment = compile_network(plain.store, plain.config);
    add_impairments(
        plain.config,
        {fault_between("link node/node-1 underlay --delay 9ms", "node/node-1", "underlay"),
         fault_between("link x/a node/node-1 --rate 1mbit", "pod/x/a", "node/node-1")},
        [] { return true; },
        segment);
    BOOST_TEST(to_text(link_of(segment, "node/node-1", "eth0").impairment) == "delay 9ms");
    BOOST_TEST(to_text(link_of(segment, "underlay", "to-node-1").impairment) == "delay 9ms");
    BOOST_TEST(to_text(link_of(segment, "pod/x/a", "eth0").impairment) == "rate 1mbit");
}

BOOST_AUTO_TEST_CASE(the_plan_puts_disciplines_on_and_takes_them_off) {
    const TopologyCluster lab(0, lan_with(R"("rate": "10mbit")"));
    netemu::test::FakeKernel kernel;
    const auto with = realized(lab, true);
    const auto plan = make_plan(with, {});
    const auto lines = summarize(plan);
    BOOST_TEST(lines.at("set queueing discipline") == 2U);
    kernel.apply(plan);
    BOOST_TEST(make_plan(with, kernel.observe()).empty());
    BOOST_TEST(make_plan(with, expected_observation(with)).empty());
    const auto bare = compile_network(lab.store, lab.config);
    const auto off = make_plan(bare, kernel.observe());
    BOOST_REQUIRE(off.operations.size() == 2U);
    BOOST_TEST(describe(off.operations[0]) == "switch/s1: tc qdisc delete dev to-h2 root");
    kernel.apply(off);
    BOOST_TEST(make_plan(bare, kernel.observe()).empty());
    BOOST_TEST(!make_plan(realized(lab, false), kernel.observe()).empty());
}

BOOST_AUTO_TEST_SUITE_END()
