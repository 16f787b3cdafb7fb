#include "labctl/cli/lab_conform.h"

#include "labctl/cli/client.h"
#include "labctl/cli/lab_difference.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

constexpr const char* kProxyMode = "spec.proxy.mode";

std::string shown(const std::string& value) {
    constexpr std::size_t kValueMax = 60;
    return value.empty()               ? "not set"
           : value.size() <= kValueMax ? value
                                       : value.substr(0, kValueMax) + "...";
}

} // namespace

api::Object running_lab(Client& client) {
    const auto list = client.request("GET", "/apis/labctl.dev/v1/labs");
    return {list.at("items").at(0), {}};
}

void conform_lab(const Context& context, Client& client, const api::Object& wanted) {
    const auto running = running_lab(client);
    const auto found = lab_differences(running.body, wanted.body);
    if (found.empty()) {
        return;
    }
    const bool only_mode = found.size() == 1 && found[0].path == kProxyMode;
    if (only_mode && context.options().dry_run) {
        context.console().progress("the proxy mode would change to " + found[0].wanted);
        return;
    }
    if (only_mode) {
        (void)client.request("POST", "/apis/labctl.dev/v1/proxy-mode", {{"mode", found[0].wanted}});
        context.console().progress(
            "the proxy mode is " + found[0].wanted + " now; it was " + found[0].runs);
        return;
    }
    std::vector<std::string> told;
    told.reserve(found.size());
    for (const auto& difference : found) {
        told.push_back(
            difference.path + " is " + shown(difference.runs) + ", not " +
            shown(difference.wanted));
    }
    throw netemu::UsageError(
        "lab '" + running.name() +
            "' is up already with other settings: " + netemu::join(told, "; "),
        "`labctl down " + running.name() +
            "` first: of a running lab only the proxy mode can be changed");
}

} // namespace labctl::cli
