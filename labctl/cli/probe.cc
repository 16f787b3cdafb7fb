#include "labctl/probe/probe.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "labctl/api/object.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/verdicts.h"
#include "labctl/report/probe_table.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

std::string read_text(const std::string& path) {
    if (path == "-") {
        return {std::istreambuf_iterator<char>(std::cin), {}};
    }
    std::ifstream file(path);
    if (!file) {
        throw netemu::UsageError("cannot read " + path + ": " + netemu::errno_text(errno));
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

json parse_json(const std::string& path, const std::string& text) {
    try {
        return json::parse(text);
    } catch (const json::parse_error& error) {
        throw netemu::UsageError(path + ": not JSON: " + error.what());
    }
}

/// "probe FROM TO" with its flags as the JSON of one probe.
json single_probe(const Options& options) {
    const auto timeout = netemu::parse_duration_us(options.timeout);
    if (!timeout) {
        throw netemu::UsageError(
            "--timeout '" + options.timeout + "' is not a duration", "1s, 500ms");
    }
    json one{
        {"id", "1"},
        {"from", options.arguments[0]},
        {"to", options.arguments[1]},
        {"timeoutMs", *timeout / 1000},
        {"count", options.count},
        {"concurrency", options.concurrency}};
    const auto& from = options.arguments[0];
    const auto slash = from.find('/');
    // A workload's KIND/NAME is in the namespace of -n; a name of a pod has its own before it.
    if (slash == std::string::npos
            ? from != "external"
            : !options.ns.empty() && from.find('/', slash + 1) == std::string::npos &&
                  !from.starts_with("node/") && !api::find_kinds(from.substr(0, slash)).empty()) {
        one["from"] = (options.ns.empty() ? "default" : options.ns) + "/" + from;
    }
    if (!options.via.empty()) {
        one["via"] = options.via;
    }
    if (!options.method.empty()) {
        one["method"] = options.method;
    }
    if (!options.data.empty()) {
        one["body"] = options.data;
    }
    if (options.source_port != 0) {
        one["sourcePort"] = options.source_port;
    }
    if (options.packet_size != 0) {
        one["size"] = options.packet_size;
    }
    if (options.samples) {
        one["samples"] = true;
    }
    if (options.no_evidence) {
        one["evidence"] = false;
    }
    if (!options.cacert.empty()) {
        one["ca"] = read_text(options.cacert);
        if (one["ca"] == "") {
            throw netemu::UsageError("--cacert " + options.cacert + ": there is nothing in it");
        }
    }
    for (const auto& [name, value] : header_fields(options)) {
        one["headers"][name] = value;
    }
    return one;
}

/// Of one probe on the command line, as ping(8) and curl(1) do: 0 when every exchange was ok, 1
/// when one was not, 3 when the only trouble is what this host cannot send. Outcomes of a list are
/// data: see run_probe.
int exit_status(const std::vector<probe::Result>& results) {
    bool failed = false;
    bool unsupported = false;
    for (const auto& result : results) {
        for (const auto& [outcome, count] : result.outcomes) {
            unsupported = unsupported || outcome == "unsupported";
            failed = failed || (outcome != "ok" && outcome != "unsupported");
        }
    }
    return static_cast<int>(
        failed            ? netemu::ExitCode::CheckFailed
        : unsupported     ? netemu::ExitCode::Inconclusive
        : results.empty() ? netemu::ExitCode::Inconclusive
                          : netemu::ExitCode::Ok);
}

/// A list whose outcomes are data, and which may be a long one: passed on as it comes.
int run_list(const Context& context) {
    auto client = context.client();
    auto text = read_text(context.options().probe_file);
    if (!json::accept(text)) {
        (void)parse_json(context.options().probe_file, text); // says where
    }
    return run_interruptible(client, [&] {
        const auto answer = client.exchange("POST", "/apis/labctl.dev/v1/probe", std::move(text));
        std::cout << answer;
        const bool empty = answer.find("\"results\":[]") != std::string::npos;
        return static_cast<int>(empty ? netemu::ExitCode::Inconclusive : netemu::ExitCode::Ok);
    });
}

/// Sends them, prints what came of them, and returns the exit status.
int run_document(const Context& context, const json& document) {
    const auto& options = context.options();
    const auto requests = probe::parse_requests(document);
    auto client = context.client();
    return run_interruptible(client, [&] {
        const auto answer = client.request("POST", "/apis/labctl.dev/v1/probe", document);
        std::vector<probe::Result> results;
        for (const auto& entry : answer.at("results")) {
            results.push_back(probe::result_from_json(entry));
        }
        if (options.output == "json") {
            std::cout << answer.dump(2) << "\n";
        } else {
            std::cout << report::probe_table(requests, results, {context.console().color()});
        }
        return !options.probe_file.empty() && !results.empty() ? 0 : exit_status(results);
    });
}

} // namespace

int run_probe(const Context& context) {
    const auto& options = context.options();
    json document;
    if (!options.probe_file.empty()) {
        if (options.output == "json") {
            return run_list(context);
        }
        document = parse_json(options.probe_file, read_text(options.probe_file));
    } else if (options.arguments.size() == 2) {
        document = {{"probes", json::array({single_probe(options)})}};
    } else {
        throw netemu::UsageError(
            "probe needs FROM and TO, or --file",
            "labctl probe default/a tcp://10.244.1.7:80; see labctl(1) for the forms");
    }
    return run_document(context, document);
}

} // namespace labctl::cli
