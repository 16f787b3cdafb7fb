#pragma once

/// Deleting what is left over when an owner, a namespace or a node's tolerance goes. Internal to
/// this folder.
namespace labctl::compile {

class Control;

/// Everything in namespaces that have been deleted.
void purge_namespaces(Control& control);
/// Dependents whose last owner is gone: the garbage collector's background deletion. Those that
/// have another owner only lose the reference.
void collect_garbage(Control& control);
/// Pods that no longer match the selector of their controller lose it, so that it makes another.
void release_relabelled(Control& control);
/// Pods on nodes with a NoExecute taint that they do not tolerate.
void evict(Control& control);
/// Pods on nodes that the lab no longer has: those of a controller are deleted, others are placed
/// anew.
void rescue_from_lost_nodes(Control& control);

} // namespace labctl::compile
