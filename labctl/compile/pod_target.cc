#include "labctl/compile/pod_target.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "labctl/compile/cluster_state.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

constexpr std::array kWorkloadKinds{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"};

/// Whether the pod is the workload's, or that of a ReplicaSet of it.
bool belongs_to(const store::Store& store, const api::Object& pod, const api::Object& workload) {
    auto owner = controller_of(pod.body);
    if (owner && owner->kind == "ReplicaSet" && workload.kind() == "Deployment") {
        const auto set = store.get({"ReplicaSet", pod.ns(), owner->name});
        owner = set ? controller_of(set->body) : std::nullopt;
    }
    return owner && owner->kind == workload.kind() && owner->name == workload.name();
}

bool selects(const api::Object& service, const api::Object& pod) {
    const auto& selector = api::at(service.body, "spec.selector");
    const auto labels = pod.labels();
    return !selector.empty() &&
           std::all_of(selector.items().begin(), selector.items().end(), [&](const auto& wanted) {
               const auto found = labels.find(wanted.key());
               return found != labels.end() && wanted.value() == found->second;
           });
}

bool has_ended(const api::Object& pod) {
    const auto phase = api::string_at(pod.body, "status.phase");
    return phase == "Succeeded" || phase == "Failed";
}

bool is_ready(const api::Object& pod) {
    const auto& conditions = api::at(pod.body, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const api::Json& condition) {
        return api::string_at(condition, "type") == "Ready" &&
               api::string_at(condition, "status") == "True";
    });
}

/// The lower, the sooner a pod is chosen.
auto reluctance(const api::Object& pod) {
    return std::make_tuple(
        has_ended(pod), !api::at(pod.body, "metadata.deletionTimestamp").is_null(), !is_ready(pod));
}

api::ObjectPtr pod_behind(const store::Store& store, const api::Object& object) {
    api::ObjectPtr best;
    for (const auto& pod : store.list("Pod", object.ns())) { // in the order of their names
        const bool behind =
            object.kind() == "Service" ? selects(object, *pod) : belongs_to(store, *pod, object);
        if (behind && (!best || reluctance(*pod) < reluctance(*best))) {
            best = pod;
        }
    }
    if (!best) {
        const auto kind = netemu::to_lower(object.kind());
        throw netemu::UsageError(
            kind + " " + object.ns() + "/" + object.name() + " has no pods",
            "`labctl describe " + kind + " " + object.name() + " -n " + object.ns() +
                "` says what became of it");
    }
    return best;
}

/// The workload's or Service's kind that a word of kubectl names ("deploy", "svc"), or "".
std::string kind_with_pods(const std::string& word) {
    for (const auto* kind : api::find_kinds(word)) {
        if (kind->kind == "Service" ||
            std::find(kWorkloadKinds.begin(), kWorkloadKinds.end(), kind->kind) !=
                kWorkloadKinds.end()) {
            return kind->kind;
        }
    }
    return {};
}

} // namespace

api::ObjectPtr
find_pod_target(const store::Store& store, const std::string& text, const std::string& default_ns) {
    std::vector<std::string> words;
    for (const auto word : netemu::split(text, '/')) {
        words.emplace_back(word);
    }
    if (words.size() >= 2 && words[words.size() - 2] == "pod") {
        return store.get({"Pod", words.size() == 3 ? words[0] : default_ns, words.back()});
    }
    const auto ns = words.size() == 1 ? default_ns : words[0];
    if (words.size() <= 2) {
        if (auto pod = store.get({"Pod", ns, words.back()})) {
            return pod;
        }
    }
    // deploy/web, shop/deploy/web
    const auto kind = words.size() == 1 ? "" : kind_with_pods(words[words.size() - 2]);
    if (!kind.empty() && words.size() <= 3) {
        const auto of = words.size() == 3 ? words[0] : default_ns;
        if (const auto object = store.get({kind, of, words.back()})) {
            return pod_behind(store, *object);
        }
    }
    if (words.size() <= 2) {
        for (const auto* each : kWorkloadKinds) {
            if (const auto workload = store.get({each, ns, words.back()})) {
                return pod_behind(store, *workload);
            }
        }
    }
    return nullptr;
}

} // namespace labctl::compile
