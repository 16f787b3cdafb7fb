#include <algorithm>

#include "labctl/compile/impairments.h"
#include "labctl/compile/network.h"
#include "labctl/compile/topology.h"
#include "labctl/supervisor/faults.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using netemu::Clock;
using netemu::micros_since;

namespace {

constexpr const char* kFaultComponent = "labctl-fault";

/// What the fault is about, for its events; nothing for the outside.
const api::Object* fault_object(const ActiveFault& active) {
    return active.target.object.get();
}

bool node_is_ready(const api::Object& node) {
    for (const auto& condition : api::at(node.body, "status.conditions")) {
        if (api::string_at(condition, "type") == "Ready") {
            return api::string_at(condition, "status") == "True";
        }
    }
    return true;
}

/// Throws for a fault that makes no sense on this target.
void check_fault(
    const api::Fault& fault, const Target& target, const netemu::DesiredState& desired) {
    using Verb = api::Fault::Verb;
    if (fault.verb == Verb::Flap && target.kind != Target::Kind::Pod) {
        throw netemu::UsageError("only pods can flap, not '" + target.name + "'", "[NS/]POD");
    }
    if (fault.verb == Verb::Flap || fault.verb == Verb::Stop || fault.verb == Verb::Link) {
        return;
    }
    if (target.kind == Target::Kind::Pod && target.ns.starts_with("node/")) {
        throw netemu::UsageError(
            "pod '" + target.name + "' has no network of its own, it uses its node's",
            "labctl fault " + api::to_string(fault.verb) + " " + target.ns);
    }
    if (fault.verb == Verb::Drop &&
        (target.kind == Target::Kind::Underlay || target.ns.starts_with("switch/"))) {
        throw netemu::UsageError(
            "the underlay is a switch, and a switch has no rules that could drop",
            "drop at a node: labctl fault drop node/NODE");
    }
    const auto& links = desired.namespaces.at(target.ns).links;
    const auto wanted = compile::fault_interface(fault);
    std::vector<std::string> names;
    names.reserve(links.size());
    for (const auto& link : links) {
        names.push_back(link.name);
    }
    if (std::find(names.begin(), names.end(), wanted) == names.end()) {
        throw netemu::UsageError(
            "'" + target.name + "' has no interface '" + wanted + "'",
            "it has " + netemu::join(names, ", "));
    }
}

/// Packets that a drop has dropped: the counter of the fault's own chain.
std::uint64_t dropped_packets(netemu::Kernel& kernel, const ActiveFault& active) {
    std::uint64_t packets = 0;
    const auto rules =
        kernel.read_rules(active.target.ns, netemu::NftFamily::Inet, compile::kFaultTable);
    for (const auto& rule : rules) {
        if (rule.chain == active.id) {
            packets += rule.packets;
        }
    }
    return packets;
}

api::Json fault_json(const ActiveFault& active) {
    api::Json json{
        {"id", active.id},
        {"fault", api::to_string(active.fault)},
        {"verb", api::to_string(active.fault.verb)},
        {"target", active.fault.target},
        {"ageMicros", micros_since(active.since)}};
    if (active.heals_at) {
        const auto left =
            std::chrono::duration_cast<std::chrono::microseconds>(*active.heals_at - Clock::now());
        json["healsInMicros"] = std::max<std::int64_t>(left.count(), 0);
    }
    if (active.fault.verb == api::Fault::Verb::Flap) {
        json["ready"] = !active.down;
        json["rounds"] = active.rounds;
    }
    return json;
}

/// Whether it is a fault of a link between the two, from whichever end it was written.
bool is_between(const ActiveFault& active, const Target& one, const Target& other) {
    const auto joins = [&](const Target& near, const Target& far) {
        return active.target.ns == near.ns && active.peer->ns == far.ns;
    };
    return active.peer && (joins(one, other) || joins(other, one));
}

} // namespace

void Lab::start_faults() {
    faults_ = std::make_unique<Faults>(
        loop_,
        [this] { faults_changed(); },
        [this](const ActiveFault& active) {
            if (const auto* object = fault_object(active)) {
                cluster_->note(
                    kFaultComponent, *object, "FaultHealed", api::to_string(active.fault));
            }
        });
}

/// Brings nodes, pods and the network to what is broken now.
void Lab::faults_changed() {
    const auto stopped = faults_->stopped_nodes();
    for (const auto& node : store_.list("Node")) {
        const bool ready = !stopped.contains(node->name());
        if (ready != node_is_ready(*node)) {
            cluster_->set_node_ready(node->name(), ready);
        }
    }
    for (const auto& pod : store_.list("Pod")) {
        cluster_->hold(pod->key(), faults_->holds(*pod));
    }
    const auto revision = faults_->network_revision();
    network_dirty_ = network_dirty_ || revision != fault_revision_;
    fault_revision_ = revision;
    sync();
}

/// The other end of a Link; nothing of any other fault.
std::optional<Target> Lab::find_peer(
    const api::Fault& fault,
    const api::Json& question,
    const Target& target,
    netemu::DesiredState desired) const {
    if (fault.verb != api::Fault::Verb::Link) {
        return std::nullopt;
    }
    auto peer = find_target(
        store_,
        cluster_->config().topology.get(),
        fault.peer,
        question.value("namespace", "default"),
        false);
    if (compile::link_pairs(desired, target.ns, peer.ns).empty()) {
        throw netemu::UsageError(
            "there is no link between '" + target.name + "' and '" + peer.name + "'",
            "`labctl get links` lists those of the underlay");
    }
    return peer;
}

api::Json Lab::inject_fault(const api::Json& question) {
    auto fault = api::parse_fault(question.at("fault").get<std::string>());
    auto target = find_target(
        store_,
        cluster_->config().topology.get(),
        fault.target,
        question.value("namespace", "default"),
        false);
    std::optional<Target> peer;
    if (fault.verb == api::Fault::Verb::Bgp) {
        check_bgp_fault(fault, target);
    } else {
        const auto desired = desired_state();
        check_fault(fault, target, desired);
        peer = find_peer(fault, question, target, desired);
    }
    const auto active = // it may be gone soon
        faults_->add(std::move(fault), std::move(target), std::move(peer));
    const auto id = active.id;
    try {
        faults_changed();
    } catch (const netemu::Error&) {
        (void)faults_->remove([&](const ActiveFault& each) { return each.id == id; });
        try {
            faults_changed();
        } catch (const netemu::Error& error) {
            netemu::log_warning("supervisor", "take back " + id + ": " + error.what());
        }
        throw;
    }
    if (const auto* object = fault_object(active)) {
        cluster_->warn(kFaultComponent, *object, "FaultInjected", api::to_string(active.fault));
    }
    return fault_json(active);
}

api::Json Lab::heal_faults(const api::Json& question) {
    const auto id = question.value("id", "");
    const auto verb = question.value("verb", "");
    const auto words = question.value("target", "");
    std::optional<Target> target;
    if (!words.empty()) {
        target = find_target(
            store_,
            cluster_->config().topology.get(),
            words,
            question.value("namespace", "default"),
            true);
    }
    std::optional<Target> peer;
    if (const auto other = question.value("peer", ""); !other.empty()) {
        peer = find_target(
            store_,
            cluster_->config().topology.get(),
            other,
            question.value("namespace", "default"),
            false);
    }
    const bool all = question.value("all", false);
    if (!all && id.empty() && !target) {
        throw netemu::UsageError("nothing says which fault to heal");
    }
    const auto healed = faults_->remove([&](const ActiveFault& active) {
        const bool of_target = target && active.target.name == target->name &&
                               (target->interface.empty() ||
                                compile::fault_interface(active.fault) == target->interface);
        if (peer) {
            return is_between(active, *target, *peer);
        }
        using Verb = api::Fault::Verb;
        const bool cable = active.fault.verb == Verb::Cut || active.fault.verb == Verb::Bgp;
        const bool of_verb = verb.empty() || api::to_string(active.fault.verb) == verb ||
                             (verb == "restore" && cable);
        return all || active.id == id || (of_target && of_verb);
    });
    if (healed.empty() && !all) {
        throw netemu::UsageError(
            id.empty() ? "there is no such fault of '" + words + "'" : "there is no fault " + id,
            "`labctl fault list` lists them");
    }
    api::Json items = api::Json::array();
    for (const auto& active : healed) {
        items.push_back(fault_json(active));
        if (const auto* object = fault_object(active)) {
            cluster_->note(kFaultComponent, *object, "FaultHealed", api::to_string(active.fault));
        }
    }
    faults_changed();
    return {{"items", items}};
}

api::Json Lab::faults() {
    api::Json items = api::Json::array();
    for (const auto& [number, active] : faults_->all()) {
        auto item = fault_json(active);
        if (active.fault.verb == api::Fault::Verb::Drop) {
            item["dropped"] = dropped_packets(*kernel_, active);
        }
        items.push_back(std::move(item));
    }
    return {{"items", items}};
}

} // namespace labctl::supervisor
