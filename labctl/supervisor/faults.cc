#include "labctl/supervisor/faults.h"

#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

using netemu::Clock;

namespace {

constexpr std::size_t kFaultsMax = 64;

} // namespace

Faults::Faults(
    netemu::EventLoop& loop,
    std::function<void()> changed,
    std::function<void(const ActiveFault&)> healed)
    : loop_(loop), changed_(std::move(changed)), healed_(std::move(healed)) {
}

Faults::~Faults() {
    for (const auto& [number, timers] : timers_) {
        for (const auto timer : timers) {
            loop_.cancel(timer);
        }
    }
}

const ActiveFault& Faults::add(api::Fault fault, Target target, std::optional<Target> peer) {
    fault.target = target.name;
    if (peer) {
        fault.peer = peer->name;
    }
    for (const auto& [number, other] : active_) {
        const bool same = other.fault.verb == fault.verb && other.fault.target == fault.target &&
                          other.fault.peer == fault.peer &&
                          compile::fault_interface(other.fault) == compile::fault_interface(fault);
        const bool adds_up =
            fault.verb == api::Fault::Verb::Drop || fault.verb == api::Fault::Verb::Link;
        if (same && !adds_up) {
            throw netemu::UsageError(
                "'" + api::to_string(other.fault) + "' is in force already, as " + other.id,
                "`labctl fault clear " + other.id + "` heals it");
        }
    }
    if (active_.size() >= kFaultsMax) {
        throw netemu::UsageError(
            "there are " + std::to_string(kFaultsMax) + " faults already",
            "`labctl fault clear --all` heals them");
    }
    const auto number = next_++;
    ActiveFault active;
    active.id = "f" + std::to_string(number);
    active.since = Clock::now();
    active.target = std::move(target);
    active.peer = std::move(peer);
    if (fault.heal_after_us != 0) {
        active.heals_at = active.since + std::chrono::microseconds(fault.heal_after_us);
        timers_[number].push_back(loop_.at(*active.heals_at, [this, number] {
            end(number);
            tell_changed();
        }));
    }
    active.fault = std::move(fault);
    auto& entry = active_.emplace(number, std::move(active)).first->second;
    ++network_revision_;
    if (entry.fault.verb == api::Fault::Verb::Flap) {
        entry.down = true;
        const std::chrono::microseconds half(entry.fault.period_us / 2);
        timers_[number].push_back(loop_.after(half, [this, number] { flap(number); }));
    }
    return entry;
}

void Faults::flap(std::uint64_t number) {
    const auto found = active_.find(number);
    if (found == active_.end()) {
        return;
    }
    auto& active = found->second;
    active.down = !active.down;
    if (!active.down) {
        ++active.rounds;
    }
    if (active.fault.count != 0 && active.rounds >= active.fault.count) {
        end(number);
    } else {
        const std::chrono::microseconds half(active.fault.period_us / 2);
        auto& timers = timers_[number];
        const std::size_t healing = active.heals_at ? 1 : 0;
        timers.resize(healing); // that of the flap has just run
        timers.push_back(loop_.after(half, [this, number] { flap(number); }));
    }
    tell_changed();
}

/// The fault is over by itself.
void Faults::end(std::uint64_t number) {
    cancel_timers(number);
    ++network_revision_;
    if (auto node = active_.extract(number)) {
        healed_(node.mapped());
    }
}

void Faults::cancel_timers(std::uint64_t number) {
    for (const auto timer : timers_[number]) {
        loop_.cancel(timer);
    }
    timers_.erase(number);
}

/// A timer's callback must not throw: it would end the loop, and with it the lab.
void Faults::tell_changed() {
    try {
        changed_();
    } catch (const netemu::Error& error) {
        netemu::log_warning("supervisor", std::string("faults: ") + error.what());
    }
}

std::vector<ActiveFault> Faults::remove(const std::function<bool(const ActiveFault&)>& chosen) {
    std::vector<ActiveFault> removed;
    for (auto entry = active_.begin(); entry != active_.end();) {
        if (!chosen(entry->second)) {
            ++entry;
            continue;
        }
        cancel_timers(entry->first);
        ++network_revision_;
        removed.push_back(std::move(entry->second));
        entry = active_.erase(entry);
    }
    return removed;
}

void Faults::forget_gone(const store::Store& store) {
    (void)remove([&](const ActiveFault& active) {
        const auto gone = [&](const Target& target) {
            const auto now = target.kind == Target::Kind::Pod ? store.get(target.object->key())
                                                              : api::ObjectPtr{};
            return target.kind == Target::Kind::Pod && (!now || now->uid() != target.object->uid());
        };
        return gone(active.target) || (active.peer && gone(*active.peer));
    });
}

std::vector<compile::NetworkFault> Faults::of_network() const {
    std::vector<compile::NetworkFault> faults;
    for (const auto& [number, active] : active_) {
        const auto verb = active.fault.verb;
        if (verb != api::Fault::Verb::Flap && verb != api::Fault::Verb::Bgp) {
            faults.push_back(
                {active.id,
                 active.target.ns,
                 active.fault,
                 active.peer ? active.peer->ns : std::string{}});
        }
    }
    return faults;
}

bool Faults::holds(const api::Object& pod) const {
    for (const auto& [number, active] : active_) {
        const auto& target = active.target;
        if (active.fault.verb == api::Fault::Verb::Flap && active.down &&
            target.object->uid() == pod.uid()) {
            return true;
        }
        if (active.fault.verb == api::Fault::Verb::Stop &&
            target.object->name() == api::string_at(pod.body, "spec.nodeName")) {
            return true;
        }
    }
    return false;
}

std::set<std::string> Faults::stopped_nodes() const {
    std::set<std::string> nodes;
    for (const auto& [number, active] : active_) {
        if (active.fault.verb == api::Fault::Verb::Stop) {
            nodes.insert(active.target.object->name());
        }
    }
    return nodes;
}

} // namespace labctl::supervisor
