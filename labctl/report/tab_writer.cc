#include "labctl/report/tab_writer.h"

#include <algorithm>

#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using Lines = std::vector<std::vector<std::string_view>>;

/// The width of each cell that a tab ends, by line: that of the widest cell of its column block.
std::vector<std::vector<std::size_t>> cell_widths(const Lines& lines, std::size_t padding) {
    std::vector<std::vector<std::size_t>> widths(lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        widths[i].assign(lines[i].size() - 1, 0); // the last cell is not ended by a tab
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (std::size_t column = 0; column < widths[i].size(); ++column) {
            if (widths[i][column] != 0) {
                continue; // its block was measured from above
            }
            std::size_t widest = 0;
            auto end = i;
            for (; end < lines.size() && column < widths[end].size(); ++end) {
                widest = std::max(widest, display_width(lines[end][column]));
            }
            for (auto line = i; line < end; ++line) {
                widths[line][column] = widest + padding;
            }
        }
    }
    return widths;
}

} // namespace

std::string TabWriter::str() const {
    Lines lines;
    for (const auto line : netemu::split(text_, '\n')) {
        lines.push_back(netemu::split(line, '\t'));
    }
    const auto widths = cell_widths(lines, padding_);
    std::string out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (std::size_t column = 0; column < lines[i].size(); ++column) {
            const auto cell = lines[i][column];
            out += cell;
            if (column < widths[i].size()) {
                const auto used = display_width(cell);
                out.append(widths[i][column] > used ? widths[i][column] - used : 0, ' ');
            }
        }
        out += i + 1 < lines.size() ? "\n" : "";
    }
    return out;
}

} // namespace labctl::report
