#include "labctl/compile/policy_diff.h"

#include <algorithm>
#include <map>
#include <set>

namespace labctl::compile {

namespace {

/// One side, by the names that both sides share.
struct DiffSide {
    explicit DiffSide(const PolicyWorld& world) : evaluator(world.cluster) {
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
    ask(const std::string& from, const std::string& to, const FlowPort& port) const {
        return evaluate_pair(
            evaluator, plan.ends[numbers.at(from)], plan.ends[numbers.at(to)], port);
    }

    services::PolicyEvaluator evaluator;
    MatrixPlan plan;
    std::map<std::string, std::size_t> numbers;
    std::map<std::string, std::set<FlowPort>> ports;
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
    if (flow.before.flows == 0 || flow.after.flows == 0) {
        return; // one pod of a workload alone, or no family in common
    }
    ++diff.flows;
    if (cell_word(flow.before) != cell_word(flow.after)) {
        diff.changes.push_back(std::move(flow));
    }
}

} // namespace

std::string cell_word(const MatrixCell& cell) {
    return cell.mixed() ? "partly" : cell.allowed == 0 ? "denied" : "allowed";
}

PolicyDiff diff_policies(const PolicyWorld& before, const PolicyWorld& after) {
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
    return diff;
}

} // namespace labctl::compile
