#pragma once

#include <string>
#include <vector>

#include "labctl/manifest/read.h"
#include "tests/support/temporary.h"

/// What the tests of the manifest reader share.
namespace manifest_test {

using labctl::api::Json;
using labctl::manifest::ReadOptions;
using labctl::manifest::ReadResult;

/// What the reader says about a text: "3:5 error: message | hint" for each finding, in order.
std::vector<std::string> findings(const std::string& text, const ReadOptions& options = {});
/// The only finding. Says what there was if there is another number of them.
std::string finding(const std::string& text, const ReadOptions& options = {});
/// Its message alone.
std::string message(const std::string& text, const ReadOptions& options = {});

/// A text, and what the reader says of it.
struct FindingRow {
    std::string text;
    std::string finding; // a part of the only one; empty: there is none
};
/// Checks that it says this and no more.
void check_row(const FindingRow& row);

/// The only object of a valid text.
Json object(const std::string& text, const ReadOptions& options = {});
/// Any YAML value, read as the data of an object that nothing knows ("x: TEXT" inside).
Json value(const std::string& text);

/// A Pod, a Deployment, a Service and a NetworkPolicy with these lines in their spec, each indented
/// by two.
std::string pod(const std::string& spec);
std::string deployment(const std::string& spec);
std::string service(const std::string& spec);
std::string policy(const std::string& spec);
std::string lab(const std::string& spec);

/// A folder of manifests, gone with the object.
struct TempDir : netemu::test::TemporaryDirectory {
    /// Writes a file, making its directories; returns its path, which a folder's reader does not
    /// need.
    // NOLINTNEXTLINE(modernize-use-nodiscard)
    std::string write(const std::string& name, const std::string& text) const;
};

} // namespace manifest_test
