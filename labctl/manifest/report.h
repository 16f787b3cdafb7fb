#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/manifest/diagnostic.h"
#include "labctl/manifest/path.h"
#include "labctl/manifest/yaml_parse.h"

namespace labctl::manifest {

/// A chunk's lines by number, for the excerpts in diagnostics. Finds as many as it is asked for.
class SourceLines {
public:
    /// `file` is the whole text; the chunk may start in the middle of a line.
    SourceLines(std::string_view file, const Chunk& chunk);
    /// The text of a line of the file (from 1), or empty if it is not in this chunk.
    std::string_view line(std::uint32_t number);

private:
    std::uint32_t first_line_;
    std::string_view rest_; // behind lines_
    std::vector<std::string_view> lines_;
};

/// Where the diagnostics of a file go; knows how to place them.
class FileReport {
public:
    FileReport(Findings& findings, std::string file, SourceLines* lines)
        : findings_(findings), file_(std::move(file)), lines_(lines) {}

    void
    add(Severity severity,
        std::uint32_t line,
        std::uint32_t column,
        std::string message,
        std::string hint);
    [[nodiscard]] Findings& findings() { return findings_; }
    [[nodiscard]] const std::string& file() const { return file_; }

private:
    Findings& findings_;
    std::string file_;
    SourceLines* lines_; // null when there is no text
};

/// Where the diagnostics of one object go. Places each by the path of the field it is about.
class Report {
public:
    enum class At { Value, Key };

    /// `root` is the object as written, null when it did not come from text.
    Report(FileReport& file, const Node* root, std::string subject)
        : file_(file), root_(root), subject_(std::move(subject)) {}

    void
    add(Severity severity,
        const Path& path,
        At at,
        std::string_view message,
        std::string hint = {});
    /// An error about the type of a value. Later errors at or below this path say nothing new: they
    /// are dropped.
    void wrong_type(const Path& path, std::string_view message, std::string hint);

    /// Where the value at `path` was written, or the nearest thing above it.
    [[nodiscard]] api::Source place(const Path& path, At at) const;
    /// False when a diagnostic would only be counted.
    [[nodiscard]] bool worth_a_hint(Severity severity) { return file_.findings().keeps(severity); }
    [[nodiscard]] std::size_t errors() const { return errors_; }
    /// Unknown fields are errors instead of warnings.
    bool strict = false;

private:
    [[nodiscard]] bool silenced(const std::string& path) const;

    FileReport& file_;
    const Node* root_;
    std::string subject_; // "Deployment \"web\""
    std::vector<std::string> wrong_;
    std::size_t errors_ = 0;
};

} // namespace labctl::manifest
