#include "labctl/cli/lab_difference.h"

#include <nlohmann/json.hpp>

#include "labctl/cli/client.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

using nlohmann::json;

constexpr const char* kProxyMode = "spec.proxy.mode";

const json kAbsent;

std::string value_text(const json& value) {
    return value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
}

const json& field_of(const json& object, const std::string& name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found == object.end() ? kAbsent : *found;
}

void compare(
    const std::string& path,
    const json& running,
    const json& wanted,
    std::vector<LabDifference>& found) {
    if (running == wanted) {
        return;
    }
    const bool objects =
        (running.is_object() || running.is_null()) && (wanted.is_object() || wanted.is_null());
    if (!objects) {
        found.push_back({path, value_text(running), value_text(wanted)});
        return;
    }
    json names = running.is_null() ? json::object() : running;
    if (wanted.is_object()) {
        names.update(wanted);
    }
    for (const auto& [name, value] : names.items()) {
        compare(path + "." + name, field_of(running, name), field_of(wanted, name), found);
    }
}

std::string shown(const std::string& value) {
    constexpr std::size_t kValueMax = 60;
    return value.empty()               ? "not set"
           : value.size() <= kValueMax ? value
                                       : value.substr(0, kValueMax) + "...";
}

} // namespace

std::vector<LabDifference> lab_differences(const json& running, const json& wanted) {
    std::vector<LabDifference> found;
    compare("spec", field_of(running, "spec"), field_of(wanted, "spec"), found);
    return found;
}

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
