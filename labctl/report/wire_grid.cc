#include "labctl/report/wire_grid.h"

#include <algorithm>
#include <map>
#include <utility>

namespace labctl::report {

namespace {

/// Names in the order in which they came, each with its place.
class GridNames {
public:
    std::size_t place_of(const std::string& name) {
        const auto [entry, is_new] = places_.try_emplace(name, names_.size());
        if (is_new) {
            names_.push_back(name);
        }
        return entry->second;
    }
    [[nodiscard]] const std::vector<std::string>& all() const { return names_; }

private:
    std::vector<std::string> names_;
    std::map<std::string, std::size_t> places_;
};

/// The flows of one port.
struct PortGrid {
    std::string title;
    GridNames rows;
    GridNames columns;
    std::map<std::pair<std::size_t, std::size_t>, char> marks;
};

/// "prod/", when every name begins so.
std::string shared_namespace(const std::vector<GridFlow>& flows) {
    const auto prefix = flows.front().from.substr(0, flows.front().from.find('/') + 1);
    const bool shared = std::ranges::all_of(flows, [&](const GridFlow& flow) {
        return flow.from.starts_with(prefix) && flow.to.starts_with(prefix);
    });
    return shared ? prefix : std::string();
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

std::string coloured(char mark, bool colour) {
    if (!colour || mark == ' ') {
        return {mark};
    }
    const char* code = mark == '.' ? "\x1b[32m" : mark == 'X' ? "\x1b[31m" : "\x1b[33m";
    return std::string(code) + mark + "\x1b[0m";
}

std::string render_grid(const PortGrid& grid, const GridOptions& options) {
    std::size_t name_width = 0;
    for (const auto& row : grid.rows.all()) {
        name_width = std::max(name_width, row.size());
    }
    auto columns = grid.columns.all();
    std::size_t width = name_width;
    for (const auto& column : columns) {
        width += column.size() + 2;
    }
    std::string text = grid.title + "\n";
    if (width > options.columns_max) {
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const auto number = std::to_string(i + 1);
            text += "  " + number + " = " + columns[i] + "\n";
            columns[i] = number;
        }
    }
    text += std::string(name_width, ' ');
    for (const auto& column : columns) {
        text += "  " + column;
    }
    text += "\n";
    for (std::size_t row = 0; row < grid.rows.all().size(); ++row) {
        std::string line = padded(grid.rows.all()[row], name_width);
        std::size_t blanks = 0; // that are written only in front of a mark
        for (std::size_t column = 0; column < columns.size(); ++column) {
            const auto found = grid.marks.find({row, column});
            blanks += 2;
            if (found != grid.marks.end()) {
                line += std::string(blanks, ' ') + coloured(found->second, options.colour);
                blanks = columns[column].size() - 1;
            } else {
                blanks += columns[column].size();
            }
        }
        text += line + "\n";
    }
    return text;
}

} // namespace

std::string wire_grid(const std::vector<GridFlow>& flows, const GridOptions& options) {
    if (flows.empty()) {
        return {};
    }
    const auto shared = shared_namespace(flows);
    std::vector<PortGrid> grids;
    std::map<std::string, std::size_t> places;
    for (const auto& flow : flows) {
        const auto title = flow.protocol + " " + std::to_string(flow.port);
        const auto [entry, is_new] = places.try_emplace(title, grids.size());
        if (is_new) {
            grids.push_back({title, {}, {}, {}});
        }
        auto& grid = grids[entry->second];
        const auto row = grid.rows.place_of(flow.from.substr(shared.size()));
        const auto column = grid.columns.place_of(flow.to.substr(shared.size()));
        grid.marks[{row, column}] = flow.mark;
    }
    std::string text;
    for (const auto& grid : grids) {
        text += (text.empty() ? "" : "\n") + render_grid(grid, options);
    }
    return text;
}

} // namespace labctl::report
