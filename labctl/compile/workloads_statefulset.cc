#include <algorithm>
#include <charconv>
#include <optional>

#include "labctl/api/naming.h"
#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kStatefulSetController = "statefulset-controller";

/// The ordinal in "NAME-3"; nullopt for a pod that is none of the set's.
std::optional<std::int64_t> ordinal_of(const std::string& pod, const std::string& set) {
    if (pod.size() <= set.size() + 1 || !pod.starts_with(set) || pod[set.size()] != '-') {
        return std::nullopt;
    }
    const auto* begin = pod.data() + set.size() + 1;
    const auto* end = pod.data() + pod.size();
    std::int64_t value = 0;
    const auto parsed = std::from_chars(begin, end, value);
    const bool leading_zero = *begin == '0' && end - begin > 1;
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0 || leading_zero) {
        return std::nullopt;
    }
    return value;
}

class StatefulSetSync {
public:
    StatefulSetSync(Control& control, const api::ObjectPtr& object)
        : control_(control), object_(object), spec_(api::at(object->body, "spec")) {
        first_ = api::int_at(spec_, "ordinals.start", 0);
        replicas_ = api::int_at(spec_, "replicas", 1);
        ordered_ = api::string_at(spec_, "podManagementPolicy", "OrderedReady") != "Parallel";
        revision_ = object->name() + "-" + api::pod_template_hash(api::at(spec_, "template"));
        for (const auto& [seq, pod] : control.state.pods_of(object->uid())) {
            if (const auto ordinal = ordinal_of(pod->name, object->name())) {
                pods_[*ordinal] = pod;
            }
        }
    }

    void run() {
        remove_ended();
        if (fill()) {
            scale_down();
            update();
        }
        update_status();
    }

private:
    [[nodiscard]] bool in_range(std::int64_t ordinal) const {
        return ordinal >= first_ && ordinal < first_ + replicas_;
    }

    [[nodiscard]] bool is_current(const PodInfo& pod) const {
        return label_of(pod, kRevisionLabel) == revision_;
    }

    /// False when the pod takes its time to end and so keeps its name.
    bool remove(std::int64_t ordinal) {
        const auto* pod = pods_.at(ordinal);
        const auto key = pod->key();
        control_.delete_pod(kStatefulSetController, object_.get(), *pod);
        if (control_.state.pod({key.ns, key.name}) != nullptr) {
            return false;
        }
        pods_.erase(ordinal);
        return true;
    }

    [[nodiscard]] static bool is_healthy(const PodInfo& pod) {
        return pod.running_and_ready() && !pod.terminating;
    }

    void remove_ended() { // `fill` makes them anew
        for (auto it = pods_.begin(); it != pods_.end();) {
            const auto [ordinal, pod] = *it++;
            if (pod->ended()) {
                remove(ordinal);
            }
        }
    }

    /// Creates what is missing, in order. False when the order asks to wait for a pod first.
    bool fill() {
        for (auto ordinal = first_; ordinal < first_ + replicas_; ++ordinal) {
            const auto found = pods_.find(ordinal);
            if (found == pods_.end()) {
                auto* created = create(ordinal);
                if (created == nullptr) {
                    return false;
                }
                pods_[ordinal] = created;
            }
            if (ordered_ && !is_healthy(*pods_.at(ordinal))) {
                return false;
            }
        }
        return true;
    }

    PodInfo* create(std::int64_t ordinal) {
        PodRequest request;
        request.name = object_->name() + "-" + std::to_string(ordinal);
        if (control_.state.pod({object_->ns(), request.name}) != nullptr) {
            control_.events.warning(
                kStatefulSetController,
                *object_,
                "FailedCreate",
                "create Pod " + request.name + " in StatefulSet " + object_->name() +
                    " failed error: pods \"" + request.name + "\" already exists");
            return nullptr;
        }
        request.labels = {
            {"statefulset.kubernetes.io/pod-name", request.name},
            {"apps.kubernetes.io/pod-index", std::to_string(ordinal)},
            {kRevisionLabel, revision_}};
        request.hostname = request.name;
        request.subdomain = api::string_at(spec_, "serviceName");
        std::string refusal;
        return control_.create_pod(
            kStatefulSetController,
            *object_,
            api::at(spec_, "template"),
            std::move(request),
            refusal);
    }

    /// Deletes pods out of the range, the highest first; in order, each when the one above is gone.
    void scale_down() {
        std::vector<std::int64_t> condemned;
        for (const auto& [ordinal, pod] : pods_) {
            if (!in_range(ordinal)) {
                condemned.push_back(ordinal);
            }
        }
        for (auto it = condemned.rbegin(); it != condemned.rend(); ++it) {
            if (!remove(*it) && ordered_) {
                return;
            }
        }
    }

    /// Replaces pods of older templates, the highest ordinal first, one at a time.
    void update() {
        if (api::string_at(spec_, "updateStrategy.type", "RollingUpdate") != "RollingUpdate") {
            return;
        }
        const auto partition = api::int_at(spec_, "updateStrategy.rollingUpdate.partition", 0);
        for (auto it = pods_.rbegin(); it != pods_.rend(); ++it) {
            if (!in_range(it->first) || it->first < partition) {
                continue;
            }
            if (!is_current(*it->second) && !it->second->terminating) {
                remove(it->first); // it is made anew when this is called again
                return;
            }
            if (!is_healthy(*it->second)) {
                return;
            }
        }
    }

    void update_status() {
        std::int64_t ready = 0;
        std::int64_t updated = 0;
        std::int64_t staying = 0;
        for (const auto& [ordinal, pod] : pods_) {
            ready += pod->running_and_ready() ? 1 : 0;
            updated += is_current(*pod) && !pod->terminating ? 1 : 0;
            staying += pod->terminating ? 0 : 1;
        }
        const auto total = static_cast<std::int64_t>(pods_.size());
        const auto& before = api::at(object_->body, "status");
        auto current = api::string_at(before, "currentRevision", revision_);
        if (updated == total && ready == total && total == replicas_) {
            current = revision_;
        }
        Json status{
            {"observedGeneration", api::int_at(object_->body, "metadata.generation", 1)},
            {"replicas", total},
            {"currentRevision", current},
            {"updateRevision", revision_},
            {"availableReplicas", ready},
            {"collisionCount", 0}};
        const auto set = [&](const char* field, std::int64_t value) {
            if (value != 0) {
                status[field] = value;
            }
        };
        set("readyReplicas", ready);
        set("updatedReplicas", updated);
        set("currentReplicas", current == revision_ ? updated : staying - updated);
        control_.set_status(object_, std::move(status));
    }

    Control& control_;
    const api::ObjectPtr object_;
    const Json& spec_;
    std::int64_t first_ = 0;
    std::int64_t replicas_ = 1;
    bool ordered_ = true;
    std::string revision_;
    std::map<std::int64_t, PodInfo*> pods_;
};

} // namespace

void sync_stateful_set(Control& control, const api::ObjectPtr& object) {
    const auto selector = api::Selector::from_json(api::at(object->body, "spec.selector"));
    control.adopt(*object, "Pod", selector, [&](const std::string& name) {
        return ordinal_of(name, object->name()).has_value();
    });
    StatefulSetSync(control, object).run();
}

} // namespace labctl::compile
