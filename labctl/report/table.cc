#include "labctl/report/table.h"

#include <algorithm>

namespace labctl::report {

namespace {

void put(std::string& line, const Cell& cell, Align align, std::size_t width, bool colour) {
    const auto text = visible(cell.text);
    const auto used = display_width(text);
    const std::string padding(width > used ? width - used : 0, ' ');
    const auto painted = paint(text, text.empty() ? Colour::None : cell.colour, colour);
    line += align == Align::Right ? padding + painted : painted + padding;
}

} // namespace

Table Table::of(std::vector<std::string> titles) {
    std::vector<Column> columns;
    columns.reserve(titles.size());
    for (auto& title : titles) {
        columns.push_back({std::move(title), Align::Left});
    }
    return Table(std::move(columns));
}

std::vector<std::size_t> Table::widths(const Style& style) const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths[i] = style.headers ? display_width(columns_[i].title) : 0;
        for (const auto& row : rows_) {
            if (i < row.size()) {
                widths[i] = std::max(widths[i], display_width(visible(row[i].text)));
            }
        }
        widths[i] =
            std::max(widths[i], style.width_min > style.gap ? style.width_min - style.gap : 0);
    }
    return widths;
}

std::string Table::render(const Style& style) const {
    const auto column_widths = widths(style);
    std::string out;
    const auto render_row = [&](const std::vector<Cell>& row) {
        std::string line(style.indent, ' ');
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            put(line,
                i < row.size() ? row[i] : Cell(""),
                columns_[i].align,
                column_widths[i],
                style.colour);
            line.append(i + 1 < columns_.size() ? style.gap : 0, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    if (style.headers) {
        std::vector<Cell> titles;
        for (const auto& column : columns_) {
            titles.emplace_back(column.title);
        }
        render_row(titles);
    }
    std::ranges::for_each(rows_, render_row);
    return out;
}

} // namespace labctl::report
