#include "labctl/explain/policy_diff.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "labctl/explain/policy_outside.h"

namespace labctl::explain {

namespace {

/// One side, by the names that both sides share.
struct DiffSide {
    explicit DiffSide(const compile::PolicyWorld& world) : evaluator(world.cluster) {
        MatrixQuery query;
        query.all_namespaces = true;
        query.by_workload = true;
        plan = plan_matrix(world, query);
        for (std::size_t i = 0; i < plan.ends.size(); ++i) {
            numbers[plan.ends[i].name] = i;
        }
        for (const auto& plane : plan.planes) {
            for (const auto to : plane.destinations) {
                ports[plan.ends[to].name].insert(plane.port);
            }
        }
    }
    [[nodiscard]] MatrixCell
    ask(const std::string& from, const std::string& to, const compile::FlowPort& port) const {
        return evaluate_pair(
            evaluator, plan.ends[numbers.at(from)], plan.ends[numbers.at(to)], port);
    }
    /// Those that a workload declares here and there.
    [[nodiscard]] std::vector<compile::FlowPort>
    common_ports(const DiffSide& other, const std::string& name) const {
        std::vector<compile::FlowPort> common;
        const auto ours = ports.find(name);
        const auto theirs = other.ports.find(name);
        if (ours != ports.end() && theirs != other.ports.end()) {
            std::set_intersection(
                ours->second.begin(),
                ours->second.end(),
                theirs->second.begin(),
                theirs->second.end(),
                std::back_inserter(common));
        }
        return common;
    }

    services::PolicyEvaluator evaluator;
    MatrixPlan plan;
    std::map<std::string, std::size_t> numbers;
    std::map<std::string, std::set<compile::FlowPort>> ports;
};

std::vector<std::string> only_in(const DiffSide& side, const DiffSide& other) {
    std::vector<std::string> names;
    for (const auto& [name, number] : side.numbers) {
        if (other.numbers.count(name) == 0) {
            names.push_back(name);
        }
    }
    return names;
}

/// Adds a flow that has both of its cells.
void note_flow(PolicyChange flow, PolicyDiff& diff) {
    if (flow.before.flows == 0 || flow.after.flows == 0) {
        return; // one pod of a workload alone, or no family in common
    }
    ++diff.flows;
    if (cell_word(flow.before) != cell_word(flow.after)) {
        diff.changes.push_back(std::move(flow));
    }
}

/// `flow` has no cells yet. Nothing where the new side has not got its ends or its port.
void compare_flow(
    const DiffSide& old_side, const DiffSide& new_side, PolicyChange flow, PolicyDiff& diff) {
    const auto ports = new_side.ports.find(flow.to);
    if (new_side.numbers.count(flow.from) == 0 || ports == new_side.ports.end() ||
        ports->second.count(flow.port) == 0) {
        return;
    }
    flow.before = old_side.ask(flow.from, flow.to, flow.port);
    flow.after = new_side.ask(flow.from, flow.to, flow.port);
    note_flow(std::move(flow), diff);
}

/// What the outside has to do with the workloads of both sides.
void compare_outside(
    const DiffSide& old_side,
    const DiffSide& new_side,
    const std::vector<const compile::PolicyWorld*>& worlds,
    PolicyDiff& diff) {
    const auto ports = outside_ports(worlds);
    for (const auto& outside : outside_ends(worlds)) {
        for (const auto& [name, number] : old_side.numbers) {
            const auto there = new_side.numbers.find(name);
            if (there == new_side.numbers.end()) {
                continue;
            }
            const auto& old_end = old_side.plan.ends[number];
            const auto& new_end = new_side.plan.ends[there->second];
            for (const auto& port : old_side.common_ports(new_side, name)) {
                note_flow(
                    {outside.name,
                     name,
                     port,
                     evaluate_from_outside(old_side.evaluator, outside, old_end, port),
                     evaluate_from_outside(new_side.evaluator, outside, new_end, port)},
                    diff);
            }
            for (const auto& port : ports) {
                note_flow(
                    {name,
                     outside.name,
                     port,
                     evaluate_to_outside(old_side.evaluator, old_end, outside, port),
                     evaluate_to_outside(new_side.evaluator, new_end, outside, port)},
                    diff);
            }
        }
    }
}

} // namespace

std::string cell_word(const MatrixCell& cell) {
    return cell.mixed() ? "partly" : cell.allowed == 0 ? "denied" : "allowed";
}

PolicyDiff diff_policies(const compile::PolicyWorld& before, const compile::PolicyWorld& after) {
    const DiffSide old_side(before);
    const DiffSide new_side(after);
    PolicyDiff diff;
    diff.removed = only_in(old_side, new_side);
    diff.added = only_in(new_side, old_side);
    for (const auto& [from, number] : old_side.numbers) {
        for (const auto& [to, ports] : old_side.ports) {
            for (const auto& port : ports) {
                compare_flow(old_side, new_side, {from, to, port, {}, {}}, diff);
            }
        }
    }
    compare_outside(old_side, new_side, {&before, &after}, diff);
    return diff;
}

} // namespace labctl::explain
