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
    for (const auto& [from, from_number] : old_side.numbers) {
        if (new_side.numbers.count(from) == 0) {
            continue;
        }
        for (const auto& [to, ports] : old_side.ports) {
            const auto later = new_side.ports.find(to);
            if (later == new_side.ports.end()) {
                continue;
            }
            for (const auto& port : ports) {
                if (later->second.count(port) == 0) {
                    continue;
                }
                auto was = old_side.ask(from, to, port);
                auto is = new_side.ask(from, to, port);
                if (was.flows == 0 || is.flows == 0) {
                    continue; // one pod of a workload alone, or no family in common
                }
                ++diff.flows;
                if (cell_word(was) != cell_word(is)) {
                    diff.changes.push_back({from, to, port, std::move(was), std::move(is)});
                }
            }
        }
    }
    return diff;
}

} // namespace labctl::compile
