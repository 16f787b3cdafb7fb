#include "labctl/cli/lab_difference.h"

#include <nlohmann/json.hpp>

namespace labctl::cli {

namespace {

using nlohmann::json;

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

} // namespace

std::vector<LabDifference> lab_differences(const json& running, const json& wanted) {
    std::vector<LabDifference> found;
    compare("spec", field_of(running, "spec"), field_of(wanted, "spec"), found);
    return found;
}

} // namespace labctl::cli
