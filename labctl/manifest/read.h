#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/assertion_input.h"
#include "labctl/api/object.h"
#include "labctl/manifest/diagnostic.h"

/// From YAML and JSON to validated objects with the API server's defaults. Pure but for reading
/// files.
namespace labctl::manifest {

struct ReadOptions {
    bool strict = false;    // unknown fields are errors, not warnings
    bool recursive = false; // enter sub-directories of directories
    /// Where objects go that name no namespace. With `one_namespace` objects that name another are
    /// errors, as with kubectl's -n.
    std::string default_namespace = "default";
    bool one_namespace = false;
    /// Namespaces that exist already (in the running lab): objects may be in them without a
    /// warning. The four that every cluster has are always known.
    std::vector<std::string> known_namespaces;
    bool own_files_only = false; // no links, no pipes: the files come from somebody else
    bool names_only = false;     // kind and name will do: they say what to delete
    bool bare_lists = false; // a document that is a list, but not of objects, is one of assertions
    bool may_create_namespaces = true; // otherwise none is implicit, and there is no warning
    int stdin_fd = 0;                  // what "-" reads
    std::map<std::string, std::string> variables{}; // "${NAME}" in a text stands for its value
};

/// A kind that is stored although nothing acts on it.
struct UntypedKind {
    std::string kind;
    std::string api_version;
    std::size_t count = 0;
    api::Source first;
};

struct ReadResult {
    std::vector<api::Object> objects; // in the order of the input; at most one Lab
    Findings findings;                // warnings only
    /// Namespaces that objects are in, that nothing defines: the caller creates them.
    std::vector<std::string> implicit_namespaces;
    std::vector<UntypedKind> untyped_kinds;      // report each once: "stored, nothing acts on it"
    std::vector<api::AssertionInput> assertions; // of all Check objects
};

/// Reads files, directories (*.yaml, *.yml and *.json, sorted by name) and "-". Throws
/// ManifestError with all problems of all inputs; netemu::UsageError for an input that is not there
/// or is not readable.
ReadResult read_manifests(std::span<const std::string> inputs, const ReadOptions& options = {});

/// The same for text in memory; `name` stands for the file in messages.
ReadResult
read_text(std::string_view text, const std::string& name, const ReadOptions& options = {});

/// Checks one object that is not from a file (a request to the control API, a change by `scale`)
/// and puts defaults in. Throws ManifestError. Returns warnings.
Findings complete_object(api::Object& object, const ReadOptions& options = {});

struct CheckInput {
    std::vector<api::AssertionInput> assertions;
    Findings findings; // warnings only
};

/// Reads checks: Check objects, and files that are nothing but a list of assertions. Other kinds in
/// them are ignored. Throws like read_manifests, also when there is no assertion at all.
CheckInput read_checks(std::span<const std::string> inputs, const ReadOptions& options = {});

/// A lab on disk.
struct LabInput {
    std::optional<api::Object> lab;       // none: the built-in one
    ReadResult manifests;                 // without the Lab
    std::vector<std::string> check_files; // for read_checks
    std::string directory;                // what relative paths of the lab file refer to
};

/// `path` is a directory or a lab file. A directory with lab.yaml, manifests/ and checks.yaml (each
/// may be absent, *.yml is fine too) is read as such, also when `path` is its lab.yaml; without
/// manifests/ all of its files but the checks are manifests. Another file is read alone. `more` are
/// further inputs (-f).
LabInput read_lab(
    const std::string& path,
    std::span<const std::string> more = {},
    const ReadOptions& options = {});

} // namespace labctl::manifest
