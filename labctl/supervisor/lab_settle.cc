#include <algorithm>
#include <utility>

#include "labctl/supervisor/bgp.h"
#include "labctl/supervisor/lab.h"

/// When a lab is ready, and what is told of its pods from then on.
namespace labctl::supervisor {

using api::at;
using api::string_at;
using netemu::Clock;

namespace {

bool is_ready(const api::Object& pod) {
    const auto& conditions = at(pod.body, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const api::Json& condition) {
        return string_at(condition, "type") == "Ready" && string_at(condition, "status") == "True";
    });
}

} // namespace

std::map<std::string, std::string> Lab::pending_pods() const {
    std::map<std::string, std::string> pending;
    for (const auto& pod : store_.list("Pod")) {
        const auto phase = string_at(pod->body, "status.phase");
        if (phase == "Succeeded" || !at(pod->body, "metadata.deletionTimestamp").is_null()) {
            continue;
        }
        std::string reason = phase == "Failed" ? "it failed" : "it is being started";
        bool ready = false;
        bool told = false;
        for (const auto& condition : at(pod->body, "status.conditions")) {
            const auto type = string_at(condition, "type");
            const bool holds = string_at(condition, "status") == "True";
            ready = ready || (type == "Ready" && holds);
            // The first one says it best: that a pod has no network is why it is not ready.
            if (!holds && !told && !string_at(condition, "message").empty()) {
                told = true;
                reason = string_at(condition, "message");
            }
        }
        if (!ready) {
            pending[pod->ns() + "/" + pod->name()] = reason;
        }
    }
    return pending;
}

void Lab::when_settled(Clock::time_point deadline, std::function<void()> callback) {
    on_settled_ = std::move(callback);
    settle_timer_ = loop_.at(deadline, [this] {
        if (const auto done = std::exchange(on_settled_, nullptr)) {
            begin_trail();
            done();
        }
    });
    check_settled();
}

/// From now on changes of readiness are told in Events.
void Lab::begin_trail() {
    trail_ = std::make_unique<compile::ServiceTrail>(store_);
    last_requests_ = std::make_unique<LastRequests>(
        loop_,
        [this](const std::string& pod, dataplane::DataPlane::ServedCallback answer) {
            dataplane_->served(pod, std::move(answer));
        },
        [this](const api::ObjectKey& pod) {
            const auto object = store_.get(pod);
            return object && (!is_ready(*object) ||
                              !at(object->body, "metadata.deletionTimestamp").is_null());
        },
        [this](const api::ObjectKey& service, const std::string& text) {
            trail_->last_request(service, text);
        });
}

void Lab::check_settled() {
    const bool routed = !bgp_ || bgp_->is_converged();
    if (on_settled_ && runtime_changes_.empty() && runtime_->starting() == 0 &&
        cni_starting() == 0 && routed) {
        loop_.cancel(settle_timer_);
        begin_trail();
        std::exchange(on_settled_, nullptr)();
    }
}

} // namespace labctl::supervisor
