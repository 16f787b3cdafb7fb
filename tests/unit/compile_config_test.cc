#include <boost/test/unit_test.hpp>

#include "labctl/compile/address_plan.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

ClusterConfig config_from(const std::string& spec) {
    auto lab = object_of(
        R"({"apiVersion":"labctl.dev/v1","kind":"Lab","metadata":{"name":"x"},"spec":)" + spec +
        "}");
    lab.source.file = "/labs/x/lab.yaml";
    return ClusterConfig::from_lab(lab);
}

std::string refusal(const std::string& spec) {
    try {
        config_from(spec);
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
    return "accepted";
}

} // namespace

BOOST_AUTO_TEST_CASE(the_default_lab_is_three_nodes_with_the_known_ranges) {
    const auto config = ClusterConfig::from_lab(ClusterConfig::default_lab("demo", 3));
    BOOST_TEST(config.name == "demo");
    BOOST_TEST(config.nodes.size() == 3U);
    BOOST_TEST(config.nodes[2].name == "node-3");
    BOOST_TEST(config.pod_cidrs.at(0).to_string() == "10.244.0.0/16");
    BOOST_TEST(config.service_cidrs.at(0).to_string() == "10.96.0.0/12");
    BOOST_TEST(config.underlay_cidrs.at(0).to_string() == "172.18.0.0/16");
    BOOST_TEST(config.cni_profile == "bridge");
    BOOST_TEST(!config.cni_mtu.has_value());
    const auto plan = plan_nodes(config);
    BOOST_TEST(plan[0].pod_cidrs[0].to_string() == "10.244.1.0/24");
    BOOST_TEST(plan[2].pod_cidrs[0].to_string() == "10.244.3.0/24");
    BOOST_TEST(plan[0].underlay[0].to_string() == "172.18.0.2/16");
    BOOST_TEST(plan[2].underlay[0].to_string() == "172.18.0.4/16");
    BOOST_TEST(plan[0].gateways()[0].to_string() == "10.244.1.1");
    BOOST_TEST(external_addresses(config)[0].to_string() == "172.18.0.1/16");
}

BOOST_AUTO_TEST_CASE(an_empty_spec_means_the_defaults) {
    const auto config = config_from("{}");
    BOOST_TEST(config.nodes.size() == 3U);
    BOOST_TEST(config.cluster_domain == "cluster.local");
    BOOST_TEST(config.directory == "/labs/x");
}

BOOST_AUTO_TEST_CASE(nodes_with_zones_labels_and_taints) {
    const auto config = config_from(
        R"({"nodes":[{"name":"a","zone":"z1","labels":{"disk":"ssd"},
            "taints":[{"key":"k","effect":"NoSchedule"}]},{"name":"b"}]})");
    BOOST_TEST(config.nodes[0].zone == "z1");
    BOOST_TEST(config.nodes[0].labels.at("disk") == "ssd");
    BOOST_TEST(config.nodes[0].taints.size() == 1U);
    BOOST_TEST(config.nodes[1].taints.is_array());
}

BOOST_AUTO_TEST_CASE(dual_stack_adds_a_family_to_every_list) {
    for (const auto* ranges :
         {R"("10.244.0.0/16,fd00:10:244::/56")", R"(["10.244.0.0/16","fd00:10:244::/56"])"}) {
        const auto config = config_from(std::string(R"({"nodes":2,"podCIDR":)") + ranges + "}");
        BOOST_TEST(config.pod_cidrs.size() == 2U);
        BOOST_TEST(config.service_cidrs.at(1).to_string() == "fd00:10:96::/112");
        const auto plan = plan_nodes(config);
        BOOST_TEST(plan[0].pod_cidrs[1].to_string() == "fd00:10:244:1::/64");
        BOOST_TEST(plan[1].pod_cidrs[1].to_string() == "fd00:10:244:2::/64");
        BOOST_TEST(plan[1].underlay[1].to_string() == "fd00:172:18::3/64");
    }
}

BOOST_AUTO_TEST_CASE(a_tight_range_is_used_from_its_start) {
    const auto config = config_from(R"({"nodes":4,"podCIDR":"10.1.4.0/22"})");
    const auto plan = plan_nodes(config);
    BOOST_TEST(plan[0].pod_cidrs[0].to_string() == "10.1.4.0/24");
    BOOST_TEST(plan[3].pod_cidrs[0].to_string() == "10.1.7.0/24");
}

BOOST_AUTO_TEST_CASE(two_hundred_and_fifty_nodes_have_ranges_of_their_own) {
    const auto plan = plan_nodes(config_from(R"({"nodes":250})"));
    for (std::size_t i = 0; i < plan.size(); ++i) {
        for (std::size_t j = i + 1; j < plan.size(); ++j) {
            BOOST_TEST(!plan[i].pod_cidrs[0].overlaps(plan[j].pod_cidrs[0]));
            BOOST_TEST((plan[i].underlay[0] != plan[j].underlay[0]));
        }
    }
}

BOOST_AUTO_TEST_CASE(images_keep_their_order) {
    const auto config = config_from(
        R"({"images":[{"match":"a/*","run":"idle"},{"match":"b","run":["sleep","1"]},{"match":"c","rootfs":"./r"}]})");
    BOOST_TEST(config.images.size() == 3U);
    BOOST_TEST(config.images[0].idle);
    BOOST_TEST(config.images[1].run.at(1) == "1");
    BOOST_TEST(config.images[2].rootfs == "./r");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_is_named_by_its_field) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {R"({"nodes":0})", "spec.nodes: 0 nodes"},
        {R"({"nodes":251})", "spec.nodes: 251 nodes"},
        {R"({"nodes":[]})", "spec.nodes: 0 nodes"},
        {R"({"nodes":[{"name":"a"},{"name":"a"}]})", "spec.nodes: two nodes are named 'a'"},
        {R"({"podCIDR":"10.244.0.1/16"})", "spec.podCIDR: '10.244.0.1/16'"},
        {R"({"podCIDR":"10.0.0.0/16,10.1.0.0/16"})", "spec.podCIDR: give one range"},
        {R"({"nodes":2,"podCIDR":"10.244.0.0/24"})", "spec.podCIDR: 10.244.0.0/24 holds 1 ranges"},
        {R"({"podCIDR":"10.244.0.0/25"})", "spec.podCIDR: 10.244.0.0/25 holds 0 ranges"},
        {R"({"podCIDR":"10.100.0.0/16"})", "spec.podCIDR 10.100.0.0/16 overlaps spec.serviceCIDR"},
        {R"({"podCIDR":"172.18.0.0/16"})",
         "spec.podCIDR 172.18.0.0/16 overlaps spec.underlay.cidr"},
        {R"({"cni":{"profile":"antrea"}})", "spec.cni.profile: 'antrea'"},
        {R"({"cni":{"profile":"calico","overlay":"geneve"}})", "spec.cni.overlay: 'geneve'"},
        {R"({"cni":{"overlay":"sleeve"}})", "spec.cni.overlay: 'sleeve'"},
        {R"({"cni":{"overlay":"geneve","emulation":"userspace"}})",
         "spec.cni.emulation: Geneve in userspace carries identities"},
        {R"({"cni":{"profile":"cilium","overlay":"none","emulation":"userspace"}})",
         "spec.cni.emulation: there is nothing"},
        {R"({"cni":{"kubeProxyReplacement":true}})", "spec.cni.kubeProxyReplacement: the profile"},
        {R"({"proxy":{"mode":"ebpf"}})", "spec.proxy.mode: 'ebpf'"},
        {R"({"mesh":{"profile":"sidecar"}})", "spec.mesh.profile: 'sidecar'"},
        {R"({"cni":{"mtu":100}})", "spec.cni.mtu: 100"},
        {R"({"underlay":{"mtu":100000}})", "spec.underlay.mtu: 100000"},
        {R"({"podCIDR":"fd00:1::/56","underlay":{"mtu":1000}})", "spec.underlay.mtu: 1000"},
        {R"({"underlay":{"links":[{"a":1}]}})", "spec.underlay.links"},
        {R"({"images":[{"match":"x"}]})", "spec.images"}};
    for (const auto& [spec, start] : cases) {
        const auto text = refusal(spec);
        BOOST_TEST(text.starts_with(start), spec << " gave: " << text);
    }
}

BOOST_AUTO_TEST_CASE(the_ipvs_mode_has_a_scheduler) {
    BOOST_TEST(config_from(R"({"proxy":{"mode":"ipvs"}})").ipvs_scheduler == "rr");
    const auto sticky = config_from(R"({"proxy":{"mode":"ipvs","ipvs":{"scheduler":"sh"}}})");
    BOOST_TEST(sticky.ipvs_scheduler == "sh");
    BOOST_TEST(
        refusal(R"({"proxy":{"ipvs":{"scheduler":"fair"}}})") ==
        "spec.proxy.ipvs.scheduler: there is no scheduler 'fair'");
}

BOOST_AUTO_TEST_CASE(subnets_of_ipv6_count_above_64_bits) {
    const auto range = *netemu::IpPrefix::parse("fd00::/40");
    BOOST_TEST(subnet(range, 64, 0x010203).to_string() == "fd00:0:1:203::/64");
    BOOST_TEST(
        subnet(*netemu::IpPrefix::parse("10.0.0.0/8"), 24, 0xffff).to_string() ==
        "10.255.255.0/24");
}

BOOST_AUTO_TEST_CASE(nodes_encrypt_without_an_overlay) {
    const auto config = config_from(R"({"cni":{"profile":"calico","encryption":"wireguard"}})");
    BOOST_TEST(config.wireguard);
    BOOST_TEST(config.overlay == "none");
    BOOST_TEST(!config_from(R"({"cni":{"encryption":"none"}})").wireguard);
    BOOST_TEST(
        refusal(R"({"cni":{"encryption":"wireguard","overlay":"vxlan"}})") ==
        "spec.cni.overlay: WireGuard carries the pods' packets itself, and nothing is encapsulated "
        "in vxlan");
    BOOST_TEST(
        refusal(R"({"cni":{"profile":"weave","encryption":"wireguard"}})") ==
        "spec.cni.encryption: the profile weave has no WireGuard between nodes");
    BOOST_TEST(refusal(R"({"cni":{"encryption":"ipsec"}})").starts_with("spec.cni.encryption: "));
}
