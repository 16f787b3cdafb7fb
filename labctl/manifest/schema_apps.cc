#include "labctl/manifest/schema_table.h"

/// apps/v1.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 2> kDeploymentStrategies{"Recreate", "RollingUpdate"};
constexpr std::array<std::string_view, 2> kUpdateStrategies{"OnDelete", "RollingUpdate"};
constexpr std::array<std::string_view, 2> kPodManagement{"OrderedReady", "Parallel"};
constexpr std::array<std::string_view, 2> kRetention{"Delete", "Retain"};

constexpr Table kRollingUpdateDeployment{
    int_or_text("maxUnavailable"), int_or_text("maxSurge"),
};

constexpr Table kDeploymentStrategy{
    Code{default_deployment_strategy, check_deployment_strategy},
    text("type").otherwise("RollingUpdate").one_of(kDeploymentStrategies),
    object("rollingUpdate", kRollingUpdateDeployment),
};

constexpr Table kDeploymentSpec{
    Code{nullptr, check_deployment_spec},
    int32("replicas").otherwise(1).at_least(0), object("selector", kLabelSelector).required(),
    object("template", kPodTemplateSpec).always(), object("strategy", kDeploymentStrategy).always(),
    int32("minReadySeconds").at_least(0), int32("revisionHistoryLimit").otherwise(10).at_least(0),
    flag("paused"), int32("progressDeadlineSeconds").otherwise(600).at_least(0),
};

constexpr Table kDeploymentTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kDeploymentSpec).always(),
    any("status"),
};

constexpr Table kReplicaSetSpec{
    Code{nullptr, check_replica_set_spec},
    int32("replicas").otherwise(1).at_least(0), int32("minReadySeconds").at_least(0),
    object("selector", kLabelSelector).required(), object("template", kPodTemplateSpec).always(),
};

constexpr Table kReplicaSetTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kReplicaSetSpec).always(),
    any("status"),
};

constexpr Table kRollingUpdateStatefulSetStrategy{
    int32("partition").otherwise(0).at_least(0), int_or_text("maxUnavailable"),
};

constexpr Table kStatefulSetUpdateStrategy{
    Code{default_stateful_set_strategy, nullptr},
    text("type").otherwise("RollingUpdate").one_of(kUpdateStrategies),
    object("rollingUpdate", kRollingUpdateStatefulSetStrategy),
};

constexpr Table kStatefulSetPersistentVolumeClaimRetentionPolicy{
    text("whenDeleted").otherwise("Retain").one_of(kRetention),
    text("whenScaled").otherwise("Retain").one_of(kRetention),
};

constexpr Table kStatefulSetOrdinals{
    int32("start").at_least(0),
};

constexpr Table kStatefulSetSpec{
    Code{nullptr, check_stateful_set_spec},
    int32("replicas").otherwise(1).at_least(0), object("selector", kLabelSelector).required(),
    object("template", kPodTemplateSpec).always(),
    object("volumeClaimTemplates", kPersistentVolumeClaim).list(), text("serviceName"),
    text("podManagementPolicy").otherwise("OrderedReady").one_of(kPodManagement),
    object("updateStrategy", kStatefulSetUpdateStrategy).always(),
    int32("revisionHistoryLimit").otherwise(10).at_least(0), int32("minReadySeconds").at_least(0),
    object("persistentVolumeClaimRetentionPolicy", kStatefulSetPersistentVolumeClaimRetentionPolicy).always(),
    object("ordinals", kStatefulSetOrdinals),
};

constexpr Table kStatefulSetTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kStatefulSetSpec).always(),
    any("status"),
};

constexpr Table kRollingUpdateDaemonSet{
    int_or_text("maxUnavailable"), int_or_text("maxSurge"),
};

constexpr Table kDaemonSetUpdateStrategy{
    Code{default_daemon_set_strategy, check_daemon_set_strategy},
    text("type").otherwise("RollingUpdate").one_of(kUpdateStrategies),
    object("rollingUpdate", kRollingUpdateDaemonSet),
};

constexpr Table kDaemonSetSpec{
    Code{nullptr, check_daemon_set_spec},
    object("selector", kLabelSelector).required(), object("template", kPodTemplateSpec).always(),
    object("updateStrategy", kDaemonSetUpdateStrategy).always(),
    int32("minReadySeconds").at_least(0), int32("revisionHistoryLimit").otherwise(10).at_least(0),
};

constexpr Table kDaemonSetTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kDaemonSetSpec).always(),
    any("status"),
};

} // namespace

constinit const Struct kDeployment{kDeploymentTable.type()};
constinit const Struct kReplicaSet{kReplicaSetTable.type()};
constinit const Struct kStatefulSet{kStatefulSetTable.type()};
constinit const Struct kDaemonSet{kDaemonSetTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
