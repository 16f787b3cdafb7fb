#include <utility>

#include "labctl/compile/bootstrap_dns.h"
#include "labctl/compile/control.h"
#include "labctl/compile/node_cache.h"
#include "labctl/compile/service_admission.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kNodeCacheImageName = "registry.k8s.io/dns/k8s-dns-node-cache:1.23.1";
constexpr const char* kUpstreamService = "kube-dns-upstream";
constexpr int kNodeCacheMetrics = 9253;

Json node_cache_metadata(const char* name) {
    return {
        {"name", name}, {"namespace", kDnsNamespace}, {"labels", {{"k8s-app", kNodeCacheName}}}};
}

/// A server block of the cache: zone, times in its cache, and where it asks.
std::string
cache_block(const std::string& zone, const std::string& cache, const std::string& forward) {
    return zone + ":53 {\n    errors\n    " + cache + "\n    reload\n    loop\n    bind " +
           kNodeCacheAddress + "\n    forward . " + forward +
           "\n    prometheus :" + std::to_string(kNodeCacheMetrics) + "\n";
}

/// That of the addon.
std::string node_cache_config(const std::string& domain) {
    constexpr const char* kCluster = "__PILLAR__CLUSTER__DNS__ {\n        force_tcp\n    }";
    const std::string health = std::string("    health ") + kNodeCacheAddress + ":8080\n}\n";
    return cache_block(
               domain, "cache {\n        success 9984 30\n        denial 9984 5\n    }", kCluster) +
           health + cache_block("in-addr.arpa", "cache 30", kCluster) + "}\n" +
           cache_block("ip6.arpa", "cache 30", kCluster) + "}\n" +
           cache_block(".", "cache 30", "__PILLAR__UPSTREAM__SERVERS__") + "}\n";
}

Json cache_port(const char* name, int port, const char* protocol) {
    return {{"name", name}, {"containerPort", port}, {"protocol", protocol}};
}

Json node_cache_container() {
    return {
        {"name", "node-cache"},
        {"image", kNodeCacheImageName},
        {"args",
         Json::array(
             {"-localip",
              kNodeCacheAddress,
              "-conf",
              "/etc/Corefile",
              "-upstreamsvc",
              kUpstreamService})},
        {"securityContext", {{"capabilities", {{"add", Json::array({"NET_ADMIN"})}}}}},
        {"ports",
         {cache_port("dns", 53, "UDP"),
          cache_port("dns-tcp", 53, "TCP"),
          cache_port("metrics", kNodeCacheMetrics, "TCP")}},
        {"livenessProbe",
         {{"httpGet", {{"host", kNodeCacheAddress}, {"path", "/health"}, {"port", 8080}}},
          {"initialDelaySeconds", 60},
          {"timeoutSeconds", 5}}},
        {"volumeMounts",
         Json::array({{{"name", "config-volume"}, {"mountPath", "/etc/coredns"}}})}};
}

Json node_cache_daemon_set() {
    Json config_map{
        {"name", kNodeCacheName},
        {"items", Json::array({{{"key", "Corefile"}, {"path", "Corefile.base"}}})}};
    Json spec{
        {"containers", Json::array({node_cache_container()})},
        {"dnsPolicy", "Default"},
        {"hostNetwork", true},
        {"priorityClassName", "system-node-critical"},
        {"serviceAccountName", kNodeCacheName},
        {"tolerations",
         Json::array(
             {{{"key", "CriticalAddonsOnly"}, {"operator", "Exists"}},
              {{"effect", "NoExecute"}, {"operator", "Exists"}},
              {{"effect", "NoSchedule"}, {"operator", "Exists"}}})},
        {"volumes",
         Json::array({{{"name", "config-volume"}, {"configMap", std::move(config_map)}}})}};
    const Json labels{{"k8s-app", kNodeCacheName}};
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "DaemonSet"},
        {"metadata", node_cache_metadata(kNodeCacheName)},
        {"spec",
         {{"selector", {{"matchLabels", labels}}},
          {"updateStrategy",
           {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", "10%"}}}}},
          {"template", {{"metadata", {{"labels", labels}}}, {"spec", std::move(spec)}}}}}};
}

/// The DNS pods under an address that no cache stands in front of.
Json upstream_service_object() {
    const auto port = [](const char* name, const char* protocol) {
        return Json{{"name", name}, {"port", 53}, {"protocol", protocol}, {"targetPort", 53}};
    };
    return {
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata",
         {{"name", kUpstreamService},
          {"namespace", kDnsNamespace},
          {"labels", {{"k8s-app", "kube-dns"}}}}},
        {"spec",
         {{"selector", {{"k8s-app", "kube-dns"}}},
          {"ports", Json::array({port("dns", "UDP"), port("dns-tcp", "TCP")})}}}};
}

} // namespace

void ensure_node_cache(Control& control, const ClusterConfig& config) {
    const auto missing = [&](const char* kind, const char* name) {
        return control.store.get({kind, kDnsNamespace, name}) == nullptr;
    };
    if (missing("ServiceAccount", kNodeCacheName)) {
        control.store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ServiceAccount"},
              {"metadata", node_cache_metadata(kNodeCacheName)}},
             {}});
    }
    if (missing("ConfigMap", kNodeCacheName)) {
        control.store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"metadata", node_cache_metadata(kNodeCacheName)},
              {"data", {{"Corefile", node_cache_config(config.cluster_domain)}}}},
             {}});
    }
    if (missing("Service", kUpstreamService)) {
        auto service = upstream_service_object();
        admit_new_service(control.state.services(), service);
        control.store.put({std::move(service), {}});
    }
    if (missing("DaemonSet", kNodeCacheName)) {
        control.store.put({node_cache_daemon_set(), {}});
    }
}

} // namespace labctl::compile
