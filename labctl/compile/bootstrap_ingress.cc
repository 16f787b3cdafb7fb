#include "labctl/compile/bootstrap_ingress.h"

#include <string>
#include <utility>

#include "labctl/compile/bootstrap.h"
#include "labctl/compile/control.h"
#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/service_admission.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr int kIngressHealthPort = 10254; // ingress-nginx's

Json ingress_labels() {
    return {{"app.kubernetes.io/name", kIngressName}};
}

Json ingress_metadata() {
    return {{"name", kIngressName}, {"namespace", kIngressNamespace}, {"labels", ingress_labels()}};
}

Json ingress_container_port(const char* name, int port) {
    return {{"name", name}, {"containerPort", port}, {"protocol", "TCP"}};
}

Json ingress_deployment() {
    Json container{
        {"name", "controller"},
        {"image", std::string(kIngressControllerImage) + ":v1"},
        {"args", Json::array({std::string("--controller-class=") + kIngressController})},
        {"ports",
         {ingress_container_port("http", 80),
          ingress_container_port("https", 443),
          ingress_container_port("healthz", kIngressHealthPort)}},
        {"readinessProbe",
         {{"httpGet", {{"path", "/healthz"}, {"port", kIngressHealthPort}, {"scheme", "HTTP"}}}}}};
    Json spec{
        {"containers", Json::array({std::move(container)})},
        {"dnsPolicy", "ClusterFirst"},
        {"restartPolicy", "Always"},
        {"serviceAccountName", kIngressName},
        {"terminationGracePeriodSeconds", 30}};
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", ingress_metadata()},
        {"spec",
         {{"replicas", 1},
          {"selector", {{"matchLabels", ingress_labels()}}},
          {"strategy",
           {{"type", "RollingUpdate"},
            {"rollingUpdate", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}}}}},
          {"progressDeadlineSeconds", 600},
          {"revisionHistoryLimit", 10},
          {"template",
           {{"metadata", {{"labels", ingress_labels()}}}, {"spec", std::move(spec)}}}}}};
}

/// The external policy is Local, as in ingress-nginx's manifests for clouds: the controller sees
/// who asks, not a node's address.
Json ingress_service(const ClusterConfig& config) {
    const auto port = [](const char* name, int number) -> Json {
        return {{"name", name}, {"port", number}, {"protocol", "TCP"}, {"targetPort", name}};
    };
    return {
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata", ingress_metadata()},
        {"spec",
         {{"type", "LoadBalancer"},
          {"externalTrafficPolicy", "Local"},
          {"ipFamilyPolicy", config.service_cidrs.size() > 1 ? "PreferDualStack" : "SingleStack"},
          {"selector", ingress_labels()},
          {"ports", {port("http", 80), port("https", 443)}}}}};
}

} // namespace

void ensure_ingress_controller(Control& control, const ClusterConfig& config) {
    auto& store = control.store;
    const auto missing = [&store](const char* kind) {
        return store.get({kind, kIngressNamespace, kIngressName}) == nullptr;
    };
    ensure_namespace(store, kIngressNamespace);
    if (missing("ServiceAccount")) {
        store.put(
            {{{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", ingress_metadata()}},
             {}});
    }
    bool wants_default = default_ingress_classes(store).empty();
    for (const auto& name : config.ingress_classes) {
        if (store.get({"IngressClass", "", name})) {
            continue;
        }
        Json metadata{{"name", name}};
        if (std::exchange(wants_default, false)) {
            metadata["annotations"] = {{"ingressclass.kubernetes.io/is-default-class", "true"}};
        }
        store.put(
            {{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "IngressClass"},
              {"metadata", std::move(metadata)},
              {"spec", {{"controller", kIngressController}}}},
             {}});
    }
    if (missing("Service")) {
        auto service = ingress_service(config);
        admit_new_service(control.state.services(), service);
        store.put({std::move(service), {}});
    }
    if (missing("Deployment")) {
        store.put({ingress_deployment(), {}});
    }
}

} // namespace labctl::compile
