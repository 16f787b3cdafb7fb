#include "labctl/compile/policy_enforcement.h"

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/policy_values.h"
#include "netemu/base/error.h"

namespace labctl::compile {

const CniProfile* ignoring_profile(const store::Store& store) {
    for (const auto& lab : store.list("Lab")) {
        const auto name = api::string_at(lab->body, "spec.cni.profile", kBridgeProfile.name);
        for (const auto* profile : cni_profiles()) {
            if (profile->name == name && !profile->enforces_policies) {
                return profile;
            }
        }
    }
    return nullptr;
}

std::string ignored_policies_text(const CniProfile& profile, std::size_t policies) {
    return std::to_string(policies) + (policies == 1 ? " policy is" : " policies are") +
           " stored and NOT enforced: nothing in the CNI profile " + profile.name +
           " does (bridge, calico, cilium and weave do)";
}

PolicyWorld enforced_world(const store::Store& store) {
    auto world = policy_world(store);
    if (ignoring_profile(store) != nullptr) {
        world.cluster.policies.clear();
    }
    return world;
}

} // namespace labctl::compile
