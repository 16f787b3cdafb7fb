#include "labctl/learn/answer.h"

#include <algorithm>
#include <filesystem>

#include "labctl/learn/json_fields.h"
#include "labctl/learn/snapshot.h"
#include "labctl/manifest/inputs.h"
#include "labctl/manifest/read.h"
#include "labctl/manifest/yaml.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace fs = std::filesystem;
using api::Json;

namespace {

constexpr const char* kDeleteFile = "delete.yaml";

std::string reference_of(const api::Object& object) {
    const auto ns = object.ns();
    return object.kind() + "/" + (ns.empty() ? "" : ns + "/") + object.name();
}

void take_submission(const api::Object& submission, Answer& answer) {
    const auto& spec = api::at(submission.body, "spec");
    answer.challenge = api::string_at(spec, "challenge");
    answer.seed = static_cast<std::uint64_t>(api::int_at(spec, "seed", 0));
    answer.hint_cost = static_cast<double>(api::int_at(spec, "hintCost", 0));
    answer.attempts = static_cast<std::size_t>(api::int_at(spec, "attempts", 0));
    answer.hints = static_cast<std::size_t>(api::int_at(spec, "hints", 0));
    answer.solution_shown = api::bool_at(spec, "solutionShown", false);
    for (const auto& reference : texts_at(spec, "delete")) {
        answer.deleted.push_back(full_reference(reference));
    }
}

/// What is not a user's to write: parts of the challenge, and marks by which controllers know what
/// is theirs, under which something could hide.
void refuse_foreign(const api::Object& object) {
    const auto kind = object.kind();
    const auto place = object.source.to_string() + ": ";
    if (kind == "Lab" || kind == "Check" || kind == "Node") {
        throw netemu::UsageError(place + "an answer has no " + kind, "it is the challenge's");
    }
    const auto& owners = api::at(object.body, "metadata.ownerReferences");
    if (owners.is_array() && !owners.empty()) {
        throw netemu::UsageError(
            place + "an answer has no ownerReferences", "they are the controllers'");
    }
    if (object.labels().contains("endpointslice.kubernetes.io/managed-by")) {
        throw netemu::UsageError(
            place + "an answer has no label endpointslice.kubernetes.io/managed-by",
            "it is the controllers'");
    }
}

void take_manifests(manifest::ReadResult read, Answer& answer) {
    for (auto& object : read.objects) {
        if (object.kind() == "Submission") {
            take_submission(object, answer);
        } else {
            refuse_foreign(object);
            answer.objects.push_back(std::move(object));
        }
    }
    answer.namespaces = std::move(read.implicit_namespaces);
    answer.findings = std::move(read.findings);
}

} // namespace

Answer read_answer(const std::string& path, const manifest::ReadOptions& options) {
    Answer answer;
    answer.path = path;
    answer.name = fs::path(path).stem().string();
    std::error_code error;
    std::vector<std::string> inputs{path};
    if (fs::is_directory(path, error)) {
        inputs = manifest::manifest_files(path, false);
        const auto deletions = std::ranges::find_if(inputs, [](const std::string& file) {
            return fs::path(file).filename() == kDeleteFile;
        });
        if (deletions != inputs.end()) {
            auto only_named = options;
            only_named.may_create_namespaces = false;
            only_named.names_only = true;
            const auto read = manifest::read_manifests(std::span(&*deletions, 1), only_named);
            for (const auto& object : read.objects) {
                answer.deleted.push_back(reference_of(object));
            }
            inputs.erase(deletions);
        }
    }
    if (!inputs.empty()) {
        take_manifests(manifest::read_manifests(inputs, options), answer);
    }
    return answer;
}

std::string challenge_of_submission(const std::string& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
        return {};
    }
    try {
        manifest::ReadOptions options;
        options.may_create_namespaces = false;
        for (const auto& object : manifest::read_manifests(std::span(&path, 1), options).objects) {
            if (object.kind() == "Submission") {
                return api::string_at(object.body, "spec.challenge");
            }
        }
    } catch (const netemu::Error&) { // what is wrong with it is told when it is judged
    }
    return {};
}

bool has_solution(const std::string& directory) {
    std::error_code error;
    return fs::is_directory(directory + "/solution", error) &&
           !manifest::manifest_files(directory + "/solution", false).empty();
}

std::vector<std::string> wrong_answers(const std::string& directory) {
    std::vector<std::string> answers;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory + "/wrong", error)) {
        if (entry.is_directory() || manifest::is_manifest_name(entry.path().filename().string())) {
            answers.push_back(entry.path().string());
        }
    }
    std::ranges::sort(answers);
    return answers;
}

namespace {

/// The text of every file, with the variant's values.
std::string texts_of_files(const std::vector<std::string>& files, const Variant& variant) {
    std::string text;
    manifest::Findings findings;
    manifest::for_each_input(
        files, variant.read_options(), findings, [&](const std::string&, std::string_view file) {
            text += (text.empty() ? "" : "---\n") + std::string(file);
            text += text.ends_with('\n') ? "" : "\n";
            return true;
        });
    if (findings.errors > 0) {
        throw manifest::ManifestError(std::move(findings));
    }
    return text;
}

std::string as_comment(std::string_view text) {
    std::string comment;
    for (const auto line : netemu::split(netemu::trim(text), '\n')) {
        comment += line.empty() ? "#\n" : "# " + std::string(line) + "\n";
    }
    return comment;
}

} // namespace

std::string solution_text(const Variant& variant) {
    const auto folder = variant.directory + "/solution";
    if (!has_solution(variant.directory)) {
        throw netemu::UsageError("the challenge has no solution", "ask its author");
    }
    const auto told = folder + "/solution.md";
    std::string text = fs::exists(told) ? as_comment(texts_of_files({told}, variant)) : "";
    for (const auto& reference : read_answer(folder, variant.read_options()).deleted) {
        text += "# To be deleted: " + reference + "\n";
    }
    auto files = manifest::manifest_files(folder, false);
    std::erase_if(files, [](const auto& file) { return fs::path(file).filename() == kDeleteFile; });
    const auto manifests = texts_of_files(files, variant);
    return text + (text.empty() || manifests.empty() ? "" : "---\n") + manifests;
}

std::string submission_text(
    const SubmissionFacts& facts,
    const std::vector<Json>& objects,
    const std::vector<std::string>& deleted) {
    const Json submission{
        {"apiVersion", "labctl.dev/v1"},
        {"kind", "Submission"},
        {"metadata",
         {{"name", facts.challenge}, {"annotations", {{"handed-in", facts.handed_in}}}}},
        {"spec",
         {{"challenge", facts.challenge},
          {"seed", facts.seed},
          {"attempts", facts.attempts},
          {"hints", facts.hints},
          {"hintCost", static_cast<std::int64_t>(facts.hint_cost)},
          {"solutionShown", facts.solution_shown},
          {"delete", deleted}}}};
    auto text = manifest::to_yaml(submission);
    for (const auto& object : objects) {
        text += "---\n" + manifest::to_yaml(object);
    }
    return text;
}

} // namespace labctl::learn
