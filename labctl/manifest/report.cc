#include "labctl/manifest/report.h"

#include <algorithm>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/yaml_value.h"

namespace labctl::manifest {

std::string Path::to_string() const {
    std::string text;
    for (const auto& step : steps()) {
        if (step.index >= 0) {
            text += '[';
            text += std::to_string(step.index);
            text += ']';
        } else if (step.index == kKey) {
            text += '[';
            text += step.text();
            text += ']';
        } else {
            text += text.empty() ? "" : ".";
            text += step.text();
        }
    }
    return text;
}

SourceLines::SourceLines(std::string_view file, const Chunk& chunk)
    : first_line_(chunk.line), rest_(chunk.text) {
    if (chunk.column > 1) {
        const auto offset = static_cast<std::size_t>(chunk.text.data() - file.data());
        const auto start = file.substr(0, offset).rfind('\n') + 1; // npos + 1 is 0
        rest_ = file.substr(start, offset - start + chunk.text.size());
    }
}

std::string_view SourceLines::line(std::uint32_t number) {
    if (number < first_line_) {
        return {};
    }
    const auto index = number - first_line_;
    while (lines_.size() <= index &&
           !rest_.empty()) { // as libyaml counts: a lone carriage return ends a line too
        const auto end = std::min(rest_.find_first_of("\r\n"), rest_.size());
        lines_.push_back(rest_.substr(0, end));
        const auto next = rest_.substr(end).starts_with("\r\n") ? end + 2 : end + 1;
        rest_.remove_prefix(std::min(next, rest_.size()));
    }
    return index < lines_.size() ? lines_[index] : std::string_view{};
}

void FileReport::add(
    Severity severity,
    std::uint32_t line,
    std::uint32_t column,
    std::string message,
    std::string hint) {
    Diagnostic diagnostic{severity, {file_, 0, 0}, std::move(message), std::move(hint), {}};
    if (findings_.keeps(severity)) {
        diagnostic.source.line = static_cast<int>(line);
        diagnostic.source.column = static_cast<int>(column);
        if (lines_ != nullptr && line > 0) {
            diagnostic.source_line = lines_->line(line);
        }
    }
    findings_.add(std::move(diagnostic));
}

bool Report::silenced(const std::string& path) const {
    return std::any_of(wrong_.begin(), wrong_.end(), [&](const std::string& wrong) {
        const bool below =
            path.size() > wrong.size() && (path[wrong.size()] == '.' || path[wrong.size()] == '[');
        return path.starts_with(wrong) && (path.size() == wrong.size() || below);
    });
}

void Report::add(
    Severity severity, const Path& path, At at, std::string_view message, std::string hint) {
    const bool kept = file_.findings().keeps(severity);
    const auto name = kept || !wrong_.empty() ? path.to_string() : std::string{};
    if (!wrong_.empty() && silenced(name)) {
        return;
    }
    errors_ += severity == Severity::Error ? 1 : 0;
    if (!kept) {
        file_.add(severity, 0, 0, {}, {}); // only counted
        return;
    }
    const auto source = place(path, at);
    const std::string_view lead = subject_.empty() ? "" : ": ";
    const std::string_view colon = name.empty() || message.empty() ? "" : ": ";
    file_.add(
        severity,
        static_cast<std::uint32_t>(source.line),
        static_cast<std::uint32_t>(source.column),
        compose({subject_, lead, name, colon, message}),
        std::move(hint));
}

void Report::wrong_type(const Path& path, std::string_view message, std::string hint) {
    add(Severity::Error, path, At::Value, message, std::move(hint));
    constexpr std::size_t kRememberedMax = 100;
    if (wrong_.size() < kRememberedMax) {
        wrong_.push_back(path.to_string());
    }
}

api::Source Report::place(const Path& path, At at) const {
    const Node* node = root_;
    const Node* key = nullptr;
    bool found = node != nullptr;
    for (const auto& step : path.steps()) {
        if (!found) {
            break;
        }
        if (step.index >= 0) {
            const auto index = static_cast<std::size_t>(step.index);
            found = node->kind == Node::Kind::Sequence && index < node->children.size();
            node = found ? node->children[index] : node;
            key = found ? nullptr : key;
        } else {
            const auto entry = find_entry(*node, step.text());
            found = entry.key != nullptr;
            node = found ? entry.value : node;
            key = found ? entry.key : key;
        }
    }
    if (node == nullptr) {
        return {file_.file(), 0, 0};
    }
    const bool collection = node->kind != Node::Kind::Scalar || node->text.empty();
    const auto* where = key != nullptr && (at == At::Key || collection || !found) ? key : node;
    return {file_.file(), static_cast<int>(where->line), static_cast<int>(where->column)};
}

} // namespace labctl::manifest
