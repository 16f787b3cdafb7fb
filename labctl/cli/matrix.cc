#include <charconv>
#include <iostream>

#include "labctl/check/wire_matrix.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/verdicts.h"
#include "labctl/report/table.h"
#include "labctl/report/wire_grid.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using check::WireCell;
using check::WireFlow;
using nlohmann::json;

namespace {

check::PortView matrix_port(const std::string& text) {
    const auto slash = text.find('/');
    const auto protocol =
        slash == std::string::npos ? "tcp" : netemu::to_lower(text.substr(slash + 1));
    check::PortView port;
    const auto digits = std::string_view(text).substr(0, slash);
    const auto* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, port.number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || port.number == 0 ||
        (protocol != "tcp" && protocol != "udp")) {
        throw netemu::UsageError("--port '" + text + "' is not a port", "write 8080/tcp or 53/udp");
    }
    port.protocol = protocol == "udp" ? "UDP" : "TCP";
    return port;
}

check::WireMatrixOptions matrix_options(const Context& context) {
    check::WireMatrixOptions options;
    options.ns = context.options().all_namespaces ? "" : context.ns();
    for (const auto& text : context.options().ports) {
        options.ports.push_back(matrix_port(text));
    }
    return options;
}

/// Every flow of the matrix with what was seen of it.
struct WireTable {
    std::vector<WireFlow> flows;
    std::vector<WireCell> cells;
    std::size_t reached = 0;
    std::size_t dropped = 0;
    std::size_t unknown = 0;
};

WireTable
probe_matrix(Client& client, const check::World& world, const check::WireMatrixOptions& options) {
    WireTable table;
    table.flows = check::wire_flows(world, options);
    if (table.flows.empty()) {
        throw netemu::UsageError(
            "no two pods run here between which something could be probed",
            "-A is all namespaces; --port 80/tcp asks for a port that no container declares");
    }
    table.cells = check::wire_cells(run_probes(client, check::wire_requests(table.flows, options)));
    for (const auto& cell : table.cells) {
        ++(cell.state == WireCell::State::Reached   ? table.reached
           : cell.state == WireCell::State::Dropped ? table.dropped
                                                    : table.unknown);
    }
    return table;
}

const char* state_word(WireCell::State state) {
    return state == WireCell::State::Reached   ? "allowed"
           : state == WireCell::State::Dropped ? "denied"
                                               : "unknown";
}

char state_mark(WireCell::State state) {
    return state == WireCell::State::Reached ? '.' : state == WireCell::State::Dropped ? 'X' : '?';
}

json table_json(const WireTable& table) {
    json flows = json::array();
    for (std::size_t i = 0; i < table.flows.size(); ++i) {
        const auto& flow = table.flows[i];
        const auto& cell = table.cells.at(i);
        json entry{
            {"from", flow.from->id()},
            {"to", flow.to->id()},
            {"protocol", flow.protocol},
            {"port", flow.port},
            {"wire", state_word(cell.state)},
            {"text", cell.text}};
        if (cell.drop) {
            entry["drop"] = probe::to_json(*cell.drop);
        }
        flows.push_back(std::move(entry));
    }
    return {
        {"schemaVersion", 1},
        {"flows", std::move(flows)},
        {"summary",
         {{"allowed", table.reached}, {"denied", table.dropped}, {"unknown", table.unknown}}}};
}

std::string table_wide(const WireTable& table, bool colour) {
    auto rows = report::Table::of({"FROM", "TO", "PORT", "WIRE", "WHY"});
    for (std::size_t i = 0; i < table.flows.size(); ++i) {
        const auto& flow = table.flows[i];
        const auto& cell = table.cells.at(i);
        rows.add(
            {flow.from->id(),
             flow.to->id(),
             flow.protocol + " " + std::to_string(flow.port),
             state_word(cell.state),
             cell.drop ? cell.drop->text : cell.text});
    }
    report::Table::Style style;
    style.colour = colour;
    return rows.render(style);
}

std::string table_grid(const WireTable& table, bool colour) {
    std::vector<report::GridFlow> flows;
    for (std::size_t i = 0; i < table.flows.size(); ++i) {
        const auto& flow = table.flows[i];
        flows.push_back(
            {flow.from->id(),
             flow.to->id(),
             flow.protocol,
             flow.port,
             state_mark(table.cells.at(i).state)});
    }
    report::GridOptions options;
    options.colour = colour;
    return report::wire_grid(flows, options);
}

} // namespace

int run_matrix(const Context& context) {
    const auto& options = context.options();
    auto client = context.client();
    const auto world = world_of(client);
    const auto begin = netemu::Clock::now();
    const auto table = probe_matrix(client, world, matrix_options(context));
    if (options.output == "json") {
        std::cout << table_json(table).dump(2) << "\n";
    } else {
        std::cout
            << (options.output == "wide" ? table_wide(table, context.console().color())
                                         : table_grid(table, context.console().color()));
    }
    context.console().progress(
        std::to_string(table.flows.size()) + " flows by packets in " +
        netemu::format_duration_us(netemu::micros_since(begin)) + ": " +
        std::to_string(table.reached) + " allowed, " + std::to_string(table.dropped) +
        " denied and proven by their drops, " + std::to_string(table.unknown) + " unknown");
    return static_cast<int>(
        table.unknown > 0 ? netemu::ExitCode::Inconclusive : netemu::ExitCode::Ok);
}

} // namespace labctl::cli
