#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "dns/corefile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/node_cache.h"
#include "labctl/compile/pod_dns.h"
#include "netemu/base/error.h"
#include "netemu/model/nft_text.h"
#include "tests/unit/compile_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;

namespace {

ClusterConfig with_caches(const std::string& more = "{}") {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["podCIDR"] = "10.244.0.0/16";
    lab.body["spec"]["dns"] = {{"nodeLocal", true}, {"replicas", 1}};
    lab.body["spec"].update(api::Json::parse(more));
    return ClusterConfig::from_lab(lab);
}

struct CacheLab {
    explicit CacheLab(ClusterConfig wanted = with_caches()) : cluster(store, std::move(wanted)) {
        cluster.bootstrap();
        cluster.reconcile();
    }
    api::ObjectPtr cache_pod() {
        for (const auto& pod : store.list("Pod", "kube-system")) {
            if (node_cache_of(pod->body)) {
                return pod;
            }
        }
        return nullptr;
    }
    std::string corefile() {
        const auto pod = cache_pod();
        return node_cache_corefile(store, *pod, node_cache_of(pod->body).value()).text;
    }
    store::Store store;
    Cluster cluster;
};

const netemu::LinkSpec* device_of(const netemu::NamespaceSpec& spec) {
    const auto found = std::find_if(spec.links.begin(), spec.links.end(), [](const auto& link) {
        return link.name == kNodeCacheDevice;
    });
    return found == spec.links.end() ? nullptr : &*found;
}

std::vector<std::string> texts_of(const std::vector<netemu::IpAddress>& addresses) {
    std::vector<std::string> texts;
    for (const auto& address : addresses) {
        texts.push_back(address.to_string());
    }
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(node_cache)

BOOST_AUTO_TEST_CASE(every_node_gets_a_cache_that_asks_the_dns_pods) {
    CacheLab lab;
    BOOST_TEST((lab.store.get({"DaemonSet", "kube-system", kNodeCacheName}) != nullptr));
    const auto pods = lab.store.list("Pod", "kube-system");
    BOOST_TEST(std::count_if(pods.begin(), pods.end(), [](const auto& pod) {
                   return node_cache_of(pod->body).has_value();
               }) == 2);
    const auto upstream = lab.store.get({"Service", "kube-system", "kube-dns-upstream"});
    BOOST_REQUIRE(upstream);
    const auto address = api::string_at(upstream->body, "spec.clusterIP");
    BOOST_TEST(address != "10.96.0.10");
    const auto text = lab.corefile();
    BOOST_TEST(text.starts_with("cluster.local:53 {"), text);
    BOOST_TEST(
        text.find("forward . " + address + " {\n        force_tcp") != std::string::npos, text);
    BOOST_TEST(text.find("forward . /etc/resolv.conf") != std::string::npos, text);
    BOOST_TEST(text.find("__PILLAR__") == std::string::npos, text);
    BOOST_TEST(dns::parse_corefile(text).servers.size() == 4U);
}

BOOST_AUTO_TEST_CASE(pods_ask_the_cache_of_their_node) {
    CacheLab lab;
    const auto dns = compile::cluster_dns(lab.cluster.config());
    BOOST_TEST(pod_resolv_conf(bare_pod("a").body, dns).nameservers == Texts{kNodeCacheAddress});
    auto on_host = bare_pod("b").body;
    on_host["spec"]["hostNetwork"] = true;
    on_host["spec"]["dnsPolicy"] = "ClusterFirstWithHostNet";
    BOOST_TEST(pod_resolv_conf(on_host, dns).nameservers == Texts{kNodeCacheAddress});
    const auto cache = lab.cache_pod();
    BOOST_TEST(
        pod_resolv_conf(cache->body, dns).nameservers ==
        texts_of(upstream_addresses(lab.cluster.config()))); // and not itself
}

BOOST_AUTO_TEST_CASE(device_and_rules_come_and_go_with_the_pod) {
    CacheLab lab;
    const auto network = compile_network(lab.store, lab.cluster.config());
    const auto node = api::string_at(lab.cache_pod()->body, "spec.nodeName");
    const auto& spec = network.namespaces.at(node_namespace(node));
    const auto* device = device_of(spec);
    BOOST_REQUIRE(device);
    BOOST_TEST(std::holds_alternative<netemu::DummySpec>(device->kind));
    BOOST_REQUIRE(device->addresses.size() == 1U);
    BOOST_TEST(device->addresses[0].to_string() == "169.254.20.10/32");
    const auto table = std::find_if(spec.tables.begin(), spec.tables.end(), [](const auto& each) {
        return each.name == kNodeCacheName;
    });
    BOOST_REQUIRE((table != spec.tables.end()));
    const auto text = netemu::to_text(*table);
    BOOST_TEST(text.find("ip daddr 169.254.20.10") != std::string::npos, text);
    BOOST_TEST(text.find("meta l4proto udp th dport 53") != std::string::npos, text);
    BOOST_TEST(text.find("notrack") != std::string::npos, text);
    auto plain = lab.cluster.config();
    plain.dummy_device = false;
    const auto without = compile_network(lab.store, plain);
    BOOST_TEST(std::holds_alternative<netemu::BridgeSpec>(
        device_of(without.namespaces.at(node_namespace(node)))->kind));
    lab.cluster.delete_object({"DaemonSet", "kube-system", kNodeCacheName});
    lab.cluster.reconcile();
    const auto bare = compile_network(lab.store, lab.cluster.config());
    BOOST_TEST((device_of(bare.namespaces.at(node_namespace(node))) == nullptr));
}

BOOST_AUTO_TEST_CASE(arguments_are_read_as_the_addon_writes_them) {
    const auto cache_with = [](const api::Json& args, const char* image, bool host = true) {
        return node_cache_of(
            {{"spec",
              {{"hostNetwork", host},
               {"containers", api::Json::array({{{"image", image}, {"args", args}}})}}}});
    };
    constexpr const char* kImage = "registry.k8s.io/dns/k8s-dns-node-cache:1.26.0";
    const auto args = api::Json::array(
        {"-localip",
         "169.254.20.10,10.96.0.10",
         "-conf",
         "/etc/Corefile",
         "--upstreamsvc=kube-dns-upstream"});
    const auto both = cache_with(args, kImage);
    BOOST_REQUIRE(both);
    BOOST_TEST(texts_of(both->addresses) == (Texts{"169.254.20.10", "10.96.0.10"}));
    BOOST_TEST(both->upstream_service == "kube-dns-upstream");
    BOOST_TEST(!cache_with(args, kImage, false)); // it cannot be in a network of its own
    BOOST_TEST(!cache_with(args, "registry.k8s.io/coredns/coredns:v1.12.0"));
    BOOST_TEST(cache_with(args, "mirror:5000/x/k8s-dns-node-cache@sha256:00").has_value());
    const auto all = with_caches();
    BOOST_TEST(node_cache_addresses(*both, all).size() == 2U);
    auto ipvs = all;
    ipvs.proxy_mode = "ipvs"; // kube-ipvs0 has the Service's
    BOOST_TEST(texts_of(node_cache_addresses(*both, ipvs)) == Texts{"169.254.20.10"});
}

BOOST_AUTO_TEST_CASE(the_address_is_one_of_ipv4) {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["podCIDR"] = "fd00:10:244::/56";
    lab.body["spec"]["serviceCIDR"] = "fd00:10:96::/112";
    lab.body["spec"]["dns"] = {{"nodeLocal", true}};
    BOOST_CHECK_EXCEPTION(
        ClusterConfig::from_lab(lab), netemu::UsageError, [](const netemu::UsageError& error) {
            return std::string(error.what()).starts_with("spec.dns.nodeLocal");
        });
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
