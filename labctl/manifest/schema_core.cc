#include "labctl/manifest/schema_table.h"

/// core/v1: what is not a workload or a Service.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr Table kLocalObjectReferenceTable{
    text("name"),
};

constexpr Table kTypedLocalObjectReferenceTable{
    text("apiGroup"), text("kind"), text("name"),
};

constexpr Table kObjectReferenceTable{
    text("kind"), text("namespace"), text("name"), text("uid"), text("apiVersion"),
    text("resourceVersion"), text("fieldPath"),
};

constexpr Table kNamespaceSpec{
    text("finalizers").list(),
};

constexpr Table kNamespaceTable{
    Code{default_namespace, nullptr},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kNamespaceSpec),
    any("status"),
};

constexpr Table kTaintTable{
    text("key").required().is(qualified_name), text("value").is(label_value),
    text("effect").required().one_of(kTaintEffects), time("timeAdded"),
};

constexpr Table kConfigMapNodeConfigSource{
    text("namespace"), text("name"), text("uid"), text("resourceVersion"), text("kubeletConfigKey"),
};

constexpr Table kNodeConfigSource{
    object("configMap", kConfigMapNodeConfigSource),
};

constexpr Table kNodePodPreemptionPolicy{
    text("disableResizePreemption").list(),
};

constexpr Table kNodeSpec{
    Code{default_node_spec, check_node_spec},
    text("podCIDR").is(cidr), text("podCIDRs").list().is(cidr), text("providerID"),
    flag("unschedulable"), object("taints", kTaint).list(),
    object("configSource", kNodeConfigSource), text("externalID"),
    object("podPreemptionPolicy", kNodePodPreemptionPolicy),
};

constexpr Table kNodeTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kNodeSpec).always(),
    any("status"),
};

constexpr Table kServiceAccountTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("secrets", kObjectReference).list(),
    object("imagePullSecrets", kLocalObjectReference).list(), flag("automountServiceAccountToken"),
};

constexpr Table kConfigMapTable{
    Code{nullptr, check_config_map},
    kApiVersion, kKind, object("metadata", kObjectMeta), flag("immutable"), text("data").map(),
    text("binaryData").map(),
};

constexpr Table kSecretTable{
    Code{default_secret, check_secret},
    kApiVersion, kKind, object("metadata", kObjectMeta), flag("immutable"), text("data").map(),
    text("stringData").map(), text("type").otherwise("Opaque"),
};

} // namespace

constinit const Struct kLocalObjectReference{kLocalObjectReferenceTable.type()};
constinit const Struct kTypedLocalObjectReference{kTypedLocalObjectReferenceTable.type()};
constinit const Struct kObjectReference{kObjectReferenceTable.type()};
constinit const Struct kNamespace{kNamespaceTable.type()};
constinit const Struct kTaint{kTaintTable.type()};
constinit const Struct kNode{kNodeTable.type()};
constinit const Struct kServiceAccount{kServiceAccountTable.type()};
constinit const Struct kConfigMap{kConfigMapTable.type()};
constinit const Struct kSecret{kSecretTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
