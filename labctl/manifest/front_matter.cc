#include "labctl/manifest/front_matter.h"

#include <optional>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/inputs.h"
#include "labctl/manifest/report.h"
#include "labctl/manifest/schema.h"
#include "labctl/manifest/walk.h"
#include "labctl/manifest/yaml_split.h"
#include "labctl/manifest/yaml_value.h"

namespace labctl::manifest {

namespace {

struct FrontParts {
    std::string_view yaml;
    std::string_view body;
};

std::string_view without_end_of_line(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
        line.remove_suffix(1);
    }
    return line;
}

/// Nothing if the text does not begin with a line "---" that another one follows.
std::optional<FrontParts> cut_front(std::string_view text) {
    std::size_t at = text.find('\n');
    if (at == std::string_view::npos || without_end_of_line(text.substr(0, at)) != "---") {
        return std::nullopt;
    }
    const auto start = ++at;
    while (at < text.size()) {
        const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
        if (without_end_of_line(text.substr(at, end - at)) == "---") {
            return FrontParts{text.substr(start, at - start), text.substr(end)};
        }
        at = end;
    }
    return std::nullopt;
}

class FrontReader {
public:
    FrontReader(FrontMatterKind kind, bool strict) : kind_(kind), strict_(strict) {}

    void read(const std::string& file, std::string_view text) {
        result_.head.source = {file, 1, 1};
        FileReport bare(result_.findings, file, nullptr);
        if (const auto bad = find_bad_text(text)) {
            bare.add(Severity::Error, bad->line, bad->column, bad->message, bad->hint);
            return;
        }
        const auto parts = cut_front(text);
        if (!parts) {
            bare.add(
                Severity::Error,
                1,
                1,
                "expected a YAML mapping between two lines '---' at the beginning",
                compose({"begin with ---, kind: ", word(), ", title: ..., and ---"}));
            return;
        }
        result_.text = parts->body;
        const Chunk chunk{parts->yaml, 2, 1};
        SourceLines lines(text, chunk);
        FileReport report(result_.findings, file, &lines);
        try {
            read_mapping(report, chunk);
        } catch (const SyntaxError& error) {
            report.add(Severity::Error, error.line, error.column, error.message, error.hint);
        }
    }

    FrontMatter finish() {
        if (result_.findings.errors > 0) {
            throw ManifestError(std::move(result_.findings));
        }
        return std::move(result_);
    }
    Findings& findings() { return result_.findings; }

private:
    [[nodiscard]] std::string_view word() const {
        return kind_ == FrontMatterKind::Challenge ? "challenge" : "quiz";
    }

    void read_mapping(FileReport& file, const Chunk& chunk) {
        AliasBudget budget;
        YamlParser parser(chunk, budget);
        const auto document = parser.next();
        if (!document || document->root()->kind != Node::Kind::Mapping) {
            file.add(Severity::Error, chunk.line, 1, "expected a mapping of fields", "");
            return;
        }
        const auto* root = document->root();
        Problems problems;
        auto head = to_json(*root, problems);
        for (const auto& problem : problems) {
            file.add(Severity::Error, problem.line, problem.column, problem.message, problem.hint);
        }
        Report report(file, root, std::string(word()));
        report.strict = strict_;
        const Cursor kind = Cursor(report, head, {})["kind"];
        if (!kind.is(word())) {
            kind.present()
                ? kind.error(compose({"expected ", word(), ", found ", quoted(kind.json())}), "")
                : kind.required();
            return;
        }
        walk(
            head, kind_ == FrontMatterKind::Challenge ? schema::kChallenge : schema::kQuiz, report);
        result_.head = {std::move(head), report.place({}, Report::At::Value)};
    }

    FrontMatterKind kind_;
    bool strict_;
    FrontMatter result_;
};

} // namespace

FrontMatter
read_front_matter(const std::string& file, FrontMatterKind kind, const ReadOptions& options) {
    FrontReader reader(kind, options.strict);
    for_each_input(
        std::span(&file, 1),
        options,
        reader.findings(),
        [&](const std::string& name, std::string_view text) {
            reader.read(name, text);
            return true;
        });
    return reader.finish();
}

} // namespace labctl::manifest
