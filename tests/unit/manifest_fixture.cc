#include "tests/unit/manifest_fixture.h"

#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"

namespace manifest_test {

namespace manifest = labctl::manifest;

namespace {

std::vector<std::string> lines_of(const manifest::Findings& findings) {
    std::vector<std::string> lines;
    for (const auto& found : findings.list) {
        auto line = std::to_string(found.source.line) + ":" + std::to_string(found.source.column);
        line += found.severity == manifest::Severity::Error ? " error: " : " warning: ";
        line += found.message;
        lines.push_back(found.hint.empty() ? line : line + " | " + found.hint);
    }
    return lines;
}

std::string with_spec(const std::string& head, const std::string& spec) {
    auto text = head + "metadata:\n  name: a\nspec:\n";
    for (const auto line : netemu::split(spec, '\n')) {
        text += line.empty() ? "" : "  " + std::string(line) + "\n";
    }
    return text;
}

} // namespace

std::vector<std::string> findings(const std::string& text, const ReadOptions& options) {
    try {
        return lines_of(manifest::read_text(text, "test.yaml", options).findings);
    } catch (const manifest::ManifestError& error) {
        return lines_of(error.findings());
    }
}

std::string finding(const std::string& text, const ReadOptions& options) {
    const auto all = findings(text, options);
    return all.size() == 1 ? all[0]
                           : std::to_string(all.size()) + " findings: " + netemu::join(all, "; ");
}

std::string message(const std::string& text, const ReadOptions& options) {
    auto line = finding(text, options);
    const auto start = line.find(": ");
    return start == std::string::npos ? line : line.substr(start + 2, line.find(" | ") - start - 2);
}

Json object(const std::string& text, const ReadOptions& options) {
    auto result = manifest::read_text(text, "test.yaml", options);
    if (result.objects.size() != 1) {
        throw std::runtime_error(std::to_string(result.objects.size()) + " objects");
    }
    return result.objects[0].body;
}

Json value(const std::string& text) {
    return object("apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nx: " + text + "\n")
        .at("x");
}

std::string pod(const std::string& spec) {
    return with_spec("apiVersion: v1\nkind: Pod\n", spec);
}
std::string deployment(const std::string& spec) {
    return with_spec("apiVersion: apps/v1\nkind: Deployment\n", spec);
}
std::string service(const std::string& spec) {
    return with_spec("apiVersion: v1\nkind: Service\n", spec);
}
std::string policy(const std::string& spec) {
    return with_spec("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n", spec);
}
std::string lab(const std::string& spec) {
    return with_spec("apiVersion: labctl.dev/v1\nkind: Lab\n", spec);
}

std::string TempDir::write(const std::string& name, const std::string& text) const {
    const auto file = std::filesystem::path(path()) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
}

void check_row(const FindingRow& row) {
    const auto all = findings(row.text);
    BOOST_TEST_CONTEXT(row.text) {
        for (const auto& one : all) {
            BOOST_TEST_MESSAGE(one);
        }
        if (row.finding.empty()) {
            BOOST_TEST(all.empty());
        } else if (all.size() == 1) {
            BOOST_TEST(all[0].find(row.finding) != std::string::npos, all[0]);
        } else {
            BOOST_TEST(all.size() == 1U);
        }
    }
}

} // namespace manifest_test
