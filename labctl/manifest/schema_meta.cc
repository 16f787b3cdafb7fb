#include "labctl/manifest/schema_table.h"

/// meta/v1, and our own group.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr Table kOwnerReference{
    text("apiVersion").required(), text("kind").required(), text("name").required(),
    text("uid").required(), flag("controller"), flag("blockOwnerDeletion"),
};

constexpr Table kObjectMetaTable{
    Code{nullptr, check_linkerd_annotations},
    text("name"), text("generateName"), text("namespace"), text("selfLink"), text("uid"),
    text("resourceVersion"), int64("generation"), time("creationTimestamp"),
    time("deletionTimestamp"), int64("deletionGracePeriodSeconds"), labels("labels"),
    text("annotations").map(), object("ownerReferences", kOwnerReference).list(),
    text("finalizers").list().is(qualified_name), any("managedFields"),
};

constexpr Table kLabelSelectorRequirement{
    text("key").required().is(qualified_name), text("operator").required(), text("values").list(),
};

constexpr Table kLabelSelectorTable{
    Code{nullptr, check_label_selector},
    labels("matchLabels"), object("matchExpressions", kLabelSelectorRequirement).list(),
};

} // namespace

constinit const Struct kObjectMeta{kObjectMetaTable.type()};
constinit const Struct kLabelSelector{kLabelSelectorTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
