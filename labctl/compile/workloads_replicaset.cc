#include <algorithm>
#include <cmath>
#include <vector>

#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"
#include "netemu/base/heap.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kReplicaSetController = "replicaset-controller";
constexpr std::size_t kManyPods = 64;
constexpr std::size_t kBytesPerPod = 18U << 10U; // measured: the object, its events and indices
constexpr const char* kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

struct Ranked {
    const PodInfo* pod;
    std::size_t related = 0; // active pods of the same owner's ReplicaSets on its node
    std::int64_t cost = 0;
};

std::int64_t deletion_cost(const PodInfo& pod) {
    const auto& annotations = api::at(pod.object->body, "metadata.annotations");
    if (!annotations.is_object() || !annotations.contains(kDeletionCost)) {
        return 0;
    }
    try {
        return std::stoll(annotations[kDeletionCost].get<std::string>());
    } catch (const std::exception&) {
        return 0; // Kubernetes ignores it too
    }
}

/// Whether `a` is to be deleted before `b`: ActivePodsWithRanks.Less of controller_utils.go.
bool goes_first(const Ranked& a, const Ranked& b) {
    const auto order = [](auto left, auto right) {
        return left < right ? -1 : left > right ? 1 : 0;
    };
    const int steps[] = {
        order(a.pod->node.has_value(), b.pod->node.has_value()),
        order(a.pod->phase == PodPhase::Running, b.pod->phase == PodPhase::Running),
        order(a.pod->ready, b.pod->ready),
        order(a.cost, b.cost),
        order(b.related, a.related),
        order(
            b.pod->runtime ? b.pod->runtime->restarts : 0,
            a.pod->runtime ? a.pod->runtime->restarts : 0)};
    for (const int step : steps) {
        if (step != 0) {
            return step < 0;
        }
    }
    return a.pod->seq > b.pod->seq;
}

/// Per node, the active pods of all ReplicaSets that have the same owner as this one.
std::map<std::string, std::size_t> related_per_node(Control& control, const api::Object& object) {
    std::set<std::string> uids{object.uid()};
    if (const auto owner = controller_of(object.body)) {
        for (const auto& key : control.state.dependents(owner->uid)) {
            if (const auto sibling = key.kind == "ReplicaSet" ? control.store.get(key) : nullptr) {
                uids.insert(sibling->uid());
            }
        }
    }
    std::map<std::string, std::size_t> result;
    for (const auto& uid : uids) {
        for (const auto& [seq, pod] : control.state.pods_of(uid)) {
            result[pod->node_name] += pod->active() ? 1 : 0;
        }
    }
    return result;
}

std::vector<PodInfo*> active_pods(Control& control, const std::string& uid) {
    std::vector<PodInfo*> result;
    for (const auto& [seq, pod] : control.state.pods_of(uid)) {
        if (pod->active()) {
            result.push_back(pod);
        }
    }
    return result;
}

void delete_some(
    Control& control,
    const api::Object& object,
    const std::vector<PodInfo*>& pods,
    std::size_t count) {
    const auto related = related_per_node(control, object);
    std::vector<Ranked> ranked;
    for (const auto* pod : pods) {
        const auto found = related.find(pod->node_name);
        ranked.push_back({pod, found == related.end() ? 0 : found->second, deletion_cost(*pod)});
    }
    std::sort(ranked.begin(), ranked.end(), goes_first);
    ranked.resize(std::min(count, ranked.size()));
    for (const auto& item : ranked) {
        control.delete_pod(kReplicaSetController, &object, *item.pod);
    }
}

void update_status(Control& control, const api::ObjectPtr& object, const std::string& failure) {
    std::size_t total = 0;
    std::size_t ready = 0;
    std::size_t terminating = 0;
    for (const auto& [seq, pod] : control.state.pods_of(object->uid())) {
        total += pod->active() ? 1 : 0;
        ready += pod->active() && pod->ready ? 1 : 0;
        terminating += !pod->ended() && pod->terminating ? 1 : 0;
    }
    Json status{
        {"replicas", total},
        {"observedGeneration", api::int_at(object->body, "metadata.generation", 1)}};
    if (total > 0) {
        status["fullyLabeledReplicas"] = total;
    }
    if (ready > 0) {
        status["readyReplicas"] = ready;
        status["availableReplicas"] = ready;
    }
    if (terminating > 0) {
        status["terminatingReplicas"] = terminating; // KEP-3973
    }
    if (!failure.empty()) {
        status["conditions"] = Json::array({make_condition(
            api::at(object->body, "status"),
            {"ReplicaFailure", true, "FailedCreate", failure},
            control.now)});
    }
    control.set_status(object, std::move(status));
}

} // namespace

std::int64_t int_or_percent(
    const Json& value, std::int64_t fallback_percent, std::int64_t total, bool round_up) {
    if (value.is_number_integer()) {
        return value.get<std::int64_t>();
    }
    auto percent = fallback_percent;
    if (value.is_string()) {
        try {
            percent = std::stoll(value.get<std::string>());
        } catch (const std::exception&) {
            percent = fallback_percent; // validation has refused it before
        }
    }
    const auto product = percent * total;
    return round_up ? (product + 99) / 100 : product / 100;
}

std::string label_of(const PodInfo& pod, const std::string& key) {
    const auto& labels = api::at(pod.object->body, "metadata.labels");
    return labels.is_object() ? labels.value(key, std::string{}) : std::string{};
}

void sync_replica_set(Control& control, const api::ObjectPtr& object) {
    const auto& spec = api::at(object->body, "spec");
    control.adopt(*object, "Pod", api::Selector::from_json(api::at(spec, "selector")));
    const auto wanted = static_cast<std::size_t>(api::int_at(spec, "replicas", 1));
    const auto pods = active_pods(control, object->uid());
    std::string failure;
    if (wanted > pods.size() + kManyPods) {
        netemu::reserve_heap((wanted - pods.size()) * kBytesPerPod);
    }
    for (auto count = pods.size(); count < wanted; ++count) {
        PodRequest request;
        request.generate_name = object->name() + "-";
        if (control.create_pod(
                kReplicaSetController,
                *object,
                api::at(spec, "template"),
                std::move(request),
                failure) == nullptr) {
            break;
        }
    }
    if (pods.size() > wanted) {
        delete_some(control, *object, pods, pods.size() - wanted);
    }
    update_status(control, object, failure);
}

} // namespace labctl::compile
