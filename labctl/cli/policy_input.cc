#include <algorithm>

#include "labctl/cli/input.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/compile/policy_lint.h"
#include "labctl/compile/policy_values.h"
#include "labctl/manifest/locate.h"

namespace labctl::cli {

namespace {

constexpr std::size_t kNodesOfFiles = 3; // as of `up -f`

/// Applies all objects to an imagined cluster. With `lenient`, what a cluster would refuse is left
/// out: `up` is who says so.
store::Store
imagine_cluster(const api::Object& lab, const std::vector<api::Object>& objects, bool lenient) {
    store::Store store;
    store.put(lab); // its CNI profile decides what policies are worth
    compile::Cluster cluster(store, compile::ClusterConfig::from_lab(lab));
    cluster.assume_ready();
    cluster.bootstrap();
    for (const auto& object : objects) {
        try {
            cluster.apply_object(object);
        } catch (const netemu::Error&) {
            if (!lenient) {
                throw;
            }
        }
    }
    cluster.reconcile();
    return store.snapshot();
}

} // namespace

store::Store store_of_files(const Context& context, const std::vector<std::string>& inputs) {
    auto input = read_cluster_input(context, inputs);
    if (input.lab.body.is_null()) {
        input.lab = compile::ClusterConfig::default_lab("files", kNodesOfFiles);
    }
    return imagine_cluster(input.lab, input.objects, false);
}

store::Store store_of_lab(const Context& context) {
    auto client = context.client();
    store::Store store;
    for (const auto* path :
         {"/api/v1/nodes",
          "/api/v1/namespaces",
          "/api/v1/pods",
          "/apis/apps/v1/replicasets",
          "/apis/labctl.dev/v1/labs",
          "/apis/networking.k8s.io/v1/networkpolicies",
          "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies",
          "/apis/policy.networking.k8s.io/v1alpha1/baselineadminnetworkpolicies",
          "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"}) {
        auto list = client.request("GET", path);
        for (auto& item : list.at("items")) {
            store.put({std::move(item), {}});
        }
    }
    return store;
}

void warn_of_ignored_policies(const Context& context, const store::Store& store) {
    const auto* profile = compile::ignoring_profile(store);
    const auto count = compile::count_policies(store);
    if (profile != nullptr && count != 0) {
        context.console().warn(compile::ignored_policies_text(*profile, count));
    }
}

manifest::Findings lint_policy_objects(const manifest::ReadResult& input) {
    manifest::Findings findings;
    const bool any =
        std::any_of(input.objects.begin(), input.objects.end(), [](const api::Object& object) {
            return compile::is_policy_kind(object.kind());
        });
    if (!any) {
        return findings;
    }
    auto lab = compile::ClusterConfig::default_lab("files", kNodesOfFiles);
    std::vector<api::Object> objects;
    std::map<api::ObjectKey, api::Source> sources;
    for (const auto& name : input.implicit_namespaces) {
        objects.push_back(
            {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}}, {}});
    }
    for (const auto& object : input.objects) {
        if (object.kind() == "Lab") {
            lab = object;
        } else {
            objects.push_back(object);
            sources[object.key()] = object.source;
        }
    }
    const auto store = imagine_cluster(lab, objects, true);
    manifest::Locator locator;
    if (const auto* profile = compile::ignoring_profile(store)) {
        findings.add(locator.warning(
            lab.source,
            "spec.cni.profile",
            "spec.cni.profile: " +
                compile::ignored_policies_text(*profile, compile::count_policies(store)),
            "choose a profile that enforces them, or leave them out"));
    }
    for (const auto& finding : compile::lint_policies(compile::policy_world(store))) {
        const auto& policy = *finding.policy;
        findings.add(locator.warning(
            sources[{policy.kind, policy.ns, policy.name}],
            finding.path,
            policy.label() + ": " + finding.path + ": " + finding.message,
            finding.hint));
    }
    std::stable_sort(
        findings.list.begin(), findings.list.end(), [](const auto& left, const auto& right) {
            return std::tie(left.source.file, left.source.line, left.source.column) <
                   std::tie(right.source.file, right.source.line, right.source.column);
        });
    return findings;
}

} // namespace labctl::cli
