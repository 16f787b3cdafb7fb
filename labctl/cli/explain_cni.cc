#include "labctl/cli/explain_cni.h"

#include <iomanip>
#include <iostream>
#include <sstream>

#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

using nlohmann::json;

std::string millis(std::uint64_t micros) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << static_cast<double>(micros) / 1000.0 << " ms";
    return text.str();
}

/// A document or a text, indented.
void print_block(const char* title, const json& content) {
    const auto text = content.is_string()
                          ? content.get<std::string>()
                          : content.dump(2, ' ', false, json::error_handler_t::replace);
    if (netemu::trim(text).empty()) {
        return;
    }
    std::cout << "  " << title << "\n";
    for (const auto line : netemu::split(netemu::trim(text), '\n')) {
        std::cout << "    " << line << "\n";
    }
}

void print_call(const json& call) {
    const auto& environment = call.at("environment");
    const auto plugin = call.at("plugin").get<std::string>();
    const auto status = call.at("status").get<int>();
    std::cout << environment.value("CNI_COMMAND", "?") << " "
              << plugin.substr(plugin.rfind('/') + 1) << "  "
              << (status == 0 ? std::string("ok") : "failed (exit " + std::to_string(status) + ")")
              << " after " << millis(call.at("micros").get<std::uint64_t>()) << ", "
              << call.at("time").get<std::string>() << "\n";
    std::string words;
    for (const auto& [name, value] : environment.items()) {
        words += name + "=" + value.get<std::string>() + "\n";
    }
    print_block("environment", words);
    print_block("input", call.at("input"));
    print_block("result", call.at("output"));
    print_block("standard error", call.at("errors"));
}

} // namespace

int run_explain_cni(const Context& context) {
    const auto& options = context.options();
    if (!options.arguments.empty()) {
        throw netemu::UsageError("`explain --cni POD` takes no other arguments");
    }
    if (options.output != "json" && options.output != "table") {
        throw netemu::UsageError("no output format '" + options.output + "'", "table or json");
    }
    const auto answer = context.client().request(
        "GET",
        "/apis/labctl.dev/v1/cni?pod=" + url_encode(options.cni) +
            "&namespace=" + url_encode(context.ns()));
    if (options.output == "json") {
        std::cout << answer.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
        return 0;
    }
    const auto pod = answer.at("pod").get<std::string>();
    const auto& calls = answer.at("calls");
    for (const auto& call : calls) {
        print_call(call);
    }
    if (calls.empty()) {
        std::cout << "no plugin was called for " << pod
                  << (answer.at("wiredBy") == "lab"
                          ? ": the lab wired it itself, as the profile " +
                                answer.at("profile").get<std::string>() + " does"
                          : " yet")
                  << "\n";
    }
    const auto operations = answer.value("operations", json::array());
    if (!operations.empty()) {
        std::cout << "what the lab did, in the words of ip, bridge and nft:\n";
        for (const auto& line : operations) {
            std::cout << "  " << line.get<std::string>() << "\n";
        }
    }
    return 0;
}

} // namespace labctl::cli
