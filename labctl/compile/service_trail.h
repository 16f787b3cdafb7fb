#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/compile/event_recorder.h"
#include "labctl/store/store.h"
#include "netemu/base/event_loop.h"

namespace labctl::compile {

/// A pod that a Service sends nothing new to since `at`.
struct PodOut {
    api::ObjectKey service;
    api::ObjectKey pod;
    netemu::Clock::time_point at;
};

/// Tells, as an Event of the Service, how a pod's readiness became rules: pod -> slice -> rules of
/// the nodes, with the milliseconds since the first of them. One event for each Service and sync,
/// however many nodes there are. Follows the store from its making on, so whoever wants no events
/// of the start makes it afterwards. Belongs to the thread of the store, which outlives it.
class ServiceTrail {
public:
    explicit ServiceTrail(store::Store& store);
    ServiceTrail(const ServiceTrail&) = delete;
    ServiceTrail& operator=(const ServiceTrail&) = delete;
    ~ServiceTrail();

    /// The rules that follow from all changes so far are in the kernel of `nodes` nodes since now.
    /// With 0 nodes nothing is told. What was collected is forgotten. Returns the pods that are not
    /// ready since.
    std::vector<PodOut> rules_changed(std::size_t nodes);
    /// The end of the chain: what became of requests to a pod that is not ready.
    void last_request(const api::ObjectKey& service, const std::string& text);

private:
    using Moment = netemu::Clock::time_point;
    struct Change {
        std::string slice;
        std::vector<std::string> pods; // "backend-1 not ready"
        std::vector<std::string> out;  // "backend-1"
        std::size_t ready = 0;
        std::size_t total = 0;
        Moment pod_at; // of the first pod that changed
        Moment slice_at;
    };

    void on_event(const store::Event& event);
    void on_slice(const store::Event& event);

    store::Store& store_;
    EventRecorder recorder_;
    store::Store::WatchId watch_ = 0;
    std::map<std::string, Moment> pods_;       // "ns/name" -> when its status changed
    std::map<api::ObjectKey, Change> changes_; // by Service
};

} // namespace labctl::compile
