#include <boost/test/unit_test.hpp>

#include "labctl/cni/error.h"
#include "labctl/cni/result.h"

using namespace labctl::cni;
using labctl::api::Json;

namespace {

/// The result of ADD in the specification's appendix (CNI 1.1.0, "Examples", bridge).
const char* const kExample = R"({
    "cniVersion": "1.1.0",
    "ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2}],
    "routes": [{"dst": "0.0.0.0/0"}],
    "interfaces": [
        {"name": "cni0", "mac": "00:11:22:33:44:55"},
        {"name": "veth3243", "mac": "55:44:33:22:11:11"},
        {"name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue"}],
    "dns": {"nameservers": ["10.1.0.1"]}})";

bool is_refused(const std::string& text) {
    try {
        (void)read_result(Json::parse(text));
        return false;
    } catch (const CniError& error) {
        return error.code() == Code::Decoding;
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(the_example_of_the_specification_is_read_and_written) {
    const auto example = Json::parse(kExample);
    const auto result = read_result(example);
    BOOST_TEST(to_json(result, "1.1.0") == example);
    BOOST_TEST(container_addresses(result).at(0).address.to_string() == "10.1.0.5/16");
}

BOOST_AUTO_TEST_CASE(addresses_have_a_version_up_to_0_4_0_and_interfaces_an_mtu_from_1_1_0) {
    auto result = read_result(Json::parse(kExample));
    result.interfaces.at(2).mtu = 1450;
    BOOST_TEST(to_json(result, "0.3.1")["ips"][0]["version"] == "4");
    BOOST_TEST(to_json(result, "0.4.0")["ips"][0]["version"] == "4");
    BOOST_TEST(!to_json(result, "1.0.0")["ips"][0].contains("version"));
    BOOST_TEST(!to_json(result, "1.0.0")["interfaces"][2].contains("mtu"));
    BOOST_TEST(to_json(result, "1.1.0")["interfaces"][2]["mtu"] == 1450);
}

BOOST_AUTO_TEST_CASE(a_host_interface_s_address_is_not_the_container_s) {
    auto json = Json::parse(kExample);
    json["ips"].push_back({{"address", "10.1.0.1/16"}, {"interface", 0}});
    json["ips"].push_back({{"address", "fd00::5/64"}});
    const auto addresses = container_addresses(read_result(json));
    BOOST_TEST(addresses.size() == 2U);
    BOOST_TEST(addresses.at(1).address.to_string() == "fd00::5/64");
}

BOOST_AUTO_TEST_CASE(a_result_that_makes_no_sense_is_refused) {
    BOOST_TEST(is_refused("[]"));
    BOOST_TEST(is_refused(R"({"cniVersion": "9.0"})"));
    BOOST_TEST(is_refused(R"({"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.5"}]})"));
    BOOST_TEST(is_refused(R"({"cniVersion": "1.0.0", "ips": [{"address": "x/8"}]})"));
    BOOST_TEST(is_refused(
        R"({"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.5/8", "interface": 3}]})"));
}

BOOST_AUTO_TEST_CASE(a_later_plugin_adds_to_what_is_there) {
    const auto first = read_result(Json::parse(kExample));
    Result more;
    more.interfaces = {{"net1", "", 0, "/var/run/netns/blue"}};
    more.ips = {{*netemu::IpPrefix::parse("10.2.0.9/24"), {}, 0}};
    const auto both = append(first, more);
    BOOST_TEST(both.interfaces.size() == 4U);
    BOOST_TEST(*both.ips.at(1).interface == 3U);
    BOOST_TEST(both.dns.nameservers.at(0) == "10.1.0.1");
}
