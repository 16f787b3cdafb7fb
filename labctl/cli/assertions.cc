#include "labctl/cli/assertions.h"

#include "labctl/check/parse.h"
#include "labctl/manifest/partly_read.h"

namespace labctl::cli {

namespace {

manifest::Findings findings_of(const manifest::PartlyRead& error) {
    auto findings = error.findings();
    try {
        (void)check::parse_entries(error.assertions());
    } catch (const check::CheckError& wrong) {
        for (const auto& [source, message, hint] : wrong.diagnostics()) {
            findings.add({manifest::Severity::Error, source, message, hint, {}});
        }
    }
    return findings;
}

} // namespace

std::vector<check::Assertion>
assertions_of(const std::function<std::vector<api::AssertionInput>()>& read) {
    try {
        return check::parse_entries(read());
    } catch (const manifest::PartlyRead& error) {
        throw manifest::ManifestError(findings_of(error));
    }
}

} // namespace labctl::cli
