#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/manifest/cursor.h"
#include "labctl/manifest/read.h"
#include "labctl/manifest/report.h"
#include "labctl/manifest/versions.h"
#include "labctl/manifest/yaml_parse.h"

namespace labctl::manifest {

/// Reads texts into objects, and looks at all of them together at the end. One per command.
class Reader {
public:
    /// `options` must outlive this.
    explicit Reader(const ReadOptions& options) : options_(options) {}

    /// Reads one file. Returns false when there were so many errors that reading on makes no sense.
    bool read(const std::string& file, std::string_view text);
    /// Checks and completes one object that has no text.
    void add(api::Json body);

    /// What concerns several objects; throws ManifestError if anything was wrong.
    ReadResult finish();
    [[nodiscard]] Findings& findings() { return result_.findings; }

private:
    void read_chunk(FileReport& file, const Chunk& chunk);
    void read_documents(FileReport& file, const Chunk& chunk);
    void read_value(FileReport& file, api::Json value, const Node* node, int depth);
    void read_list(FileReport& file, api::Json& list, const Node* node, int depth);
    void read_bare_list(FileReport& file, const api::Json& list, const Node& node);
    void read_object(FileReport& file, api::Json body, const Node* node);
    static bool resolve(Report& report, const api::Json& body, Resolved& resolved);
    void check_body(Report& report, api::Json& body, const Resolved& resolved) const;
    void place_in_namespace(Report& report, api::Json& body, const Resolved& resolved);
    void use_namespace(Report& report, const api::Json& body);
    void take_assertions(const Cursor& list, const std::string& name, const std::string& ns);
    void take(Report& report, api::Json body, const Resolved& resolved, std::string written);
    bool first_of_its_name(Report& report, const api::Object& object, bool typed);
    void note_untyped(const api::Object& object);

    void apply_custom_scopes();
    void find_implicit_namespaces();

    const ReadOptions& options_;
    AliasBudget aliases_;
    SourceLines* lines_ = nullptr; // of the chunk that is being read
    ReadResult result_;
    api::Source lab_;                              // where the Lab is, once there is one
    std::map<api::ObjectKey, api::Source> names_;  // every object, those with errors too
    std::map<std::string, Diagnostic> first_uses_; // of namespaces that are not known
    std::set<std::string> cluster_wide_;           // custom kinds that a definition says are so
};

} // namespace labctl::manifest
