#include "labctl/learn/answer.h"

#include <algorithm>
#include <filesystem>

#include "labctl/learn/json_fields.h"
#include "labctl/learn/snapshot.h"
#include "labctl/manifest/inputs.h"
#include "labctl/manifest/read.h"
#include "labctl/manifest/yaml.h"
#include "netemu/base/error.h"

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
    for (const auto& reference : texts_at(spec, "delete")) {
        answer.deleted.push_back(full_reference(reference));
    }
}

void take_manifests(manifest::ReadResult read, Answer& answer) {
    for (auto& object : read.objects) {
        if (object.kind() == "Submission") {
            take_submission(object, answer);
        } else if (object.kind() == "Lab" || object.kind() == "Check") {
            throw netemu::UsageError(
                object.source.to_string() + ": an answer has no " + object.kind(),
                "it is the challenge's");
        } else {
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
          {"delete", deleted}}}};
    auto text = manifest::to_yaml(submission);
    for (const auto& object : objects) {
        text += "---\n" + manifest::to_yaml(object);
    }
    return text;
}

} // namespace labctl::learn
