#pragma once

#include <string>

#include "labctl/compile/policy_world.h"
#include "labctl/store/store.h"

/// Whether anything in a lab does what its policies say. Some CNI plugins do not: there a policy is
/// an object like any other, and packets pass (Kubernetes, "Network Policies": "Creating a
/// NetworkPolicy resource without a controller that implements it will have no effect").
namespace labctl::compile {

struct CniProfile;

/// The profile of the store's Lab, if it enforces no policies; nullptr otherwise, and without a
/// Lab.
[[nodiscard]] const CniProfile* ignoring_profile(const store::Store& store);

/// What to tell whoever has policies in such a lab.
[[nodiscard]] std::string ignored_policies_text(const CniProfile& profile, std::size_t policies);

/// The number of policies of all kinds.
[[nodiscard]] std::size_t count_policies(const store::Store& store);

/// As `policy_world`, but with the policies that are enforced only.
[[nodiscard]] PolicyWorld enforced_world(const store::Store& store);

} // namespace labctl::compile
