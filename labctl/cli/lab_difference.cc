#include "labctl/cli/lab_difference.h"

#include <nlohmann/json.hpp>
#include <utility>

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

std::string annotation(const json& lab, const char* name) {
    return value_text(field_of(field_of(field_of(lab, "metadata"), "annotations"), name));
}

/// The file that both name. How it is laid out does not count.
void compare_conflists(const json& running, const json& wanted, std::vector<LabDifference>& found) {
    const auto pointers = [](const json& lab) {
        const auto text = json::parse(annotation(lab, "labctl.dev/cni-conflist"), nullptr, false);
        return text.is_object() ? text.flatten() : json::object();
    };
    const auto runs = pointers(running);
    const auto wants = pointers(wanted);
    json all = runs;
    all.update(wants);
    for (const auto& [pointer, value] : all.items()) {
        const auto& before = field_of(runs, pointer);
        const auto& after = field_of(wants, pointer);
        if (before != after) {
            found.push_back({"spec.cni.conflist" + pointer, value_text(before), value_text(after)});
        }
    }
}

/// A path that both have alike, and that leads elsewhere.
void compare_paths(
    const std::string& field,
    const json& path,
    const std::pair<std::string, std::string>& directories,
    std::vector<LabDifference>& found) {
    const auto text = value_text(path);
    if (!text.empty() && !text.starts_with('/')) {
        found.push_back({field, directories.first + "/" + text, directories.second + "/" + text});
    }
}

void compare_directories(
    const json& running, const json& wanted, std::vector<LabDifference>& found) {
    const std::pair directories{
        annotation(running, "labctl.dev/directory"), annotation(wanted, "labctl.dev/directory")};
    if (directories.first.empty() || directories.second.empty() ||
        directories.first == directories.second) {
        return;
    }
    const auto& spec = field_of(wanted, "spec");
    for (const auto* field : {"binDir", "dataDir"}) {
        const auto& path = field_of(field_of(spec, "cni"), field);
        compare_paths(std::string("spec.cni.") + field, path, directories, found);
    }
    for (const auto& image : field_of(spec, "images")) {
        compare_paths("spec.images[].rootfs", field_of(image, "rootfs"), directories, found);
    }
}

} // namespace

std::vector<LabDifference> lab_differences(const json& running, const json& wanted) {
    std::vector<LabDifference> found;
    compare("spec", field_of(running, "spec"), field_of(wanted, "spec"), found);
    const auto conflist = [](const json& lab) {
        return field_of(field_of(field_of(lab, "spec"), "cni"), "conflist");
    };
    if (!conflist(wanted).is_null() && conflist(wanted) == conflist(running)) {
        compare_conflists(running, wanted, found);
    }
    compare_directories(running, wanted, found);
    return found;
}

} // namespace labctl::cli
