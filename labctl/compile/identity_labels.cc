#include "labctl/compile/identity_labels.h"

#include <algorithm>
#include <array>

namespace labctl::compile {

namespace {

/// How the keys begin that Cilium leaves out (pkg/labelsfilter, defaultLabelPrefixCfg).
constexpr std::array<std::string_view, 13> kIrrelevant{
    "annotation",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "controller-revision-hash",
    "controller-uid",
    "etcd_node",
    "io.kubernetes",
    "k8s.io",
    "kubernetes.io",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name"};

std::string label_text(std::string_view key, std::string_view value) {
    return std::string("k8s:").append(key).append("=").append(value);
}

} // namespace

bool is_identity_label(std::string_view key) {
    return key.find("beta.kubernetes.io") == std::string_view::npos &&
           std::none_of(kIrrelevant.begin(), kIrrelevant.end(), [&](std::string_view prefix) {
               return key.starts_with(prefix);
           });
}

std::vector<std::string> identity_labels(const api::Object& pod, const api::Labels& ns_labels) {
    const auto account = api::string_at(pod.body, "spec.serviceAccountName", "default");
    std::vector<std::string> labels{
        label_text("io.cilium.k8s.policy.cluster", "default"),
        label_text("io.cilium.k8s.policy.serviceaccount", account),
        label_text("io.kubernetes.pod.namespace", pod.ns())};
    for (const auto& [key, value] : pod.labels()) {
        if (is_identity_label(key)) {
            labels.push_back(label_text(key, value));
        }
    }
    for (const auto& [key, value] : ns_labels) {
        labels.push_back(label_text("io.cilium.k8s.namespace.labels." + key, value));
    }
    std::sort(labels.begin(), labels.end());
    return labels;
}

} // namespace labctl::compile
