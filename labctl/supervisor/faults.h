#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "labctl/api/fault.h"
#include "labctl/api/object.h"
#include "labctl/compile/faults.h"
#include "labctl/supervisor/targets.h"
#include "netemu/base/event_loop.h"

namespace labctl::supervisor {

/// One fault that is in force.
struct ActiveFault {
    std::string id;   // "f1"
    api::Fault fault; // its target as Target::name writes it
    Target target;
    std::optional<Target> peer{}; // of a Link
    netemu::Clock::time_point since;
    std::optional<netemu::Clock::time_point> heals_at;
    // Of a Flap
    bool down = false;
    std::uint32_t rounds = 0; // that are over
};

/// The faults of a lab. They are state of the running lab: nothing of them is journalled, so a lab
/// that comes back is whole. Belongs to the supervisor's loop, whose timers heal and flap.
class Faults {
public:
    /// `changed` is called after each change that a timer makes. What it throws is logged.
    /// `healed` is told of each fault that is over by itself, before.
    Faults(
        netemu::EventLoop& loop,
        std::function<void()> changed,
        std::function<void(const ActiveFault&)> healed);
    Faults(const Faults&) = delete;
    Faults& operator=(const Faults&) = delete;
    ~Faults();

    /// Throws netemu::UsageError when the same is in force already, or for the one too many.
    const ActiveFault& add(api::Fault fault, Target target, std::optional<Target> peer = {});
    /// Removes those that `chosen` chooses and returns them.
    std::vector<ActiveFault> remove(const std::function<bool(const ActiveFault&)>& chosen);
    /// Removes those of pods that are gone: a new pod of the same name is another one.
    void forget_gone(const store::Store& store);

    [[nodiscard]] const std::map<std::uint64_t, ActiveFault>& all() const { return active_; }
    [[nodiscard]] std::vector<compile::NetworkFault> of_network() const;
    /// Another number whenever of_network gives something else.
    [[nodiscard]] std::uint64_t network_revision() const { return network_revision_; }
    /// Whether a fault keeps this pod from being ready.
    [[nodiscard]] bool holds(const api::Object& pod) const;
    [[nodiscard]] std::set<std::string> stopped_nodes() const;

private:
    void flap(std::uint64_t number);
    void end(std::uint64_t number);
    void cancel_timers(std::uint64_t number);
    void tell_changed();

    netemu::EventLoop& loop_;
    std::function<void()> changed_;
    std::function<void(const ActiveFault&)> healed_;
    std::map<std::uint64_t, ActiveFault> active_;
    std::map<std::uint64_t, std::vector<netemu::EventLoop::TimerId>> timers_; // healing, flapping
    std::uint64_t next_ = 1;
    std::uint64_t network_revision_ = 0;
};

} // namespace labctl::supervisor
