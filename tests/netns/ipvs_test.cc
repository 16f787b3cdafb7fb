#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/kernel/ipvs.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

/// Whether this kernel has IPVS and dummy devices, and lets us use them.
boost::test_tools::assertion_result ipvs_is_here(boost::unit_test::test_unit_id /*test*/) {
    boost::test_tools::assertion_result result(true);
    try {
        require_ipvs();
    } catch (const UnsupportedError& error) {
        result = false;
        result.message() << error.what();
    }
    return result;
}

Endpoint at(const char* text) {
    return *Endpoint::parse(text);
}

VirtualServer server_of(const char* address, std::uint8_t protocol = 6) {
    return {{at(address), protocol}, "rr", 0, {}};
}

/// A node with the device, and what ipvsadm(8) says of it.
struct IpvsFixture : KernelFixture {
    IpvsFixture() {
        create({"node/a"});
        LinkSpec device;
        device.name = "kube-ipvs0";
        device.index = kIndexBase + 5;
        device.kind = DummySpec{};
        device.mac = mac("0a:58:0a:60:00:00");
        device.up = false;
        // Without any address the kernel does not know that a real server is none of its own.
        apply({CreateLink{"node/a", loopback()}, CreateLink{"node/a", device}});
    }
    /// The lines behind the heading, blanks run together.
    std::string listed() {
        const auto shown = run_in(kernel->namespace_fd("node/a"), {"ipvsadm", "-Ln"}).out;
        std::string text;
        std::size_t line = 0;
        for (const char c : shown) {
            line += c == '\n' ? 1U : 0U;
            const bool blank = c == ' ' && !text.empty() && (text.back() == ' ');
            if (line >= 3 && !blank && !(c == '\n' && text.empty())) {
                text += c;
            }
        }
        return text;
    }
};

} // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(&ipvs_is_here))
BOOST_FIXTURE_TEST_SUITE(ipvs, IpvsFixture)

BOOST_AUTO_TEST_CASE(virtual_servers_are_as_ipvsadm_shows_them) {
    auto web = server_of("10.96.0.1:80");
    web.servers = {{at("10.244.1.2:8080")}, {at("10.244.1.3:8080"), 0}};
    auto dns = server_of("10.96.0.10:53", 17);
    dns.scheduler = "lc";
    dns.persistence_seconds = 10800;
    auto six = server_of("[fd00::1]:80");
    six.scheduler = "sh";
    six.servers = {{at("[fd00:10::2]:80")}};
    apply(
        {AddVirtualServer{"node/a", web},
         AddVirtualServer{"node/a", dns},
         AddVirtualServer{"node/a", six}});
    const auto text = listed();
    for (const auto* part :
         {"TCP 10.96.0.1:80 rr",
          "-> 10.244.1.2:8080 Masq 1 0 0",
          "-> 10.244.1.3:8080 Masq 0 0 0",
          "UDP 10.96.0.10:53 lc persistent 10800",
          "TCP [fd00::1]:80 sh",
          "-> [fd00:10::2]:80 Masq 1 0 0"}) {
        BOOST_TEST(text.find(part) != std::string::npos, part << " in\n" << text);
    }
    const auto observed = kernel->observe().namespaces.at("node/a").virtual_servers;
    BOOST_REQUIRE(observed.size() == 3U);
    BOOST_CHECK(observed[0] == web);
    BOOST_CHECK(observed[1] == dns);
    BOOST_CHECK(observed[2] == six);
}

BOOST_AUTO_TEST_CASE(each_kind_of_change_reaches_the_kernel) {
    auto web = server_of("10.96.0.1:80");
    web.servers = {{at("10.244.1.2:8080")}};
    apply({AddVirtualServer{"node/a", web}});
    web.scheduler = "lc";
    web.persistence_seconds = 60;
    apply(
        {ChangeVirtualServer{"node/a", web},
         AddRealServer{"node/a", web.key, {at("10.244.1.3:8080")}},
         ChangeRealServer{"node/a", web.key, {at("10.244.1.2:8080"), 0}}});
    BOOST_TEST(listed().find("TCP 10.96.0.1:80 lc persistent 60") != std::string::npos);
    auto observed = kernel->observe().namespaces.at("node/a").virtual_servers;
    BOOST_REQUIRE(observed.size() == 1U);
    web.servers = {{at("10.244.1.2:8080"), 0}, {at("10.244.1.3:8080")}};
    BOOST_CHECK(observed[0] == web);
    apply({DeleteRealServer{"node/a", web.key, {at("10.244.1.2:8080")}}});
    BOOST_TEST(listed().find("10.244.1.2") == std::string::npos);
    apply(
        {DeleteVirtualServer{"node/a", web.key},
         DeleteVirtualServer{"node/a", web.key}, // gone already
         DeleteRealServer{"node/a", web.key, {at("10.244.1.3:8080")}}});
    BOOST_TEST(listed().empty());
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses_names_the_operation) {
    const auto web = server_of("10.96.0.1:80");
    apply({AddVirtualServer{"node/a", web}});
    BOOST_CHECK_EXCEPTION(
        apply({AddVirtualServer{"node/a", web}}), SysError, [](const SysError& error) {
            return std::string(error.what()).find("ipvsadm -A -t 10.96.0.1:80 -s rr") !=
                   std::string::npos;
        });
    auto unfair = server_of("10.96.0.2:80");
    unfair.scheduler = "nosuch";
    BOOST_CHECK_EXCEPTION(
        apply({AddVirtualServer{"node/a", unfair}}), UnsupportedError, [](const Error& error) {
            return std::string(error.what()).find("ip_vs_nosuch") != std::string::npos;
        });
}

// 10.96.0.x on a device that is down: the node has them all the same, of both families.
BOOST_AUTO_TEST_CASE(the_device_is_down_and_its_addresses_are_local) {
    apply(
        {AddAddress{"node/a", "kube-ipvs0", prefix("10.96.0.1/32")},
         AddAddress{"node/a", "kube-ipvs0", prefix("10.96.0.2/32")},
         AddAddress{"node/a", "kube-ipvs0", prefix("fd00::1/128")}});
    const auto shown = link("node/a", "kube-ipvs0");
    BOOST_TEST(shown.at("linkinfo").at("info_kind") == "dummy");
    BOOST_TEST(shown.at("flags").dump().find("\"UP\"") == std::string::npos);
    for (const auto* table : {"-4", "-6"}) {
        const auto routes = ip_json("node/a", {table, "route", "show", "table", "local"}).dump();
        BOOST_TEST(routes.find("kube-ipvs0") != std::string::npos, routes);
    }
    const auto info = kernel->observe().namespaces.at("node/a").links.at("kube-ipvs0");
    BOOST_TEST(info.kind == "dummy");
    BOOST_TEST(info.addresses.size() == 3U);
    write_ipvs_sysctls(kernel->namespace_fd("node/a"));
    BOOST_TEST(read("node/a", "/proc/sys/net/ipv4/vs/conntrack") == "1\n");
}

BOOST_AUTO_TEST_SUITE_END()
