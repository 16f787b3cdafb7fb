#pragma once

#include <string>
#include <vector>

/// Truth tables as people draw them.
namespace labctl::report {

enum class GridMark : char {
    Allowed = '.',
    Denied = 'X',
    Partly = '~',  // some of a workload's pods
    Unknown = '?', // inconclusive
    None = '-',    // nothing to say: no family in common
};

/// One table: rows ask, columns answer.
struct Grid {
    std::string title; // "80/TCP"
    std::vector<std::string> rows;
    std::vector<std::string> columns;
    std::vector<std::vector<GridMark>> cells; // by row
};

/// Lines with the title, a frame, and under it how many cells are denied. Columns are titled by
/// name; where that would be wider than `width_max`, by number, and a list of the numbers follows.
/// Names are made visible, so they may come from anywhere. Ends with a line feed.
[[nodiscard]] std::string grid_text(const Grid& grid, bool colour, std::size_t width_max = 100);

} // namespace labctl::report
