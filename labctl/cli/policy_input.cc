#include "labctl/cli/input.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/policy_enforcement.h"

namespace labctl::cli {

namespace {

constexpr std::size_t kNodesOfFiles = 3; // as of `up -f`

} // namespace

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

} // namespace labctl::cli
