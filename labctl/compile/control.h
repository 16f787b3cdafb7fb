#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cluster_state.h"
#include "labctl/compile/event_recorder.h"
#include "labctl/store/store.h"

/// What every controller works with: the store, the indices, events, and the making and ending of
/// pods. Internal to this folder.
namespace labctl::compile {

/// How a controller wants a pod, besides the template.
struct PodRequest {
    std::string name; // empty: made from generate_name
    std::string generate_name;
    api::Labels labels;      // added to the template's
    api::Labels annotations; // likewise
    std::string hostname;    // likewise, if not empty
    std::string subdomain;
    std::string only_node; // node affinity to this node's name (DaemonSet)
};

class Control {
public:
    Control(store::Store& the_store, ClusterState& the_state, EventRecorder& the_events);

    store::Store& store;
    ClusterState& state;
    EventRecorder& events;
    std::string now;           // metav1.Time of this reconcile
    bool assume_ready = false; // pods count as running and ready as soon as they have an address
    const std::vector<ImageRule>* images = nullptr; // what runs in the pods, as the lab says
    std::string mesh = "none";                      // its profile, whose sidecars new pods may get

    /// Makes a pod, with its node and addresses if there are any for it. When the API server would
    /// refuse it (its ServiceAccount does not exist), says so in an event, sets `refusal` and
    /// returns nullptr.
    PodInfo* create_pod(
        const char* component,
        const api::Object& owner,
        const api::Json& pod_template,
        PodRequest request,
        std::string& refusal);
    /// Begins the end of a pod. One that has something to finish (pod_termination.h) stays in the
    /// store, terminating, until `end_pod`, or until it is deleted with no grace; all others go at
    /// once. `grace`: seconds instead of the pod's own; they can only shorten an end that has
    /// begun.
    void delete_pod(
        const char* component,
        const api::Object* owner,
        const PodInfo& pod,
        std::optional<std::int64_t> grace = std::nullopt);
    /// Gives a node and addresses to the pods that have none, as far as there are any.
    void place_pending();
    void refresh_status(PodInfo& pod);

    /// Puts a copy of `object` that `change` has changed. No effect if nothing differs.
    api::ObjectPtr
    edit(const api::ObjectPtr& object, const std::function<void(api::Json& body)>& change);
    void set_status(const api::ObjectPtr& object, api::Json status);
    /// Takes objects of `kind` in the owner's namespace that match, have no controller and (if
    /// given) are `eligible` by name.
    void adopt(
        const api::Object& owner,
        const std::string& kind,
        const api::Selector& selector,
        const std::function<bool(const std::string& name)>& eligible = {});
    /// `base` with five characters that no object of this kind and namespace has yet.
    std::string free_name(const std::string& kind, const std::string& ns, const std::string& base);
    /// Removes `owner_uid` from the ownerReferences.
    void release(const api::ObjectPtr& object, const std::string& owner_uid);

private:
    struct Spot {
        std::optional<std::size_t> node;
        std::vector<netemu::IpAddress> ips;
        std::string problem;
        bool bound_by_scheduler = false;
    };

    Spot find_spot(const api::Json& pod, const std::string& lease, const std::string& owner_uid);
    api::Json status_for(
        const api::Json& pod, const Spot& spot, const std::optional<RuntimeState>& runtime) const;
    void bind(PodInfo& pod);
    [[nodiscard]] bool takes_time_to_end(const PodInfo& pod) const;
    void shorten_end(const PodInfo& pod, std::int64_t grace);
    void report(const api::Object& pod, const Spot& spot);

    std::unordered_map<std::string, std::uint64_t> name_counters_;
    std::unordered_map<std::string, std::uint64_t>
        adopted_; // owner's uid -> orphans' revision then
};

/// What admission does to a new pod: its serviceAccountName's default, and with a `mesh` its
/// sidecar. Returns the API server's words when it refuses the pod: the account does not exist, or
/// the lab has all the pods that it may have.
std::optional<std::string>
admit_pod(const store::Store& store, api::Json& pod, const std::string& mesh);

/// ownerReferences' entry that makes `owner` the controller.
api::Json controller_reference(const api::Object& owner);

/// A condition of an object's status.
struct Condition {
    std::string type;
    bool value = false;
    std::string reason;  // empty: it has none
    std::string message; // likewise
};
/// A condition as most kinds have it, keeping the previous one's transition time while its status
/// stays.
api::Json
make_condition(const api::Json& previous_status, const Condition& wanted, const std::string& now);

} // namespace labctl::compile
