#include <array>
#include <iostream>
#include <map>

#include "labctl/check/wire_matrix.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/report/grid.h"
#include "labctl/report/table.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using check::WireCell;
using nlohmann::json;

namespace {

using State = WireCell::State;

/// One flow of a cell: between two pods, in one family.
struct WirePair {
    std::size_t plane = 0;
    std::size_t from = 0; // index of the plan's ends
    std::size_t to = 0;
    services::PolicyFlow flow;
    WireCell wire;
    services::PolicyVerdict model; // with --both

    /// Both have an opinion, and it is not the same.
    [[nodiscard]] bool differs() const {
        const bool known = wire.state == State::Allowed || wire.state == State::Denied;
        return known && model.allowed != (wire.state == State::Allowed);
    }
};

void add_pairs(
    const explain::MatrixPlan& plan,
    std::size_t plane,
    std::size_t from,
    std::size_t to,
    std::vector<WirePair>& pairs) {
    const auto& senders = plan.ends[from].pods;
    const auto& receivers = plan.ends[to].pods;
    const auto& port = plan.planes[plane].port;
    const bool single = senders.size() == 1 && receivers.size() == 1;
    const auto add = [&](const auto* sender, const auto& source, const auto* receiver) {
        for (const auto& target : receiver->ips) {
            if (source.family() == target.family() && (single || sender != receiver)) {
                pairs.push_back(
                    {plane,
                     from,
                     to,
                     {{sender, nullptr, source},
                      {receiver, nullptr, target},
                      port.protocol,
                      port.port},
                     {},
                     {}});
            }
        }
    };
    for (const auto* sender : senders) {
        for (const auto* receiver : receivers) {
            for (const auto& source : sender->ips) {
                add(sender, source, receiver);
            }
        }
    }
}

std::vector<WirePair> all_pairs(const explain::MatrixPlan& plan) {
    std::vector<WirePair> pairs;
    for (std::size_t plane = 0; plane < plan.planes.size(); ++plane) {
        for (std::size_t from = 0; from < plan.ends.size(); ++from) {
            for (const auto to : plan.planes[plane].destinations) {
                add_pairs(plan, plane, from, to, pairs);
            }
        }
    }
    return pairs;
}

std::string pod_id(const services::PolicyEnd& end) {
    return end.pod->ns + "/" + end.pod->name;
}

void send_packets(Client& client, std::vector<WirePair>& pairs) {
    std::vector<check::WireFlow> flows;
    flows.reserve(pairs.size());
    for (const auto& pair : pairs) {
        flows.push_back(
            {pod_id(pair.flow.from),
             pair.flow.to.address.to_string(),
             std::string(services::to_text(pair.flow.protocol)),
             pair.flow.port});
    }
    const auto results = run_probes(client, check::wire_requests(flows));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        pairs[i].wire = check::wire_cell(results.at(i));
    }
}

/// What the pairs of one cell have in common.
report::GridMark cell_mark(std::size_t allowed, std::size_t denied, std::size_t other) {
    return other > 0                   ? report::GridMark::Unknown
           : allowed > 0 && denied > 0 ? report::GridMark::Partly
           : denied > 0                ? report::GridMark::Denied
           : allowed > 0               ? report::GridMark::Allowed
                                       : report::GridMark::None;
}

void print_wire_grids(
    const explain::MatrixPlan& plan, const std::vector<WirePair>& pairs, bool colour) {
    struct Counts {
        std::size_t allowed = 0;
        std::size_t denied = 0;
        std::size_t other = 0;
    };
    std::map<std::array<std::size_t, 3>, Counts> cells;
    for (const auto& pair : pairs) {
        auto& counts = cells[{pair.plane, pair.from, pair.to}];
        ++(pair.wire.state == State::Allowed  ? counts.allowed
           : pair.wire.state == State::Denied ? counts.denied
                                              : counts.other);
    }
    std::vector<std::string> rows;
    for (const auto& end : plan.ends) {
        rows.push_back(end.name);
    }
    for (std::size_t plane = 0; plane < plan.planes.size(); ++plane) {
        report::Grid grid{plan.planes[plane].port.to_string(), rows, {}, {}};
        for (const auto to : plan.planes[plane].destinations) {
            grid.columns.push_back(plan.ends[to].name);
        }
        for (std::size_t from = 0; from < plan.ends.size(); ++from) {
            auto& row = grid.cells.emplace_back();
            for (const auto to : plan.planes[plane].destinations) {
                const auto& counts = cells[{plane, from, to}];
                row.push_back(cell_mark(counts.allowed, counts.denied, counts.other));
            }
        }
        std::cout << (plane == 0 ? "" : "\n") << report::grid_text(grid, colour);
    }
}

std::string port_text(const services::PolicyFlow& flow) {
    return std::to_string(flow.port) + "/" + std::string(services::to_text(flow.protocol));
}

void print_wire_wide(const std::vector<WirePair>& pairs, bool both, bool colour) {
    auto table = both ? report::Table::of({"FROM", "TO", "PORT", "WIRE", "MODEL", "WHY"})
                      : report::Table::of({"FROM", "TO", "PORT", "WIRE", "WHY"});
    for (const auto& pair : pairs) {
        const bool allowed = pair.wire.state == State::Allowed;
        std::vector<report::Cell> row{
            pod_id(pair.flow.from),
            pod_id(pair.flow.to),
            port_text(pair.flow),
            {to_string(pair.wire.state), allowed ? report::Colour::Green : report::Colour::Red}};
        if (both) {
            row.emplace_back(pair.model.allowed ? "allow" : "deny");
        }
        row.emplace_back(pair.wire.text);
        table.add(std::move(row));
    }
    report::Table::Style style;
    style.colour = colour;
    std::cout << table.render(style);
}

json wire_json(const std::vector<WirePair>& pairs, bool both) {
    json cells = json::array();
    for (const auto& pair : pairs) {
        json cell{
            {"from", pod_id(pair.flow.from)},
            {"to", pod_id(pair.flow.to)},
            {"address", pair.flow.to.address.to_string()},
            {"protocol", services::to_text(pair.flow.protocol)},
            {"port", pair.flow.port},
            {"wire", to_string(pair.wire.state)},
            {"text", pair.wire.text}};
        if (pair.wire.drop) {
            cell["drop"] = probe::to_json(*pair.wire.drop);
        }
        if (both) {
            cell["model"] = pair.model.allowed ? "allow" : "deny";
            cell["agree"] = !pair.differs();
        }
        cells.push_back(std::move(cell));
    }
    return cells;
}

/// "prod/a -> prod/b 80/TCP: the policies deny it (isolated by ...), but on the wire: ...".
std::string difference_text(const WirePair& pair) {
    return pod_id(pair.flow.from) + " -> " + pod_id(pair.flow.to) + " " + port_text(pair.flow) +
           ": the policies " + (pair.model.allowed ? "allow" : "deny") + " it (" +
           explain::verdict_text(pair.model) + "), but on the wire: " + pair.wire.text;
}

/// How many pairs came to what.
struct WireSummary {
    std::map<State, std::size_t> counts;
    std::size_t differ = 0;

    explicit WireSummary(const std::vector<WirePair>& pairs, bool both) {
        for (const auto& pair : pairs) {
            ++counts[pair.wire.state];
            differ += both && pair.differs() ? 1 : 0;
        }
    }
    [[nodiscard]] std::size_t of(State state) const {
        const auto found = counts.find(state);
        return found == counts.end() ? 0 : found->second;
    }
    [[nodiscard]] json to_json(bool both) const {
        json object{
            {"allow", of(State::Allowed)},
            {"deny", of(State::Denied)},
            {"unknown", of(State::Unknown)},
            {"skipped", of(State::Skipped)}};
        if (both) {
            object["differ"] = differ;
        }
        return object;
    }
    [[nodiscard]] std::string text(bool both) const {
        auto line = std::to_string(of(State::Allowed)) + " allowed, " +
                    std::to_string(of(State::Denied)) + " denied and proven by their drops";
        for (const auto state : {State::Unknown, State::Skipped}) {
            if (of(state) > 0) {
                line += ", " + std::to_string(of(state)) + " " + check::to_string(state);
            }
        }
        return line + (!both         ? ""
                       : differ == 0 ? "; the policies say the same"
                                     : "; " + std::to_string(differ) + " differ from the policies");
    }
    /// A difference is a failure; what is unknown is inconclusive, and so is nothing at all.
    [[nodiscard]] netemu::ExitCode exit_code() const {
        const bool unknown = of(State::Unknown) > 0 || of(State::Allowed) + of(State::Denied) == 0;
        return differ > 0 ? netemu::ExitCode::CheckFailed
               : unknown  ? netemu::ExitCode::Inconclusive
                          : netemu::ExitCode::Ok;
    }
};

} // namespace

int run_matrix_wire(const Context& context) {
    const auto& options = context.options();
    const bool both = options.both;
    if (!options.files.empty()) {
        throw netemu::UsageError("packets need a lab that runs, not files", "labctl up -f FILE");
    }
    const auto query = matrix_query(context);
    auto client = context.client();
    const auto store = store_of_lab(context);
    warn_of_ignored_policies(context, store);
    const auto world = compile::enforced_world(store);
    const auto plan = explain::plan_matrix(world, query);
    auto pairs = all_pairs(plan);
    const auto begin = netemu::Clock::now();
    (void)run_interruptible(client, [&] {
        send_packets(client, pairs);
        return 0;
    });
    const auto elapsed = netemu::micros_since(begin);
    if (both) {
        const services::PolicyEvaluator evaluator(world.cluster);
        for (auto& pair : pairs) {
            pair.model = evaluator.evaluate(pair.flow);
        }
    }
    const WireSummary summary(pairs, both);
    const bool colour = context.console().color();
    if (options.output == "json") {
        std::cout
            << json{{"schemaVersion", 1}, {"cells", wire_json(pairs, both)}, {"summary", summary.to_json(both)}}
                   .dump(2)
            << "\n";
    } else if (options.output == "wide") {
        print_wire_wide(pairs, both, colour);
    } else {
        print_wire_grids(plan, pairs, colour);
    }
    if (options.output != "json" && both) {
        for (const auto& pair : pairs) {
            if (pair.differs()) {
                std::cout << difference_text(pair) << "\n";
            }
        }
    }
    context.console().progress(
        std::to_string(pairs.size()) + " flows by packets in " +
        netemu::format_duration_us(elapsed) + ": " + summary.text(both));
    return static_cast<int>(summary.exit_code());
}

} // namespace labctl::cli
