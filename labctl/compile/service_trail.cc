#include "labctl/compile/service_trail.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "labctl/compile/service_index.h"
#include "netemu/base/text.h"

namespace labctl::compile {

using api::at;
using api::string_at;

namespace {

constexpr std::size_t kTrailPodsMax = 3; // named in one message

/// Pod -> ready, of the endpoints of a slice.
std::map<std::string, bool> trail_endpoints(const api::Object& slice) {
    std::map<std::string, bool> pods;
    for (const auto& endpoint : at(slice.body, "endpoints")) {
        pods[string_at(endpoint, "targetRef.name")] =
            api::bool_at(endpoint, "conditions.ready", true);
    }
    return pods;
}

std::string milliseconds_text(netemu::Clock::duration time) {
    std::array<char, 32> text{};
    const double value = std::chrono::duration<double, std::milli>(time).count();
    std::snprintf(text.data(), text.size(), "+%.1f ms", value);
    return text.data();
}

} // namespace

ServiceTrail::ServiceTrail(store::Store& store) : store_(store), recorder_(store) {
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

ServiceTrail::~ServiceTrail() {
    store_.unwatch(watch_);
}

void ServiceTrail::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind == "Pod") {
        pods_.emplace(event.object->ns() + "/" + event.object->name(), netemu::Clock::now());
    } else if (kind == "EndpointSlice" && event.type != store::EventType::Deleted) {
        on_slice(event);
    }
}

void ServiceTrail::on_slice(const store::Event& event) {
    const auto& slice = *event.object;
    const auto labels = slice.labels();
    const auto service = labels.find(kServiceNameLabel);
    if (service == labels.end()) {
        return;
    }
    const auto now = trail_endpoints(slice);
    auto before = event.previous ? trail_endpoints(*event.previous) : decltype(now){};
    Change change;
    change.slice = slice.name();
    change.slice_at = netemu::Clock::now();
    change.pod_at = change.slice_at;
    change.total = now.size();
    const auto add = [&](const std::string& pod, const char* how) {
        change.pods.push_back(pod + how);
        if (const auto found = pods_.find(slice.ns() + "/" + pod); found != pods_.end()) {
            change.pod_at = std::min(change.pod_at, found->second);
        }
    };
    for (const auto& [pod, ready] : now) {
        change.ready += ready ? 1 : 0;
        const auto old = before.find(pod);
        if (old == before.end() || old->second != ready) {
            add(pod, ready ? " ready" : " not ready");
            if (!ready && old != before.end()) {
                change.out.push_back(pod);
            }
        }
        before.erase(pod);
    }
    for (const auto& [pod, ready] : before) {
        add(pod, " gone");
    }
    if (!change.pods.empty()) {
        changes_[{"Service", slice.ns(), service->second}] = std::move(change);
    }
}

std::vector<PodOut> ServiceTrail::rules_changed(std::size_t nodes) {
    std::vector<PodOut> out;
    const auto when = netemu::Clock::now();
    for (auto& [key, change] : changes_) {
        const auto service = store_.get(key);
        if (!service || nodes == 0) {
            continue;
        }
        for (const auto& pod : change.out) {
            out.push_back({key, {"Pod", key.ns, pod}, change.pod_at});
        }
        const auto count = change.pods.size();
        change.pods.resize(std::min(count, kTrailPodsMax));
        const auto more =
            count > kTrailPodsMax ? " and " + std::to_string(count - kTrailPodsMax) + " more" : "";
        recorder_.normal(
            "kube-proxy",
            *service,
            "RulesChanged",
            "pod " + netemu::join(change.pods, ", ") + more + " -> slice " + change.slice + ": " +
                std::to_string(change.ready) + " of " + std::to_string(change.total) + " ready (" +
                milliseconds_text(change.slice_at - change.pod_at) + ") -> rules changed on " +
                std::to_string(nodes) + (nodes == 1 ? " node (" : " nodes (") +
                milliseconds_text(when - change.pod_at) + ")");
    }
    changes_.clear();
    pods_.clear();
    recorder_.flush();
    pods_.clear();
    return out;
}

void ServiceTrail::last_request(const api::ObjectKey& service, const std::string& text) {
    if (const auto object = store_.get(service)) {
        recorder_.normal("kube-proxy", *object, "LastRequest", text);
        recorder_.flush();
    }
}

} // namespace labctl::compile
