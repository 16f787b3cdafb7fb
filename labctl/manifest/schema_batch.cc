#include "labctl/manifest/schema_table.h"

/// batch/v1.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 2> kCompletionModes{"Indexed", "NonIndexed"};
constexpr std::array<std::string_view, 2> kReplacement{"Failed", "TerminatingOrFailed"};

constexpr Table kPodFailurePolicyOnExitCodesRequirement{
    text("containerName"), text("operator"), int32("values").list(),
};

constexpr Table kPodFailurePolicyOnPodConditionsPattern{
    text("type"), any("status"),
};

constexpr Table kPodFailurePolicyRule{
    text("action"), object("onExitCodes", kPodFailurePolicyOnExitCodesRequirement),
    object("onPodConditions", kPodFailurePolicyOnPodConditionsPattern).list(),
};

constexpr Table kPodFailurePolicy{
    object("rules", kPodFailurePolicyRule).list(),
};

constexpr Table kSuccessPolicyRule{
    text("succeededIndexes"), int32("succeededCount"),
};

constexpr Table kSuccessPolicy{
    object("rules", kSuccessPolicyRule).list(),
};

constexpr Table kJobSchedulingConfiguration{
    any("schedulingPolicy"), any("schedulingConstraints"), any("disruptionMode"),
    any("resourceClaims").list(),
};

constexpr Table kJobSpec{
    Code{default_job_spec, check_job_spec},
    int32("parallelism").at_least(0), int32("completions").at_least(0),
    int64("activeDeadlineSeconds").at_least(0), object("podFailurePolicy", kPodFailurePolicy),
    object("successPolicy", kSuccessPolicy), int32("backoffLimit").otherwise(6).at_least(0),
    int32("backoffLimitPerIndex").at_least(0), int32("maxFailedIndexes").at_least(0),
    object("selector", kLabelSelector), flag("manualSelector"),
    object("template", kPodTemplateSpec).always(), int32("ttlSecondsAfterFinished").at_least(0),
    text("completionMode").otherwise("NonIndexed").one_of(kCompletionModes),
    flag("suspend").otherwise(0), text("podReplacementPolicy").one_of(kReplacement),
    text("managedBy"), object("scheduling", kJobSchedulingConfiguration),
};

constexpr Table kJobTable{
    Code{nullptr, check_job},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kJobSpec).always(),
    any("status"),
};

} // namespace

constinit const Struct kJob{kJobTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
