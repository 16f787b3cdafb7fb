#include <boost/test/unit_test.hpp>

#include "labctl/cni/capabilities.h"
#include "labctl/cni/conflist.h"

using namespace labctl::cni;
using labctl::api::Json;

namespace {

Json conflist() {
    return Json::parse(R"({
        "cniVersion": "1.0.0", "name": "dbnet", "disableCheck": true,
        "plugins": [
            {"type": "bridge", "bridge": "cni0", "capabilities": {"ips": true},
             "ipam": {"type": "host-local", "subnet": "usePodCidr"}},
            {"type": "portmap", "capabilities": {"portMappings": true, "bandwidth": false}}]})");
}

PluginPlace place() {
    return {
        {*netemu::IpPrefix::parse("10.244.1.0/24"), *netemu::IpPrefix::parse("fd00:1::/64")},
        "/state/node-1",
        Json{{"portMappings", Json::array({{{"hostPort", 80}}})}, {"bandwidth", {{"x", 1}}}}};
}

std::string only_problem(const Json& json, std::size_t nodes = 3) {
    const auto problems = check_conflist(json, nodes);
    BOOST_TEST(problems.size() == 1U);
    return problems.empty() ? "" : problems.front().path;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_good_list_has_no_problems) {
    BOOST_TEST(check_conflist(conflist(), 3).empty());
    const auto list = read_conflist(conflist());
    BOOST_TEST(list.name == "dbnet");
    BOOST_TEST(list.plugins.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_single_configuration_is_a_list_of_one) {
    const Json single{{"cniVersion", "0.4.0"}, {"name", "n"}, {"type", "ptp"}};
    BOOST_TEST(check_conflist(single, 3).empty());
    BOOST_TEST(read_conflist(single).plugins.at(0)["type"] == "ptp");
}

BOOST_AUTO_TEST_CASE(each_problem_is_at_its_place) {
    const auto with = [](const char* pointer, const Json& value) {
        auto json = conflist();
        json[Json::json_pointer(pointer)] = value;
        return json;
    };
    BOOST_TEST(only_problem(Json::array()) == "");
    BOOST_TEST(only_problem(with("/cniVersion", "3.0")) == "cniVersion");
    BOOST_TEST(only_problem(with("/name", "a b")) == "name");
    BOOST_TEST(only_problem(with("/disableCheck", "yes")) == "disableCheck");
    BOOST_TEST(only_problem(with("/plugins", Json::array())) == "plugins");
    BOOST_TEST(only_problem(with("/plugins", 5)) == "plugins");
    BOOST_TEST(only_problem(with("/plugins/1", "portmap")) == "plugins[1]");
    BOOST_TEST(only_problem(with("/plugins/1/type", "../sh")) == "plugins[1].type");
    BOOST_TEST(only_problem(with("/plugins/1/capabilities", 1)) == "plugins[1].capabilities");
    BOOST_TEST(only_problem(with("/plugins/0/ipam/type", "")) == "plugins[0].ipam.type");
    BOOST_TEST(only_problem(with("/plugins/0/ipam/subnet", "x")) == "plugins[0].ipam.subnet");
}

BOOST_AUTO_TEST_CASE(a_fixed_subnet_is_for_one_node_only) {
    auto json = conflist();
    json["plugins"][0]["ipam"]["subnet"] = "10.22.0.0/16";
    BOOST_TEST(check_conflist(json, 1).empty());
    BOOST_TEST(only_problem(json, 2) == "plugins[0].ipam.subnet");
    json["plugins"][0]["ipam"] =
        Json::parse(R"({"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/16"}]]})");
    BOOST_TEST(only_problem(json, 2) == "plugins[0].ipam.ranges[0][0].subnet");
}

BOOST_AUTO_TEST_CASE(a_plugin_gets_what_is_the_list_s_the_node_s_and_the_pod_s) {
    const auto list = read_conflist(conflist());
    const auto first = plugin_input(list, 0, place(), nullptr);
    BOOST_TEST(first["cniVersion"] == "1.0.0");
    BOOST_TEST(first["name"] == "dbnet");
    BOOST_TEST(first["ipam"]["subnet"] == "10.244.1.0/24");
    BOOST_TEST(first["ipam"]["dataDir"] == "/state/node-1");
    BOOST_TEST(!first.contains("prevResult"));
    BOOST_TEST(!first.contains("runtimeConfig"));
    const auto second = plugin_input(list, 1, place(), Json{{"ips", Json::array()}});
    BOOST_TEST(second.contains("prevResult"));
    BOOST_TEST(second["runtimeConfig"].size() == 1U); // bandwidth is declared as false
    BOOST_TEST(second["runtimeConfig"]["portMappings"][0]["hostPort"] == 80);
}

BOOST_AUTO_TEST_CASE(host_local_without_ranges_gets_those_of_the_node) {
    auto json = conflist();
    json["plugins"][0]["ipam"] = {{"type", "host-local"}};
    auto input = plugin_input(read_conflist(json), 0, place(), nullptr);
    BOOST_TEST(input["ipam"]["ranges"].size() == 2U);
    BOOST_TEST(input["ipam"]["ranges"][1][0]["subnet"] == "fd00:1::/64");
    json["plugins"][0]["ipam"]["ranges"] =
        Json::parse(R"([[{"subnet": "usePodCidrIPv6"}], [{"subnet": "usePodCidr"}]])");
    input = plugin_input(read_conflist(json), 0, place(), nullptr);
    BOOST_TEST(input["ipam"]["ranges"][0][0]["subnet"] == "fd00:1::/64");
    BOOST_TEST(input["ipam"]["ranges"][1][0]["subnet"] == "10.244.1.0/24");
}

BOOST_AUTO_TEST_CASE(a_pod_s_host_ports_and_bandwidth_are_capability_arguments) {
    const auto pod = Json::parse(R"({
        "metadata": {"annotations": {"kubernetes.io/ingress-bandwidth": "10M",
                                     "kubernetes.io/egress-bandwidth": "nonsense"}},
        "spec": {"containers": [{"ports": [
            {"containerPort": 80, "hostPort": 8080, "protocol": "TCP", "hostIP": "10.0.0.1"},
            {"containerPort": 81}]}]}})");
    const auto arguments = capability_arguments(pod);
    BOOST_TEST(
        arguments["portMappings"] ==
        Json::parse(
            R"([{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.0.0.1"}])"));
    BOOST_TEST(arguments["bandwidth"]["ingressRate"] == 10000000);
    BOOST_TEST(!arguments["bandwidth"].contains("egressRate"));
    BOOST_TEST(capability_arguments(Json::object()).empty());
}
