#include <iostream>

#include "labctl/cli/policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/report/grid.h"
#include "labctl/report/table.h"

namespace labctl::cli {

using explain::MatrixCell;
using explain::MatrixPlan;
using nlohmann::json;

namespace {

services::Protocol protocol_option(const std::string& text) {
    return compile::parse_flow_port("1/" + text).protocol;
}

report::GridMark mark_of(const MatrixCell& cell) {
    return cell.flows == 0 ? report::GridMark::None
           : cell.mixed()  ? report::GridMark::Partly
           : cell.allowed  ? report::GridMark::Allowed
                           : report::GridMark::Denied;
}

const char* word_of(const MatrixCell& cell) {
    return cell.flows == 0 ? "none" : cell.mixed() ? "partly" : cell.allowed ? "allow" : "deny";
}

/// Calls `visit(plane, from, to, cell)` for every cell.
template <class Visit>
void each_cell(
    const MatrixPlan& plan, const services::PolicyEvaluator& evaluator, const Visit& visit) {
    for (const auto& plane : plan.planes) {
        for (std::size_t from = 0; from < plan.ends.size(); ++from) {
            for (const auto to : plane.destinations) {
                visit(
                    plane,
                    from,
                    to,
                    explain::evaluate_pair(evaluator, plan.ends[from], plan.ends[to], plane.port));
            }
        }
    }
}

void print_grids(
    const Context& context, const MatrixPlan& plan, const services::PolicyEvaluator& evaluator) {
    std::vector<std::string> rows;
    for (const auto& end : plan.ends) {
        rows.push_back(end.name);
    }
    for (const auto& plane : plan.planes) {
        report::Grid grid{plane.port.to_string(), rows, {}, {}};
        for (const auto to : plane.destinations) {
            grid.columns.push_back(plan.ends[to].name);
        }
        for (const auto& from : plan.ends) {
            auto& row = grid.cells.emplace_back();
            for (const auto to : plane.destinations) {
                row.push_back(
                    mark_of(explain::evaluate_pair(evaluator, from, plan.ends[to], plane.port)));
            }
        }
        std::cout << (&plane == &plan.planes.front() ? "" : "\n")
                  << report::grid_text(grid, context.console().color());
    }
}

void print_wide(
    const Context& context, const MatrixPlan& plan, const services::PolicyEvaluator& evaluator) {
    auto table = report::Table::of({"FROM", "TO", "PORT", "VERDICT", "BECAUSE"});
    each_cell(
        plan,
        evaluator,
        [&](const auto& plane, std::size_t from, std::size_t to, const auto& cell) {
            table.add(
                {plan.ends[from].name,
                 plan.ends[to].name,
                 plane.port.to_string(),
                 {word_of(cell),
                  cell.flows == 0        ? report::Colour::None
                  : cell.verdict.allowed ? report::Colour::Green
                                         : report::Colour::Red},
                 cell.flows == 0 ? "no family in common" : explain::verdict_text(cell.verdict)});
        });
    report::Table::Style style;
    style.colour = context.console().color();
    std::cout << table.render(style);
}

json cells_json(const MatrixPlan& plan, const services::PolicyEvaluator& evaluator) {
    json cells = json::array();
    each_cell(
        plan,
        evaluator,
        [&](const auto& plane, std::size_t from, std::size_t to, const auto& cell) {
            json one{
                {"from", plan.ends[from].name},
                {"to", plan.ends[to].name},
                {"protocol", services::to_text(plane.port.protocol)},
                {"port", plane.port.port},
                {"model", word_of(cell)}};
            if (cell.flows != 0) {
                one["egress"] =
                    explain::opinion_json(cell.verdict.egress, services::PolicyDirection::Egress);
                one["ingress"] =
                    explain::opinion_json(cell.verdict.ingress, services::PolicyDirection::Ingress);
            }
            cells.push_back(std::move(one));
        });
    return cells;
}

} // namespace

explain::MatrixQuery matrix_query(const Context& context) {
    const auto& options = context.options();
    explain::MatrixQuery query;
    query.ns = options.all_namespaces ? std::string() : options.ns;
    query.all_namespaces = options.all_namespaces;
    query.selector = api::Selector::parse(options.selector);
    query.by_workload = options.workloads;
    auto protocol = services::Protocol::Tcp;
    if (!options.protocol.empty()) {
        protocol = protocol_option(options.protocol);
        query.protocol = protocol;
    }
    for (const auto& port : options.ports) {
        query.ports.push_back(compile::parse_flow_port(port, protocol));
    }
    return query;
}

int run_matrix(const Context& context) {
    const auto& options = context.options();
    if (options.wire || options.both) {
        return run_matrix_wire(context);
    }
    const auto query = matrix_query(context);
    const auto store =
        options.files.empty() ? store_of_lab(context) : store_of_files(context, options.files);
    warn_of_ignored_policies(context, store);
    const auto world = compile::enforced_world(store);
    const auto plan = explain::plan_matrix(world, query);
    const services::PolicyEvaluator evaluator(world.cluster);
    if (options.output == "json") {
        std::cout << json{{"schemaVersion", 1}, {"cells", cells_json(plan, evaluator)}}.dump(2)
                  << "\n";
    } else if (options.output == "wide") {
        print_wide(context, plan, evaluator);
    } else if (options.output == "table") {
        print_grids(context, plan, evaluator);
    } else {
        throw netemu::UsageError(
            "no output format '" + options.output + "'", "table, wide or json");
    }
    if (plan.planes.empty()) {
        context.console().hint(
            plan.ends.empty() ? "no pod is selected; see -n, -A and -l"
                              : "these pods declare no such port; --port 80 asks for one anyway");
        return static_cast<int>(netemu::ExitCode::Inconclusive);
    }
    return 0;
}

} // namespace labctl::cli
