#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/runtime_state.h"
#include "labctl/store/store.h"

namespace labctl::compile {

enum class Applied { Created, Configured, Unchanged };
std::string to_string(Applied applied); // "created", as kubectl prints it

struct ApplyResult {
    Applied action = Applied::Unchanged;
    api::ObjectPtr object;
};

/// What happens to the objects that the deleted one owns.
enum class Propagation { Background, Orphan };

/// The control plane of one lab: the API server's rules for edits, the scheduler, IPAM and the
/// workload controllers, all over one store. In memory and synchronous: edits change the store at
/// once, and `reconcile` then runs the controllers until none has anything to do. It reads only
/// what has changed since, so its cost is that of the change, not of the lab.
///
/// The order of a start: objects of the journal into the store, then this, then `bootstrap`, then
/// `reconcile`. Pods that come with an address keep it. The store must outlive this; other code may
/// put into it too. Belongs to the supervisor's loop.
///
/// Edits throw api::StatusError with the API server's status and wording when it would refuse them.
class Cluster {
public:
    Cluster(store::Store& store, ClusterConfig config);
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;
    ~Cluster();

    /// Namespaces default, kube-system, kube-public and kube-node-lease, a ServiceAccount "default"
    /// in each namespace, and the Nodes; what exists is brought up to date. At the first start of a
    /// lab also its DNS, as kubeadm leaves it.
    void bootstrap();
    /// Runs the controllers to a fixpoint. Call after edits and after set_runtime.
    void reconcile();

    /// What the lab knows about a pod; merged into its status by the next `reconcile`. False if
    /// there is no such pod.
    bool set_runtime(const api::ObjectKey& pod, const RuntimeState& state);
    /// Keeps a pod from being ready, or no longer: a fault, which set_runtime leaves alone only if
    /// its state says `held` too. The next `reconcile` shows it. False if there is no such pod.
    bool hold(const api::ObjectKey& pod, bool held);
    /// Makes a node as the control plane sees one that it does not hear from (condition Ready,
    /// taint node.kubernetes.io/unreachable), or an ordinary one again.
    void set_node_ready(const std::string& node, bool ready);
    /// From now on, pods count as running and ready as soon as they have an address: for `plan` and
    /// `--dry-run`, where nothing runs.
    void assume_ready();

    /// kubectl apply: creates the object, or merges it into the one there is. What this object's
    /// last apply had set and this one does not is removed; what controllers and other edits have
    /// set stays.
    ApplyResult apply_object(api::Object desired);
    api::ObjectPtr create_object(api::Object object); // POST
    api::ObjectPtr
    replace_object(api::Object object); // PUT; checks metadata.resourceVersion if given
    api::ObjectPtr merge_patch(const api::ObjectKey& key, const api::Json& patch); // RFC 7386
    /// A pod that has something to finish stays, terminating, until `end_pod` or the end of its
    /// grace period, whose seconds `grace` can set; with 0 it goes at once.
    void delete_object(
        const api::ObjectKey& key,
        Propagation propagation = Propagation::Background,
        std::optional<std::int64_t> grace = std::nullopt);
    /// A terminating pod is at its end: it leaves the store. No effect on any other pod.
    void end_pod(const api::ObjectKey& key, const std::string& uid);

    /// Deployment, ReplicaSet and StatefulSet.
    api::ObjectPtr scale(const api::ObjectKey& key, std::int64_t replicas);
    /// Sets labels, or removes those without a value. Throws netemu::UsageError, in kubectl's
    /// words, when a label has another value already and `overwrite` is false.
    using LabelChanges = std::map<std::string, std::optional<std::string>>;
    api::ObjectPtr label(const api::ObjectKey& key, const LabelChanges& changes, bool overwrite);
    /// Of all of them, or, where one cannot be labelled, of none.
    void
    label(const std::vector<api::ObjectKey>& keys, const LabelChanges& changes, bool overwrite);
    api::ObjectPtr annotate(const api::ObjectKey& key, const LabelChanges& changes, bool overwrite);
    /// The user's word on a pod's readiness; none: the lab's own again.
    api::ObjectPtr set_ready(const api::ObjectKey& pod, std::optional<bool> ready);

    /// Called on every object that an edit is about to store, to fill in the API server's defaults;
    /// `fresh` is false where one of its name is there already. May throw: then nothing is stored.
    /// By default there is none: give objects that have them already.
    using Defaulter = std::function<void(api::Object& object, bool fresh)>;
    void set_defaulter(Defaulter defaulter);

    /// Records a Normal or a Warning event about an object.
    void
    note(const char* component, const api::Object& about, const char* reason, std::string message);
    void
    warn(const char* component, const api::Object& about, const char* reason, std::string message);

    [[nodiscard]] const ClusterConfig& config() const;
    /// Changes the mode of kube-proxy, in the configuration and in the Lab object if there is one.
    /// Proxies that exist keep theirs. Throws as check_proxy_mode.
    void set_proxy_mode(const std::string& mode);
    [[nodiscard]] const std::vector<NodePlan>& nodes() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace labctl::compile
