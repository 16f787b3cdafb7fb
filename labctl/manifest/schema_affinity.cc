#include "labctl/manifest/schema_table.h"

/// core/v1: affinity and spreading.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 6> kNodeOperators{"DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"};
constexpr std::array<std::string_view, 2> kUnsatisfiable{"DoNotSchedule", "ScheduleAnyway"};
constexpr std::array<std::string_view, 2> kInclusion{"Honor", "Ignore"};

constexpr Table kNodeSelectorRequirement{
    Code{nullptr, check_node_requirement},
    text("key").required().is(qualified_name), text("operator").required().one_of(kNodeOperators),
    text("values").list(),
};

constexpr Table kNodeSelectorTerm{
    object("matchExpressions", kNodeSelectorRequirement).list(),
    object("matchFields", kNodeSelectorRequirement).list(),
};

constexpr Table kNodeSelector{
    object("nodeSelectorTerms", kNodeSelectorTerm).list().required(),
};

constexpr Table kPreferredSchedulingTerm{
    int32("weight").required().range(1, 100), object("preference", kNodeSelectorTerm),
};

constexpr Table kNodeAffinity{
    object("requiredDuringSchedulingIgnoredDuringExecution", kNodeSelector),
    object("preferredDuringSchedulingIgnoredDuringExecution", kPreferredSchedulingTerm).list(),
};

constexpr Table kPodAffinityTerm{
    object("labelSelector", kLabelSelector), text("namespaces").list(),
    text("topologyKey").required().is(qualified_name), object("namespaceSelector", kLabelSelector),
    text("matchLabelKeys").list(), text("mismatchLabelKeys").list(),
};

constexpr Table kWeightedPodAffinityTerm{
    int32("weight").required().range(1, 100), object("podAffinityTerm", kPodAffinityTerm).always(),
};

constexpr Table kPodAffinity{
    object("requiredDuringSchedulingIgnoredDuringExecution", kPodAffinityTerm).list(),
    object("preferredDuringSchedulingIgnoredDuringExecution", kWeightedPodAffinityTerm).list(),
};

constexpr Table kPodAntiAffinity{
    object("requiredDuringSchedulingIgnoredDuringExecution", kPodAffinityTerm).list(),
    object("preferredDuringSchedulingIgnoredDuringExecution", kWeightedPodAffinityTerm).list(),
};

constexpr Table kAffinityTable{
    object("nodeAffinity", kNodeAffinity), object("podAffinity", kPodAffinity),
    object("podAntiAffinity", kPodAntiAffinity),
};

constexpr Table kTopologySpreadConstraintTable{
    int32("maxSkew").required().at_least(1), text("topologyKey").required().is(qualified_name),
    text("whenUnsatisfiable").required().one_of(kUnsatisfiable),
    object("labelSelector", kLabelSelector), int32("minDomains").at_least(1),
    text("nodeAffinityPolicy").one_of(kInclusion), text("nodeTaintsPolicy").one_of(kInclusion),
    text("matchLabelKeys").list(),
};

} // namespace

constinit const Struct kAffinity{kAffinityTable.type()};
constinit const Struct kTopologySpreadConstraint{kTopologySpreadConstraintTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
