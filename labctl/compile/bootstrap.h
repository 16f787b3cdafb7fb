#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/store/store.h"

/// The objects that are there before anyone applies one. Internal to this folder.
namespace labctl::compile {

/// A Node as kubelet and the controllers would leave it. `before` is what the store has, if
/// anything: a user's labels, annotations, taints and unschedulable of it stay.
api::Object make_node(
    const NodeConfig& node,
    const NodePlan& plan,
    const api::ObjectPtr& before,
    const std::string& now);

/// The namespace and its ServiceAccount "default", where they do not exist.
void ensure_namespace(store::Store& store, const std::string& name);
void ensure_default_account(store::Store& store, const std::string& ns);

/// Fills in what the API server adds to a Namespace: its name as a label, finalizers, phase.
void default_namespace(api::Json& body);

} // namespace labctl::compile
