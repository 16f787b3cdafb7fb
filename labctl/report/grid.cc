#include "labctl/report/grid.h"

#include <algorithm>

#include "labctl/report/text.h"

namespace labctl::report {

namespace {

std::string grid_padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

Colour grid_colour(GridMark mark) {
    switch (mark) {
    case GridMark::Allowed:
        return Colour::Green;
    case GridMark::Denied:
        return Colour::Red;
    case GridMark::Partly:
    case GridMark::Unknown:
        return Colour::Yellow;
    case GridMark::None:
        break;
    }
    return Colour::None;
}

std::string grid_frame(const std::vector<std::size_t>& widths) {
    std::string line = "+";
    for (const auto width : widths) {
        line += std::string(width + 2, '-') + "+";
    }
    return line + "\n";
}

std::vector<std::string> visible_names(const std::vector<std::string>& names) {
    std::vector<std::string> made;
    std::transform(names.begin(), names.end(), std::back_inserter(made), [](const auto& name) {
        return visible(name);
    });
    return made;
}

std::size_t longest(const std::vector<std::string>& texts) {
    std::size_t width = 0;
    for (const auto& text : texts) {
        width = std::max(width, text.size());
    }
    return width;
}

std::string grid_summary(const Grid& grid) {
    std::size_t denied = 0;
    std::size_t partly = 0;
    std::size_t all = 0;
    for (const auto& row : grid.cells) {
        all += row.size();
        denied += static_cast<std::size_t>(std::count(row.begin(), row.end(), GridMark::Denied));
        partly += static_cast<std::size_t>(std::count(row.begin(), row.end(), GridMark::Partly));
    }
    return std::to_string(denied) + " of " + std::to_string(all) + " denied" +
           (partly == 0 ? "" : ", " + std::to_string(partly) + " partly") + "\n";
}

} // namespace

std::string grid_text(const Grid& grid, bool colour, std::size_t width_max) {
    const auto names = visible_names(grid.columns);
    auto rows = visible_names(grid.rows);
    auto titles = names;
    std::size_t total = longest(rows) + 4;
    for (const auto& name : names) {
        total += name.size() + 3;
    }
    const bool numbered = total > width_max;
    for (std::size_t i = 0; numbered && i < titles.size(); ++i) {
        titles[i] = std::to_string(i + 1);
    }
    std::vector<std::size_t> widths{longest(rows)};
    for (const auto& title : titles) {
        widths.push_back(title.size());
    }
    std::string text =
        visible(grid.title) + "\n" + grid_frame(widths) + "| " + grid_padded("", widths[0]) + " |";
    for (const auto& title : titles) {
        text += " " + title + " |";
    }
    text += "\n" + grid_frame(widths);
    for (std::size_t row = 0; row < grid.cells.size(); ++row) {
        text += "| " + grid_padded(rows[row], widths[0]) + " |";
        for (std::size_t column = 0; column < grid.cells[row].size(); ++column) {
            const auto mark = grid.cells[row][column];
            const auto width = widths[column + 1];
            const auto before = (width - 1) / 2;
            text += std::string(before + 1, ' ') +
                    paint(std::string(1, static_cast<char>(mark)), grid_colour(mark), colour) +
                    std::string(width - before, ' ') + "|";
        }
        text += "\n";
    }
    text += grid_frame(widths);
    for (std::size_t i = 0; numbered && i < names.size(); ++i) {
        text += titles[i] + " " + names[i] + "\n";
    }
    return text + grid_summary(grid);
}

} // namespace labctl::report
