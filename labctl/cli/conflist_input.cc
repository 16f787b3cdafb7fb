#include "labctl/cli/conflist_input.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "labctl/cni/conflist.h"
#include "labctl/manifest/locate.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"

namespace labctl::cli {

namespace {

namespace fs = std::filesystem;

std::string text_of_conflist(const std::string& file) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
        throw netemu::UsageError(
            "spec.cni.conflist: there is no file " + file,
            "the path is relative to the lab file; /etc/cni/net.d holds those of container "
            "runtimes");
    }
    if (fs::file_size(file, error) > netemu::limits::kDocumentBytesMax) {
        throw netemu::UsageError("spec.cni.conflist: " + file + " is too large");
    }
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) {
        throw netemu::UsageError("spec.cni.conflist: " + file + " cannot be read");
    }
    return text.str();
}

/// Line and column of a byte, from 1.
api::Source place_of_byte(const std::string& file, const std::string& text, std::size_t byte) {
    const auto before = text.substr(0, std::min(byte, text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto start = before.rfind('\n');
    const auto column = start == std::string::npos ? before.size() : before.size() - start - 1;
    return {file, static_cast<int>(line), static_cast<int>(column) + 1};
}

std::string line_of(const std::string& text, int number) {
    std::istringstream stream(text);
    std::string line;
    for (int i = 0; i < number && std::getline(stream, line); ++i) {
    }
    return line;
}

api::Json parse_conflist(const std::string& file, const std::string& text) {
    try {
        return api::Json::parse(text);
    } catch (const api::Json::parse_error& error) {
        manifest::Diagnostic found;
        found.source = place_of_byte(file, text, error.byte == 0 ? 0 : error.byte - 1);
        found.source_line = line_of(text, found.source.line);
        const std::string words = error.what();
        const auto said = words.find("syntax error");
        found.message = "not JSON: " + (said == std::string::npos ? words : words.substr(said));
        manifest::Findings findings;
        findings.add(std::move(found));
        throw manifest::ManifestError(std::move(findings));
    }
}

std::size_t node_count(const api::Json& nodes) {
    constexpr std::size_t kNodesUnsaid = 3;
    return nodes.is_array()            ? nodes.size()
           : nodes.is_number_integer() ? nodes.get<std::size_t>()
                                       : kNodesUnsaid;
}

} // namespace

void add_conflist(api::Object& lab, const std::string& directory) {
    const auto& named = api::at(lab.body, "spec.cni.conflist");
    if (!named.is_string()) {
        return;
    }
    const auto path = fs::path(directory.empty() ? "." : directory) / named.get<std::string>();
    const auto file = path.lexically_normal().string();
    const auto text = text_of_conflist(file);
    const auto json = parse_conflist(file, text);
    const auto problems = cni::check_conflist(json, node_count(api::at(lab.body, "spec.nodes")));
    manifest::Findings findings;
    manifest::Locator locator;
    const auto start = place_of_byte(file, text, text.find_first_not_of(" \t\r\n"));
    for (const auto& problem : problems) {
        auto found = locator.warning(start, problem.path, problem.message, problem.hint);
        found.severity = manifest::Severity::Error;
        findings.add(std::move(found));
    }
    if (!problems.empty()) {
        throw manifest::ManifestError(std::move(findings));
    }
    lab.body["metadata"]["annotations"]["labctl.dev/cni-conflist"] = text;
}

} // namespace labctl::cli
