#include <algorithm>

#include "labctl/api/naming.h"
#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kDaemonSetController = "daemonset-controller";

/// AddOrUpdateDaemonPodTolerations of daemon/util.
void add_tolerations(Json& spec) {
    auto& tolerations = spec["tolerations"];
    const auto add = [&](const char* key, const char* effect) {
        tolerations.push_back({{"key", key}, {"operator", "Exists"}, {"effect", effect}});
    };
    add("node.kubernetes.io/not-ready", "NoExecute");
    add("node.kubernetes.io/unreachable", "NoExecute");
    add("node.kubernetes.io/disk-pressure", "NoSchedule");
    add("node.kubernetes.io/memory-pressure", "NoSchedule");
    add("node.kubernetes.io/pid-pressure", "NoSchedule");
    add("node.kubernetes.io/unschedulable", "NoSchedule");
    if (api::bool_at(spec, "hostNetwork", false)) {
        add("node.kubernetes.io/network-unavailable", "NoSchedule");
    }
}

/// The node that a daemon pod is for: where it is, or where its affinity sends it.
std::string target_node(const PodInfo& pod) {
    if (!pod.node_name.empty()) {
        return pod.node_name;
    }
    const auto& terms = api::at(
        pod.object->body,
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
        "nodeSelectorTerms");
    for (const auto& term : terms) {
        for (const auto& field : api::at(term, "matchFields")) {
            const auto& values = api::at(field, "values");
            if (api::string_at(field, "key") == "metadata.name" && values.size() == 1) {
                return values[0].get<std::string>();
            }
        }
    }
    return {};
}

class DaemonSetSync {
public:
    DaemonSetSync(Control& control, const api::ObjectPtr& object)
        : control_(control), object_(object), template_(api::at(object->body, "spec.template")) {
        hash_ = api::pod_template_hash(template_);
        add_tolerations(template_["spec"]);
        for (const auto& [seq, pod] : control.state.pods_of(object->uid())) {
            pods_[target_node(*pod)].push_back(pod);
        }
    }

    void run() {
        manage();
        if (api::string_at(object_->body, "spec.updateStrategy.type", "RollingUpdate") ==
            "RollingUpdate") {
            update();
        }
        update_status();
    }

private:
    [[nodiscard]] bool is_updated(const PodInfo& pod) const {
        return label_of(pod, kRevisionLabel) == hash_;
    }

    /// NodeShouldRunDaemonPod: whether a pod belongs there, and whether one that is there may stay.
    [[nodiscard]] std::pair<bool, bool> belongs(const NodeInfo& node) const {
        const NodeDemand demand(template_["spec"]);
        const auto wanted = api::string_at(template_, "spec.nodeName");
        if ((!wanted.empty() && wanted != node.name) ||
            !demand.matches_selector_and_affinity(node)) {
            return {false, false};
        }
        return {
            demand.untolerated_taint(node, false) == nullptr,
            demand.untolerated_taint(node, true) == nullptr};
    }

    void remove(const std::string& node, const PodInfo* pod) {
        const auto key = pod->key();
        control_.delete_pod(kDaemonSetController, object_.get(), *pod);
        if (control_.state.pod({key.ns, key.name}) == nullptr) {
            auto& here = pods_[node];
            here.erase(std::find(here.begin(), here.end(), pod));
        }
    }

    void manage() {
        for (const auto& node : control_.state.nodes()) {
            const auto [should_run, may_stay] = belongs(node);
            const auto here = pods_[node.name]; // a copy, oldest first
            bool has_one = false;
            for (const auto* pod : here) {
                if (pod->terminating) {
                    continue; // its successor waits
                }
                if (pod->ended() || !may_stay || has_one) {
                    remove(node.name, pod); // failed pods are replaced, doubles removed
                } else {
                    has_one = true;
                }
            }
            desired_ += should_run ? 1 : 0;
            if (should_run && pods_[node.name].empty()) {
                create(node.name);
            }
        }
        const auto all = pods_; // a copy: removing changes it
        for (const auto& [name, here] : all) {
            if (control_.state.node_index(name)) {
                continue;
            }
            for (const auto* pod : here) {
                remove(name, pod); // its node is none of the lab's any more
            }
        }
    }

    void create(const std::string& node) {
        PodRequest request;
        request.generate_name = object_->name() + "-";
        request.labels = {
            {kRevisionLabel, hash_},
            {"pod-template-generation",
             std::to_string(api::int_at(object_->body, "metadata.generation", 1))}};
        request.only_node = node;
        std::string refusal;
        control_.create_pod(kDaemonSetController, *object_, template_, std::move(request), refusal);
    }

    /// Deletes old pods: those that are not available, then as many as maxUnavailable leaves room
    /// for.
    void update() {
        const auto unavailable_max = std::max<std::int64_t>(
            1,
            int_or_percent(
                api::at(object_->body, "spec.updateStrategy.rollingUpdate.maxUnavailable"),
                0,
                desired_,
                true));
        std::int64_t unavailable = 0;
        std::vector<std::pair<std::string, const PodInfo*>> old_ready;
        std::vector<std::pair<std::string, const PodInfo*>> old_unready;
        for (const auto& node : control_.state.nodes()) {
            const auto& here = pods_[node.name];
            const bool healthy =
                !here.empty() && here.front()->running_and_ready() && !here.front()->terminating;
            if (!healthy) {
                unavailable += belongs(node).first ? 1 : 0;
            }
            if (!here.empty() && !here.front()->terminating && !is_updated(*here.front())) {
                auto& list = here.front()->running_and_ready() ? old_ready : old_unready;
                list.emplace_back(node.name, here.front());
            }
        }
        for (const auto& [node, pod] : old_unready) {
            remove(node, pod);
        }
        for (const auto& [node, pod] : old_ready) {
            if (unavailable++ >= unavailable_max) {
                break;
            }
            remove(node, pod);
        }
    }

    void update_status() {
        std::int64_t scheduled = 0;
        std::int64_t misscheduled = 0;
        std::int64_t ready = 0;
        std::int64_t updated = 0;
        for (const auto& node : control_.state.nodes()) {
            const bool should_run = belongs(node).first;
            const auto& here = pods_[node.name];
            if (here.empty()) {
                continue;
            }
            scheduled += should_run ? 1 : 0;
            misscheduled += should_run ? 0 : 1;
            ready += should_run && here.front()->running_and_ready() ? 1 : 0;
            updated += should_run && is_updated(*here.front()) ? 1 : 0;
        }
        Json status{
            {"observedGeneration", api::int_at(object_->body, "metadata.generation", 1)},
            {"currentNumberScheduled", scheduled},
            {"desiredNumberScheduled", desired_},
            {"numberMisscheduled", misscheduled},
            {"numberReady", ready}};
        const auto set = [&](const char* field, std::int64_t value) {
            if (value != 0) {
                status[field] = value;
            }
        };
        set("numberAvailable", ready);
        set("numberUnavailable", desired_ - ready);
        set("updatedNumberScheduled", updated);
        control_.set_status(object_, std::move(status));
    }

    Control& control_;
    const api::ObjectPtr object_;
    Json template_; // with the tolerations that daemon pods have
    std::string hash_;
    std::map<std::string, std::vector<const PodInfo*>> pods_; // by node
    std::int64_t desired_ = 0;
};

} // namespace

void sync_daemon_set(Control& control, const api::ObjectPtr& object) {
    control.adopt(*object, "Pod", api::Selector::from_json(api::at(object->body, "spec.selector")));
    DaemonSetSync(control, object).run();
}

} // namespace labctl::compile
