#include "labctl/manifest/read.h"

#include <algorithm>
#include <filesystem>

#include "labctl/manifest/inputs.h"
#include "labctl/manifest/reader.h"
#include "netemu/base/error.h"

namespace labctl::manifest {

namespace {

namespace fs = std::filesystem;

ReadResult
read_with(Reader& reader, std::span<const std::string> inputs, const ReadOptions& options) {
    for_each_input(
        inputs, options, reader.findings(), [&](const std::string& name, std::string_view text) {
            return reader.read(name, text);
        });
    return reader.finish();
}

bool is_check_file(const fs::path& file) {
    return file.stem() == "checks" && is_manifest_name(file.filename().string());
}

bool is_lab_file(const fs::path& file) {
    return file.stem() == "lab" && is_manifest_name(file.filename().string());
}

/// The files of a lab directory: what to read as manifests goes to `inputs`.
void list_directory(LabInput& lab, std::vector<std::string>& inputs, bool recursive) {
    const auto manifests = (fs::path(lab.directory) / "manifests").string();
    std::error_code error;
    const bool has_manifests = fs::is_directory(manifests, error);
    for (const auto& file : manifest_files(lab.directory, false)) {
        if (is_check_file(file)) {
            lab.check_files.push_back(file);
        } else if (is_lab_file(file) || !has_manifests) {
            inputs.push_back(file);
        }
    }
    if (has_manifests) {
        const auto files = manifest_files(manifests, recursive);
        inputs.insert(inputs.end(), files.begin(), files.end());
    }
    if (inputs.empty() && lab.check_files.empty()) {
        throw netemu::UsageError(
            "'" + lab.directory + "' is not a lab: it holds no lab.yaml, manifests/ or *.yaml",
            "`labctl up` without arguments brings up a demo");
    }
}

} // namespace

ReadResult read_manifests(std::span<const std::string> inputs, const ReadOptions& options) {
    Reader reader(options);
    return read_with(reader, inputs, options);
}

ReadResult read_text(std::string_view text, const std::string& name, const ReadOptions& options) {
    Reader reader(options);
    reader.read(name, text);
    return reader.finish();
}

Findings complete_object(api::Object& object, const ReadOptions& options) {
    Reader reader(options);
    reader.add(std::move(object.body));
    auto result = reader.finish();
    object.body = std::move(result.objects.at(0).body);
    return std::move(result.findings);
}

CheckInput read_checks(std::span<const std::string> inputs, const ReadOptions& options) {
    auto choices = options;
    choices.bare_lists = true;
    Reader reader(choices);
    auto result = read_with(reader, inputs, choices);
    if (result.assertions.empty()) {
        Findings findings;
        Diagnostic nothing;
        nothing.source.file = inputs.empty() ? std::string{} : inputs.front();
        nothing.message = "there is no assertion in this input";
        nothing.hint = "write a list such as `- frontend -> backend:8080/tcp allow`";
        findings.add(std::move(nothing));
        throw ManifestError(std::move(findings));
    }
    return {std::move(result.assertions), std::move(result.findings)};
}

LabInput
read_lab(const std::string& path, std::span<const std::string> more, const ReadOptions& options) {
    LabInput lab;
    std::vector<std::string> inputs;
    std::error_code error;
    if (fs::is_directory(path, error)) {
        lab.directory = path;
        list_directory(lab, inputs, options.recursive);
    } else if (path == "-") {
        inputs.push_back(path);
    } else {
        const auto parent = fs::path(path).parent_path().string();
        lab.directory = parent.empty() ? "." : parent;
        if (is_lab_file(path) && fs::exists(path, error)) {
            list_directory(lab, inputs, options.recursive);
        } else {
            inputs.push_back(path);
        }
    }
    inputs.insert(inputs.end(), more.begin(), more.end());
    lab.manifests = read_manifests(inputs, options);
    auto& objects = lab.manifests.objects;
    const auto found = std::find_if(
        objects.begin(), objects.end(), [](const api::Object& o) { return o.kind() == "Lab"; });
    if (found != objects.end()) {
        lab.lab = std::move(*found);
        objects.erase(found);
    }
    return lab;
}

} // namespace labctl::manifest
