#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace labctl::report {

/// A flow of a truth table, and how it turned out.
struct GridFlow {
    std::string from; // "prod/web-1"
    std::string to;
    std::string protocol; // "TCP"
    std::uint16_t port = 0;
    char mark = '?'; // '.' allowed, 'X' denied, '?' unknown, '!' model and wire disagree
};

struct GridOptions {
    bool colour = false;
    std::size_t columns_max = 120; // of the text; with more, targets are numbers with a legend
};

/// One grid for each port that a flow has, in the order of their first flows: rows are sources,
/// columns targets, both in the order of their first flows. A blank cell is no flow. A namespace
/// that all names share is left out of them.
std::string wire_grid(const std::vector<GridFlow>& flows, const GridOptions& options = {});

} // namespace labctl::report
