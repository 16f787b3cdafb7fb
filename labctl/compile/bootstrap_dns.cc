#include "labctl/compile/bootstrap_dns.h"

#include <utility>

#include "labctl/compile/control.h"
#include "labctl/compile/service_admission.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kDnsDeployment = "coredns";
constexpr const char* kDnsImage = "registry.k8s.io/coredns/coredns:v1.12.0";
constexpr std::uint64_t kDnsAddressOffset = 10; // GetDNSIP of kubeadm's constants

Json dns_metadata(const char* name) {
    return {{"name", name}, {"namespace", kDnsNamespace}};
}

Json dns_labels() {
    return {{"k8s-app", "kube-dns"}};
}

/// kubeadm's.
std::string default_corefile(const std::string& domain) {
    return ".:53 {\n"
           "    errors\n"
           "    health {\n"
           "       lameduck 5s\n"
           "    }\n"
           "    ready\n"
           "    kubernetes " +
           domain +
           " in-addr.arpa ip6.arpa {\n"
           "       pods insecure\n"
           "       fallthrough in-addr.arpa ip6.arpa\n"
           "       ttl 30\n"
           "    }\n"
           "    prometheus :9153\n"
           "    forward . /etc/resolv.conf {\n"
           "       max_concurrent 1000\n"
           "    }\n"
           "    cache 30\n"
           "    loop\n"
           "    reload\n"
           "    loadbalance\n"
           "}\n";
}

Json dns_port(const char* name, int port, const char* protocol, const char* field) {
    return {{"name", name}, {field, port}, {"protocol", protocol}};
}

Json dns_http_probe(const char* path, int port) {
    return {{"httpGet", {{"path", path}, {"port", port}, {"scheme", "HTTP"}}}};
}

Json dns_container() {
    Json liveness = dns_http_probe("/health", 8080);
    liveness.update(
        {{"initialDelaySeconds", 60},
         {"timeoutSeconds", 5},
         {"successThreshold", 1},
         {"failureThreshold", 5}});
    return {
        {"name", "coredns"},
        {"image", kDnsImage},
        {"imagePullPolicy", "IfNotPresent"},
        {"args", Json::array({"-conf", "/etc/coredns/Corefile"})},
        {"ports",
         {dns_port("dns", 53, "UDP", "containerPort"),
          dns_port("dns-tcp", 53, "TCP", "containerPort"),
          dns_port("metrics", 9153, "TCP", "containerPort")}},
        {"livenessProbe", std::move(liveness)},
        {"readinessProbe", dns_http_probe("/ready", 8181)},
        {"volumeMounts",
         Json::array(
             {{{"name", "config-volume"}, {"mountPath", "/etc/coredns"}, {"readOnly", true}}})}};
}

Json dns_pod_template() {
    Json spec{
        {"containers", Json::array({dns_container()})},
        {"dnsPolicy", "Default"},
        {"nodeSelector", {{"kubernetes.io/os", "linux"}}},
        {"priorityClassName", "system-cluster-critical"},
        {"restartPolicy", "Always"},
        {"serviceAccountName", "coredns"},
        {"terminationGracePeriodSeconds", 30},
        {"tolerations",
         Json::array(
             {{{"key", "CriticalAddonsOnly"}, {"operator", "Exists"}},
              {{"key", "node-role.kubernetes.io/control-plane"}, {"effect", "NoSchedule"}}})}};
    Json config_map{
        {"name", kDnsConfigMap},
        {"defaultMode", 420},
        {"items", Json::array({{{"key", "Corefile"}, {"path", "Corefile"}}})}};
    spec["volumes"] =
        Json::array({{{"name", "config-volume"}, {"configMap", std::move(config_map)}}});
    return {{"metadata", {{"labels", dns_labels()}}}, {"spec", std::move(spec)}};
}

Json dns_deployment(std::int64_t replicas) {
    auto metadata = dns_metadata(kDnsDeployment);
    metadata["labels"] = dns_labels();
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", std::move(metadata)},
        {"spec",
         {{"replicas", replicas},
          {"selector", {{"matchLabels", dns_labels()}}},
          {"strategy",
           {{"type", "RollingUpdate"},
            {"rollingUpdate", {{"maxUnavailable", 1}, {"maxSurge", "25%"}}}}},
          {"progressDeadlineSeconds", 600},
          {"revisionHistoryLimit", 10},
          {"template", dns_pod_template()}}}};
}

Json dns_service_port(const char* name, int port, const char* protocol) {
    auto json = dns_port(name, port, protocol, "port");
    json["targetPort"] = port;
    return json;
}

Json dns_service_object(const Control& control, const ClusterConfig& config) {
    auto metadata = dns_metadata("kube-dns");
    metadata["annotations"] = {{"prometheus.io/port", "9153"}, {"prometheus.io/scrape", "true"}};
    metadata["labels"] = dns_labels();
    metadata["labels"]["kubernetes.io/cluster-service"] = "true";
    metadata["labels"]["kubernetes.io/name"] = "CoreDNS";
    Json spec{
        {"selector", dns_labels()},
        {"ports",
         {dns_service_port("dns", 53, "UDP"),
          dns_service_port("dns-tcp", 53, "TCP"),
          dns_service_port("metrics", 9153, "TCP")}}};
    Json addresses = Json::array();
    for (std::size_t i = 0; i < config.service_cidrs.size(); ++i) {
        const auto address = config.service_cidrs[i].network().address.plus(kDnsAddressOffset);
        const auto& range = control.state.services().ranges().cluster_ips.at(i);
        if (range.contains(address) && range.owner(address) == nullptr) {
            addresses.push_back(address.to_string());
        }
    }
    if (addresses.size() == config.service_cidrs.size()) {
        spec["clusterIP"] = addresses.front();
        spec["ipFamilyPolicy"] = addresses.size() > 1 ? "PreferDualStack" : "SingleStack";
        spec["clusterIPs"] = std::move(addresses);
    }
    return {
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata", std::move(metadata)},
        {"spec", std::move(spec)}};
}

} // namespace

void ensure_cluster_dns(Control& control, const ClusterConfig& config) {
    const auto missing = [&](const char* kind, const char* name) {
        return control.store.get({kind, kDnsNamespace, name}) == nullptr;
    };
    if (missing("ServiceAccount", "coredns")) {
        control.store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ServiceAccount"},
              {"metadata", dns_metadata("coredns")}},
             {}});
    }
    if (missing("ConfigMap", kDnsConfigMap)) {
        control.store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"metadata", dns_metadata(kDnsConfigMap)},
              {"data", {{"Corefile", default_corefile(config.cluster_domain)}}}},
             {}});
    }
    if (missing("Service", "kube-dns")) {
        auto service = dns_service_object(control, config);
        admit_new_service(control.state.services(), service);
        control.store.put({std::move(service), {}});
    }
    if (missing("Deployment", kDnsDeployment)) {
        control.store.put({dns_deployment(config.dns_replicas), {}});
    }
}

} // namespace labctl::compile
