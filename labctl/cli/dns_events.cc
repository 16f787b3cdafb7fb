#include <iostream>

#include "labctl/cli/lifecycle.h"
#include "labctl/report/dns_text.h"

namespace labctl::cli {

/// `events -w --dns`: every query that the lab's DNS servers answer, as it happens. With -n, those
/// of one namespace's pods.
int run_dns_events(const Context& context) {
    const auto& options = context.options();
    if (!options.watch) {
        throw netemu::UsageError("--dns tells of queries as they happen", "add -w");
    }
    const bool as_json = options.output == "json";
    if (!as_json && options.output != "table") {
        throw netemu::UsageError("no output format '" + options.output + "'", "table or json");
    }
    const auto prefix = options.ns.empty() ? std::string() : options.ns + "/";
    auto client = context.client();
    client.stream("GET", "/apis/labctl.dev/v1/dns-queries", nullptr, [&](const auto& line) {
        if (line.at("source").template get<std::string>().starts_with(prefix)) {
            std::cout << (as_json ? line.dump() + "\n"
                                  : report::dns_event_line(line, context.console().color()))
                      << std::flush;
        }
        return static_cast<bool>(std::cout);
    });
    return 0;
}

} // namespace labctl::cli
