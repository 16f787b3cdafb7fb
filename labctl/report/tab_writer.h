#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace labctl::report {

/// Aligns text with elastic tab stops, as Go's text/tabwriter does for `kubectl describe`: a cell
/// is text that a tab ends, and a column is a run of adjacent lines that have a cell there.
/// `padding` spaces stand between columns.
class TabWriter {
public:
    explicit TabWriter(std::size_t padding = 2) : padding_(padding) {}

    /// Appends text; lines end with \n.
    void write(std::string_view text) { text_ += text; }
    /// The aligned text of all that was written.
    [[nodiscard]] std::string str() const;

private:
    std::size_t padding_;
    std::string text_;
};

} // namespace labctl::report
