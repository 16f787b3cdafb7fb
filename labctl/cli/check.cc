#include <algorithm>
#include <fstream>
#include <iostream>

#include "labctl/check/network_model.h"
#include "labctl/check/parse.h"
#include "labctl/cli/assertions.h"
#include "labctl/cli/check_places.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/verdicts.h"
#include "labctl/manifest/read.h"
#include "labctl/report/check_report.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

std::vector<check::Assertion> from_files(const Context& context) {
    manifest::ReadOptions options;
    options.strict = context.options().strict;
    options.default_namespace = context.ns();
    return assertions_of([&] {
        auto input = manifest::read_checks(context.options().arguments, options);
        std::cerr << manifest::format(input.findings);
        return std::move(input.assertions);
    });
}

std::vector<check::Assertion> from_lab(Client& client) {
    std::vector<check::Assertion> assertions;
    std::vector<check::Diagnostic> wrong; // with any of the objects
    const auto list = client.request("GET", "/apis/labctl.dev/v1/checks");
    for (const auto& item : list.at("items")) {
        try {
            const auto parsed =
                check::parse_check(api::Object{item, {}}, assertions.size() + 1, places_of(item));
            assertions.insert(assertions.end(), parsed.begin(), parsed.end());
        } catch (const check::CheckError& error) {
            wrong.insert(wrong.end(), error.diagnostics().begin(), error.diagnostics().end());
        }
    }
    if (!wrong.empty()) {
        throw check::CheckError(std::move(wrong));
    }
    return assertions;
}

std::vector<check::Assertion> choose(const Context& context, Client& client) {
    const auto& options = context.options();
    if (options.network_model) {
        return check::network_model_assertions(world_of(client));
    }
    auto assertions = options.arguments.empty() ? from_lab(client) : from_files(context);
    if (options.arguments.empty() && assertions.empty()) {
        context.console().progress("the lab has no checks: checking the Kubernetes network model");
        assertions = check::network_model_assertions(world_of(client));
    }
    if (!options.only.empty()) {
        std::erase_if(assertions, [&](const auto& assertion) {
            return !netemu::glob_match(options.only, assertion.title);
        });
    }
    return assertions;
}

void write_reports(const Context& context, const check::Report& report) {
    report::CheckReportOptions options;
    options.verbose = context.options().verbosity > 0;
    options.strict = context.options().strict;
    for (const auto& text : context.options().reports) {
        const auto request = report::ReportRequest::parse(text);
        const auto rendered = report::render(report, request.format, options);
        if (request.path == "-") {
            std::cout << rendered;
            continue;
        }
        std::ofstream file(request.path);
        file << rendered << std::flush;
        if (!file) {
            throw netemu::UsageError(
                "the report cannot be written to '" + request.path +
                "': " + netemu::errno_text(errno));
        }
    }
    const auto& output = context.options().output;
    options.colour = context.console().color();
    options.wide = output == "wide";
    const auto format =
        output == "wide" ? report::CheckFormat::Table : report::parse_check_format(output);
    std::cout << report::render(report, format, options);
}

} // namespace

int run_check(const Context& context) {
    auto client = context.client();
    return run_interruptible(client, [&] {
        const auto assertions = choose(context, client);
        const auto report = judge(context, client, assertions, context.options().fail_fast);
        write_reports(context, report);
        return static_cast<int>(check::exit_code(report, context.options().strict));
    });
}

} // namespace labctl::cli
