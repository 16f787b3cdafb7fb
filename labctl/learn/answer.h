#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/learn/challenge.h"
#include "labctl/manifest/diagnostic.h"
#include "labctl/manifest/read.h"

/// What is handed in for a challenge: manifests, and what is to be deleted.
namespace labctl::learn {

struct Answer {
    std::string name; // of the file or folder, without its ending
    std::string path;
    std::vector<api::Object> objects;    // to be applied
    std::vector<std::string> deleted;    // references, deleted first
    std::vector<std::string> namespaces; // that objects are in and nothing defines
    std::optional<std::uint64_t> seed;   // a Submission says for which variant it is
    std::string challenge;               // and for which challenge; empty: it does not say
    double hint_cost = 0;                // and what hints have cost
    std::size_t attempts = 0;
    std::size_t hints = 0;
    manifest::Findings findings; // warnings only
};

/// Reads a file or a folder. Manifests are applied; a Submission among them says more; what
/// `delete.yaml` of a folder holds is deleted. The namespaces of the lab are `known_namespaces` of
/// the options; answers of an exercise's own folder have its variables. Throws
/// manifest::ManifestError, netemu::UsageError.
Answer read_answer(const std::string& path, const manifest::ReadOptions& options = {});

/// The answers of a challenge's folder: `solution/`, and each file or folder in `wrong/`, in order
/// of their names.
bool has_solution(const std::string& directory);
std::vector<std::string> wrong_answers(const std::string& directory);

/// A Submission and the objects behind it, as YAML that read_answer takes.
struct SubmissionFacts {
    std::string challenge;
    std::uint64_t seed = 0;
    std::size_t attempts = 0;
    std::size_t hints = 0;
    double hint_cost = 0;
    std::string handed_in; // RFC 3339
};
std::string submission_text(
    const SubmissionFacts& facts,
    const std::vector<api::Json>& objects,
    const std::vector<std::string>& deleted);

} // namespace labctl::learn
