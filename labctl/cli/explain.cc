#include <iostream>

#include "labctl/cli/objects.h"
#include "labctl/cli/verdicts.h"
#include "labctl/report/dns_text.h"
#include "labctl/report/explain_text.h"

namespace labctl::cli {

namespace {

/// Whether the answer shall be JSON; throws for a form that these commands do not have.
bool wants_json(const Context& context) {
    const auto& output = context.options().output;
    if (output != "json" && output != "table") {
        throw netemu::UsageError("no output format '" + output + "'", "table or json");
    }
    return output == "json";
}

} // namespace

/// 0 when the path ends at an endpoint, or the name is found; 1 when not.
int run_explain(const Context& context) {
    const auto& options = context.options();
    const bool json = wants_json(context);
    const bool dns = options.arguments.at(1).starts_with("dns://");
    auto client = context.client();
    const auto answer = client.request(
        "POST",
        "/apis/labctl.dev/v1/explain",
        {{"from", options.arguments.at(0)},
         {"to", options.arguments.at(1)},
         {"namespace", context.ns()},
         {"wire", options.wire}});
    if (json) {
        std::cout << answer.dump(2) << "\n";
    } else {
        std::cout
            << (dns ? report::dns_explain_text(answer, context.console().color())
                    : report::explain_text(answer, {context.console().color()}));
    }
    const bool reached = answer.at("outcome") == (dns ? "found" : "endpoint");
    return static_cast<int>(reached ? netemu::ExitCode::Ok : netemu::ExitCode::CheckFailed);
}

int run_get_affinity(const Context& context) {
    const bool json = wants_json(context);
    const bool all = context.options().all_namespaces;
    auto client = context.client();
    const auto list = client.request(
        "GET",
        "/apis/labctl.dev/v1/affinity?namespace=" +
            (all ? std::string() : url_encode(context.ns())));
    if (json) {
        std::cout << list.dump(2) << "\n";
    } else if (list.at("items").empty()) {
        context.console().progress("no Service remembers a client; see sessionAffinity: ClientIP");
    } else {
        std::cout << report::affinity_table(list, all);
    }
    return 0;
}

} // namespace labctl::cli
