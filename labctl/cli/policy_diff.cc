#include "labctl/explain/policy_diff.h"

#include <iostream>

#include "labctl/cli/policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/report/text.h"

namespace labctl::cli {

using explain::MatrixCell;
using nlohmann::json;

namespace {

json side_json(const MatrixCell& cell) {
    return {
        {"verdict", explain::cell_word(cell)},
        {"egress", explain::opinion_json(cell.verdict.egress, services::PolicyDirection::Egress)},
        {"ingress",
         explain::opinion_json(cell.verdict.ingress, services::PolicyDirection::Ingress)}};
}

json diff_json(const explain::PolicyDiff& diff) {
    json changes = json::array();
    for (const auto& change : diff.changes) {
        changes.push_back(
            {{"from", change.from},
             {"to", change.to},
             {"protocol", services::to_text(change.port.protocol)},
             {"port", change.port.port},
             {"before", side_json(change.before)},
             {"after", side_json(change.after)}});
    }
    return {
        {"schemaVersion", 1},
        {"flows", diff.flows},
        {"changes", changes},
        {"added", diff.added},
        {"removed", diff.removed}};
}

void print_change(const Context& context, const explain::PolicyChange& change) {
    const bool color = context.console().color();
    const bool opens = change.after.allowed > change.before.allowed;
    const auto side = [](const char* when, const MatrixCell& cell) {
        return std::string("    ") + when + explain::cell_word(cell) + ": " +
               report::visible(explain::verdict_text(cell.verdict)) + "\n";
    };
    std::cout << report::paint(
                     opens ? "+" : "-", opens ? report::Colour::Green : report::Colour::Red, color)
              << " " << report::visible(change.from) << " -> " << report::visible(change.to) << " "
              << change.port.to_string() << "\n"
              << side("before: ", change.before) << side("after:  ", change.after);
}

void print_names(const char* what, const std::vector<std::string>& names) {
    for (const auto& name : names) {
        std::cout << "  " << report::visible(name) << ": " << what << ", not compared\n";
    }
}

} // namespace

int run_diff(const Context& context) {
    const auto& arguments = context.options().arguments;
    const auto& output = context.options().output;
    if (output != "json" && output != "table") {
        throw netemu::UsageError("no output format '" + output + "'", "table or json");
    }
    const auto old_store = store_of_files(context, {arguments.at(0)});
    const auto new_store = store_of_files(context, {arguments.at(1)});
    warn_of_ignored_policies(context, new_store);
    const auto before = compile::enforced_world(old_store);
    const auto after = compile::enforced_world(new_store);
    const auto diff = explain::diff_policies(before, after);
    if (output == "json") {
        std::cout << diff_json(diff).dump(2) << "\n";
    } else {
        for (const auto& change : diff.changes) {
            print_change(context, change);
        }
        print_names("only before", diff.removed);
        print_names("only after", diff.added);
        std::cout << diff.changes.size() << " of " << diff.flows << " flows change\n";
    }
    return static_cast<int>(
        diff.changes.empty() ? netemu::ExitCode::Ok : netemu::ExitCode::CheckFailed);
}

} // namespace labctl::cli
