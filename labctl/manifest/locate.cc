#include "labctl/manifest/locate.h"

#include <charconv>
#include <filesystem>

#include "labctl/manifest/inputs.h"
#include "labctl/manifest/report.h"
#include "labctl/manifest/yaml_split.h"
#include "labctl/manifest/yaml_value.h"

namespace labctl::manifest {

namespace {

/// The mapping that begins at this place: a document, or an item of a list of objects.
const Node* object_at(const Node& node, const api::Source& place, int depth) {
    constexpr int kDepthMax = 10; // lists of lists
    if (node.kind == Node::Kind::Mapping && static_cast<int>(node.line) == place.line &&
        static_cast<int>(node.column) == place.column) {
        return &node;
    }
    for (const auto* child : node.children) {
        const auto* found = depth < kDepthMax ? object_at(*child, place, depth + 1) : nullptr;
        if (found != nullptr) {
            return found;
        }
    }
    return nullptr;
}

/// "spec.ingress[0].from" as steps. The names stay in `text`.
Path parse_path(std::string_view text) {
    Path path;
    while (!text.empty()) {
        if (text.front() == '[') {
            std::size_t index = 0;
            std::from_chars(text.data() + 1, text.data() + text.size(), index);
            path = path.item(index);
            text.remove_prefix(std::min(text.find(']'), text.size() - 1) + 1);
        } else {
            text.remove_prefix(text.front() == '.' ? 1 : 0);
            const auto end = std::min(text.find_first_of(".["), text.size());
            path = path.field(text.substr(0, end));
            text.remove_prefix(end);
        }
    }
    return path;
}

/// Whether the object of the diagnostic is in this chunk; then its place becomes that of the path.
bool place_in_chunk(
    std::string_view text,
    const Chunk& chunk,
    AliasBudget& budget,
    std::string_view path,
    Diagnostic& made) {
    YamlParser parser(chunk, budget);
    SourceLines lines(text, chunk);
    while (const auto document = parser.next()) {
        if (const auto* root = object_at(*document->root(), made.source, 0)) {
            Findings ignored;
            FileReport file(ignored, made.source.file, &lines);
            made.source = Report(file, root, {}).place(parse_path(path), Report::At::Value);
            made.source_line = lines.line(static_cast<std::uint32_t>(made.source.line));
            return true;
        }
    }
    return false;
}

} // namespace

const std::string& Locator::text_of(const std::string& file) {
    const auto [entry, added] = texts_.try_emplace(file);
    auto& kept = entry->second;
    std::error_code error;
    if (added && std::filesystem::is_regular_file(file, error)) {
        Findings ignored; // it was readable a moment ago
        for_each_input(
            std::span(&file, 1), {}, ignored, [&](const std::string&, std::string_view text) {
                kept = text;
                return true;
            });
    }
    return kept;
}

Diagnostic Locator::warning(
    const api::Source& object, std::string_view path, std::string message, std::string hint) {
    Diagnostic made;
    made.severity = Severity::Warning;
    made.source = object;
    made.message = std::move(message);
    made.hint = std::move(hint);
    const std::string_view text = text_of(object.file);
    try {
        AliasBudget budget;
        for (const auto& chunk : split_documents(text)) {
            if (place_in_chunk(text, chunk, budget, path, made)) {
                break;
            }
        }
    } catch (const SyntaxError&) { // the file has changed since it was read
    }
    return made;
}

} // namespace labctl::manifest
