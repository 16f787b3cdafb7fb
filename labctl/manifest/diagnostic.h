#pragma once

#include <span>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/error.h"

/// What the reader of manifests has to say about an input.
namespace labctl::manifest {

enum class Severity { Error, Warning };

struct Diagnostic {
    Severity severity = Severity::Error;
    api::Source source; // the line and column count from 1; line 0 means the whole file
    std::string
        message; // in the API server's words where it has any: "spec.replicas: Invalid value: ..."
    std::string hint;        // what to do about it, or empty: "did you mean 'containerPort'?"
    std::string source_line; // the text of that line, or empty
};

/// Findings in the order of the input. At most limits::kDiagnosticsMax of a severity are kept; the
/// rest is only counted.
struct Findings {
    std::vector<Diagnostic> list;
    std::size_t errors = 0;
    std::size_t warnings = 0;
    bool gave_up = false; // reading ended early: there were too many errors

    void add(Diagnostic diagnostic);
    /// Whether a finding of this severity would still be kept: if not, do not bother to compose it.
    [[nodiscard]] bool keeps(Severity severity) const;
};

/// "file:line:col: error: message", the offending line with a caret under the column, and the hint.
/// Ends with a newline. Control characters of the input are replaced, so it is safe on a terminal.
std::string format(const Diagnostic& diagnostic);
/// All of them, then "and N more" if some were only counted.
std::string format(const Findings& findings);

/// The input is not valid (exit 2); nothing of it may be used. Its text is the summary line and
/// every finding, warnings too.
class ManifestError : public netemu::Error {
public:
    explicit ManifestError(Findings findings);
    [[nodiscard]] const Findings& findings() const noexcept { return findings_; }
    [[nodiscard]] netemu::ExitCode exit_code() const noexcept override {
        return netemu::ExitCode::Usage;
    }

private:
    Findings findings_;
};

} // namespace labctl::manifest
