#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "labctl/report/text.h"

namespace labctl::report {

enum class Align { Left, Right };

struct Column {
    std::string title;
    Align align = Align::Left;
};

/// A cell. The text is made visible() when it is drawn, so it may come from anywhere.
struct Cell {
    std::string text;
    Colour colour = Colour::None;
    Cell(std::string value, Colour paint_as = Colour::None) // NOLINT(google-explicit-constructor)
        : text(std::move(value)), colour(paint_as) {}
    Cell(const char* value) : text(value) {} // NOLINT(google-explicit-constructor)
};

/// Rows in columns, for `ls`, `status`, `up` and the reports: as wide as the text needs, never cut.
/// Columns are `gap` spaces apart and at least `width_min` wide, the gap included; kubectl's are 3
/// and 6. The last column is not padded, so no line ends in spaces.
class Table {
public:
    struct Style {
        bool headers = true;
        bool colour = false;
        std::size_t gap = 3;
        std::size_t width_min = 6;
        std::size_t indent = 0;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// All columns aligned left.
    static Table of(std::vector<std::string> titles);

    /// A row may be shorter than the table; what is missing is empty.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] std::size_t size() const { return rows_.size(); }

    /// Lines that each end in a line feed.
    [[nodiscard]] std::string render(const Style& style) const;
    [[nodiscard]] std::string render() const { return render(Style{}); }

private:
    [[nodiscard]] std::vector<std::size_t> widths(const Style& style) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

} // namespace labctl::report
