#include "labctl/report/custom_columns.h"

#include "labctl/report/table.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

constexpr const char* kColumnsExample = "for example NAME:.metadata.name,IP:.status.podIP";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto word : netemu::split(line, ' ')) {
        if (const auto trimmed = netemu::trim(word); !trimmed.empty()) {
            words.push_back(trimmed);
        }
    }
    return words;
}

JsonPath column_path(std::string_view title, std::string_view text) {
    try {
        return JsonPath::parse_path(text);
    } catch (netemu::Error& error) {
        error.add_context("column " + visible(title));
        throw;
    }
}

std::string custom_cell(const JsonPath& path, const api::Json& object) {
    std::vector<std::string> texts;
    for (const auto* value : path.values(object)) {
        texts.push_back(go_text(*value));
    }
    return texts.empty() ? "<none>" : netemu::join(texts, ",");
}

} // namespace

CustomColumns CustomColumns::parse(std::string_view spec) {
    CustomColumns columns;
    for (const auto part : netemu::split(spec, ',')) {
        const auto colon = part.find(':');
        if (colon == std::string_view::npos) {
            throw netemu::UsageError(
                "custom-columns: '" + visible(part) + "' is not of the form TITLE:PATH",
                kColumnsExample);
        }
        const auto title = part.substr(0, colon);
        columns.fields_.push_back({std::string(title), column_path(title, part.substr(colon + 1))});
    }
    return columns;
}

CustomColumns CustomColumns::parse_file(std::string_view contents) {
    const auto lines = netemu::split(contents, '\n');
    const auto titles = words_of(lines.at(0));
    const auto paths = lines.size() > 1 ? words_of(lines[1]) : std::vector<std::string_view>();
    if (titles.empty() || titles.size() != paths.size()) {
        throw netemu::UsageError(
            "custom-columns-file: " + std::to_string(titles.size()) +
                " titles in the first line, " + std::to_string(paths.size()) +
                " paths in the second",
            "NAME IP, and in the next line .metadata.name .status.podIP");
    }
    CustomColumns columns;
    for (std::size_t i = 0; i < titles.size(); ++i) {
        columns.fields_.push_back({std::string(titles[i]), column_path(titles[i], paths[i])});
    }
    return columns;
}

std::string CustomColumns::print(std::span<const api::ObjectPtr> objects, bool headers) const {
    std::vector<std::string> titles;
    for (const auto& field : fields_) {
        titles.push_back(field.title);
    }
    auto table = Table::of(std::move(titles));
    for (const auto& object : objects) {
        std::vector<Cell> row;
        for (const auto& field : fields_) {
            row.emplace_back(custom_cell(field.path, object->body));
        }
        table.add(std::move(row));
    }
    Table::Style style;
    style.headers = headers;
    return table.render(style);
}

} // namespace labctl::report
