#include <algorithm>
#include <charconv>
#include <set>

#include "labctl/api/naming.h"
#include "labctl/compile/control.h"
#include "labctl/compile/workloads.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr const char* kJobController = "job-controller";
constexpr const char* kIndex = "batch.kubernetes.io/job-completion-index";
constexpr std::int64_t kDefaultBackoffLimit = 6;

class JobSync {
public:
    JobSync(Control& control, const api::ObjectPtr& object)
        : control_(control), object_(object), spec_(api::at(object->body, "spec")),
          before_(api::at(object->body, "status")) {
        indexed_ = api::string_at(spec_, "completionMode") == "Indexed";
        parallelism_ = api::int_at(spec_, "parallelism", 1);
        // Without completions, any pod that succeeds ends the job (a work queue).
        work_queue_ =
            api::at(spec_, "completions").is_null() && !api::at(spec_, "parallelism").is_null();
        completions_ = api::int_at(spec_, "completions", 1);
        backoff_limit_ = api::int_at(spec_, "backoffLimit", kDefaultBackoffLimit);
        count();
    }

    void run() {
        if (!finished()) {
            manage();
        }
        update_status();
    }

private:
    void count() {
        for (const auto& [seq, pod] : control_.state.pods_of(object_->uid())) {
            if (pod->phase == PodPhase::Succeeded) {
                ++succeeded_;
                done_indices_.insert(index_of(*pod));
            } else if (pod->phase == PodPhase::Failed) {
                ++failed_;
            } else if (pod->terminating) {
                ++terminating_;
            } else {
                active_.push_back(pod);
            }
        }
        // Pods of a finished job may have been deleted since; the status remembers them.
        succeeded_ = std::max(succeeded_, api::int_at(before_, "succeeded", 0));
        failed_ = std::max(failed_, api::int_at(before_, "failed", 0));
        if (indexed_) {
            succeeded_ = static_cast<std::int64_t>(done_indices_.size());
        }
    }

    static std::int64_t index_of(const PodInfo& pod) {
        const auto text = label_of(pod, kIndex);
        std::int64_t value = -1;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

    [[nodiscard]] bool has_condition(const char* type) const {
        const auto& conditions = api::at(before_, "conditions");
        return std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
            return api::string_at(condition, "type") == type &&
                   api::string_at(condition, "status") == "True";
        });
    }

    [[nodiscard]] bool finished() const {
        return has_condition("Complete") || has_condition("Failed");
    }
    [[nodiscard]] bool suspended() const { return api::bool_at(spec_, "suspend", false); }
    [[nodiscard]] bool complete() const {
        return work_queue_ ? succeeded_ > 0 && active_.empty() : succeeded_ >= completions_;
    }
    [[nodiscard]] bool broken() const { return failed_ > backoff_limit_; }

    void manage() {
        std::int64_t wanted = work_queue_ ? (succeeded_ > 0 ? 0 : parallelism_)
                                          : std::min(parallelism_, completions_ - succeeded_);
        if (work_queue_ && succeeded_ > 0 && !broken()) {
            return; // the pods that still run come to their own end
        }
        if (suspended() || complete() || broken()) {
            wanted = 0;
        }
        while (static_cast<std::int64_t>(active_.size()) > wanted) {
            control_.delete_pod(kJobController, object_.get(), *active_.back());
            active_.pop_back();
        }
        while (static_cast<std::int64_t>(active_.size()) < wanted && create()) {
        }
    }

    bool create() {
        PodRequest request;
        const auto name = object_->name();
        request.generate_name = name + "-";
        request.labels = api::job_labels(name, object_->uid());
        std::int64_t index = 0;
        if (indexed_) {
            index = next_index();
            request.generate_name = name + "-" + std::to_string(index) + "-";
            request.labels[kIndex] = std::to_string(index);
            request.annotations[kIndex] = std::to_string(index);
            request.hostname = name + "-" + std::to_string(index);
        }
        std::string refusal;
        auto* pod = control_.create_pod(
            kJobController, *object_, api::at(spec_, "template"), std::move(request), refusal);
        if (pod == nullptr) {
            return false;
        }
        active_.push_back(pod);
        return true;
    }

    [[nodiscard]] std::int64_t next_index() const {
        auto taken = done_indices_;
        for (const auto* pod : active_) {
            taken.insert(index_of(*pod));
        }
        std::int64_t index = 0;
        while (taken.contains(index)) {
            ++index;
        }
        return index;
    }

    void add_condition(Json& status, const char* type, const char* reason, const char* message) {
        status["conditions"].push_back(
            make_condition(before_, {type, true, reason, message}, control_.now));
    }

    void finish(Json& status) {
        if (complete()) {
            status["completionTime"] = control_.now;
            add_condition(
                status,
                "SuccessCriteriaMet",
                "CompletionsReached",
                "Reached expected number of succeeded pods");
            add_condition(
                status,
                "Complete",
                "CompletionsReached",
                "Reached expected number of succeeded pods");
            control_.events.normal(kJobController, *object_, "Completed", "Job completed");
        } else if (broken()) {
            const char* message = "Job has reached the specified backoff limit";
            add_condition(status, "FailureTarget", "BackoffLimitExceeded", message);
            add_condition(status, "Failed", "BackoffLimitExceeded", message);
            control_.events.warning(kJobController, *object_, "BackoffLimitExceeded", message);
        } else if (suspended()) {
            add_condition(status, "Suspended", "JobSuspended", "Job suspended");
        }
    }

    void update_status() {
        if (finished()) {
            return; // a finished job's status does not change any more
        }
        std::int64_t ready = 0;
        for (const auto* pod : active_) {
            ready += pod->running_and_ready() ? 1 : 0;
        }
        Json status{{"ready", ready}, {"terminating", terminating_}};
        const auto set = [&](const char* field, std::int64_t value) {
            if (value != 0) {
                status[field] = value;
            }
        };
        set("active", static_cast<std::int64_t>(active_.size()));
        set("succeeded", succeeded_);
        set("failed", failed_);
        if (!suspended()) {
            status["startTime"] = api::string_at(before_, "startTime", control_.now);
        }
        finish(status);
        control_.set_status(object_, std::move(status));
    }

    Control& control_;
    const api::ObjectPtr object_;
    const Json& spec_;
    const Json& before_;
    bool indexed_ = false;
    bool work_queue_ = false;
    std::int64_t parallelism_ = 1;
    std::int64_t completions_ = 1;
    std::int64_t backoff_limit_ = kDefaultBackoffLimit;
    std::int64_t succeeded_ = 0;
    std::int64_t failed_ = 0;
    std::int64_t terminating_ = 0;
    std::set<std::int64_t> done_indices_;
    std::vector<PodInfo*> active_; // oldest first
};

} // namespace

void sync_job(Control& control, const api::ObjectPtr& object) {
    JobSync(control, object).run();
}

} // namespace labctl::compile
