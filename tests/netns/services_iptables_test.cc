#include <boost/test/unit_test.hpp>

#include "services/iptables_mode.h"
#include "services/userspace_mode.h"
#include "tests/netns/kernel_fixture.h"
#include "tests/support/temporary.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;
using netemu::test::KernelFixture;
using netemu::test::run_in;

namespace {

constexpr const char* kNode = "node/a";

struct IptablesFixture : KernelFixture {
    IptablesFixture() { create({kNode}); }

    /// Feeds `text` to a program in the namespace.
    netemu::test::Output
    restore(const std::string& program, const std::string& text, bool only_test) {
        const netemu::test::TemporaryFile file(text);
        std::vector<std::string> words{program, "--noflush"};
        if (only_test) {
            words.push_back("--test");
        }
        words.push_back(file.path());
        return run_in(kernel->namespace_fd(kNode), words);
    }

    void load(const std::string& program, const std::string& text) {
        for (const bool only_test : {true, false}) {
            const auto output = restore(program, text, only_test);
            BOOST_TEST(output.status == 0, program << ": " << output.err << "\n" << text);
        }
    }

    std::string saved(const std::string& program) {
        return run_in(kernel->namespace_fd(kNode), {program}).out;
    }
};

/// A match that this kernel lacks (recent needs xt_recent) makes the whole text fail.
bool lacks_recent(IptablesFixture& fixture) {
    return fixture
               .restore(
                   "iptables-restore",
                   "*nat\n:T - [0:0]\n-A T -m recent --name T --set\nCOMMIT\n",
                   false)
               .status != 0;
}

std::string sync_of(const std::vector<ServicePortInputPtr>& ports, Family family) {
    std::vector<IptablesFragment> fragments;
    fragments.reserve(ports.size());
    for (const auto& port : ports) {
        fragments.push_back(iptables_fragment(*port, node(), config()));
    }
    std::vector<const IptablesFragment*> all;
    all.reserve(fragments.size());
    for (const auto& fragment : fragments) {
        all.push_back(&fragment);
    }
    return iptables_sync({all, all, {}}, family);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(services_iptables, IptablesFixture)

BOOST_AUTO_TEST_CASE(the_real_iptables_takes_every_rule_twice) {
    auto ports = overall();
    if (lacks_recent(*this)) {
        BOOST_TEST_MESSAGE("SKIPPED in part: this kernel has no xt_recent (affinity)");
        auto without = *ports[4];
        without.affinity_seconds = 0;
        ports[4] = std::make_shared<const ServicePortInput>(without);
    }
    load("iptables-restore", iptables_setup(Family::V4));
    const auto text = sync_of(ports, Family::V4);
    load("iptables-restore", text);
    const auto first = saved("iptables-save");
    load("iptables-restore", text); // written anew, not once more
    const auto count = [](const std::string& where, const std::string& what) {
        std::size_t found = 0;
        for (auto at = where.find(what); at != std::string::npos; at = where.find(what, at + 1)) {
            ++found;
        }
        return found;
    };
    for (const auto* line :
         {"-j KUBE-SVC-XPGD46QRK7WJZT7O",
          "-j DNAT --to-destination 10.180.0.5:80",
          "--probability 0.50000000000",
          "-j KUBE-FW-NUKIZ6OKUXPJNT4C",
          "-A KUBE-FORWARD",
          "-j MASQUERADE --random-fully",
          ":KUBE-PROXY-CANARY"}) {
        BOOST_TEST(count(first, line) > 0U, line << " in\n" << first);
        BOOST_TEST(count(saved("iptables-save"), line) == count(first, line), line);
    }
}

BOOST_AUTO_TEST_CASE(ip6tables_takes_the_ipv6_rules) {
    auto made = service("ns/web", "fd00:20::1", 30080);
    made.external_policy = TrafficPolicy::Local;
    made.external_ips = {ip("2001:db8::5")};
    const SlicePort port{"p80", Protocol::Tcp, 8080, ""};
    const auto one = input(
        made,
        {slice("ns/web", port, {ready("fd00:10::5", "n1"), ready("fd00:10::6", "n2")})},
        Family::V6);
    load("ip6tables-restore", iptables_setup(Family::V6));
    load("ip6tables-restore", sync_of({one}, Family::V6));
    const auto text = saved("ip6tables-save");
    BOOST_TEST(text.find("--to-destination [fd00:10::5]:8080") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(stale_chains_are_deleted) {
    load("iptables-restore", iptables_setup(Family::V4));
    const auto all = overall();
    load("iptables-restore", sync_of({all[0], all[3]}, Family::V4));
    const auto kept = iptables_fragment(*all[3], node(), config());
    const auto gone = iptables_fragment(*all[0], node(), config());
    const std::vector<const IptablesFragment*> left{&kept};
    load("iptables-restore", iptables_sync({left, {}, gone.chains}, Family::V4));
    const auto text = saved("iptables-save");
    BOOST_TEST(text.find("KUBE-SVC-XPGD46QRK7WJZT7O") == std::string::npos, text);
    BOOST_TEST(text.find("10.180.0.4:80") != std::string::npos, text); // not written, yet there
}

BOOST_AUTO_TEST_CASE(the_userspace_rules_are_taken) {
    load("iptables-restore", userspace_setup());
    const auto web = overall()[2];
    const std::vector<UserspacePort> ports{{web.get(), 40123}};
    load("iptables-restore", userspace_sync(ports, ip("192.168.0.2")));
    BOOST_TEST(saved("iptables-save").find("--to-ports 40123") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
