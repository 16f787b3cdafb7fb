#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text that goes to terminals and into report files: widths, colours, escaping. Whatever comes
/// from outside (names, bodies, error texts) passes one of these functions on its way out.
namespace labctl::report {

/// Columns that a terminal uses for UTF-8 text: 0 for combining marks and for SGR colour sequences,
/// 2 for wide characters (East Asian Wide and Fullwidth, emoji), 1 for the rest.
std::size_t display_width(std::string_view text);

/// Valid UTF-8 without control characters: those become \n, \t, \xNN, and a byte that is no UTF-8
/// becomes U+FFFD. Nothing that it returns can move a cursor, change a colour or end a line.
std::string visible(std::string_view text);
/// The same, but line feeds stay, for texts of several lines.
std::string visible_lines(std::string_view text);

std::string
xml_escape(std::string_view text); // element content and attribute values; valid XML 1.0
std::string yaml_quote(std::string_view text);      // a double-quoted scalar
std::string github_data(std::string_view text);     // message of a workflow command
std::string github_property(std::string_view text); // property of a workflow command
std::string markdown_escape(std::string_view text); // inline text, safe in a table cell too
std::string tap_description(std::string_view text); // of a test line: # and \ escaped

enum class Colour { None, Red, Green, Yellow, Blue, Dim, Bold };
/// The text in that colour when `enabled`, the text itself otherwise.
std::string paint(std::string_view text, Colour colour, bool enabled);

} // namespace labctl::report
