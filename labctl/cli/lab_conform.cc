#include "labctl/cli/lab_conform.h"

#include "labctl/cli/client.h"
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

std::optional<LabDifference> change_of_lab(const api::Object& running, const api::Object& wanted) {
    const auto found = lab_differences(running.body, wanted.body);
    if (found.empty()) {
        return std::nullopt;
    }
    if (found.size() == 1 && found[0].path == kProxyMode) {
        return found[0];
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

void conform_lab(const Context& context, Client& client, const LabDifference& change) {
    if (context.options().dry_run) {
        context.console().progress("the proxy mode would change to " + change.wanted);
        return;
    }
    (void)client.request("POST", "/apis/labctl.dev/v1/proxy-mode", {{"mode", change.wanted}});
    context.console().progress(
        "the proxy mode is " + change.wanted + " now; it was " + change.runs);
}

} // namespace labctl::cli
