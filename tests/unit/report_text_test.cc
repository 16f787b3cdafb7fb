#define BOOST_TEST_MODULE report
#include <boost/test/unit_test.hpp>

#include "labctl/report/duration.h"
#include "labctl/report/tab_writer.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"

using namespace labctl::report;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(widths) {
    BOOST_TEST(display_width("") == 0U);
    BOOST_TEST(display_width("abc") == 3U);
    BOOST_TEST(display_width("\xc3\xa9t\xc3\xa9") == 3U);        // été
    BOOST_TEST(display_width("e\xcc\x81") == 1U);                // e and a combining accent
    BOOST_TEST(display_width("\xe6\xbc\xa2\xe5\xad\x97") == 4U); // two Han characters
    BOOST_TEST(display_width("\xf0\x9f\x9a\x80") == 2U);         // a rocket
    BOOST_TEST(display_width("\xe2\x9c\x93 ok") == 4U);          // a tick is narrow
    BOOST_TEST(display_width("\x1b[31mred\x1b[0m") == 3U);
    BOOST_TEST(display_width("\xff\xfe") == 2U); // each bad byte is shown as one character
}

BOOST_AUTO_TEST_CASE(nothing_can_act_on_a_terminal) {
    BOOST_TEST(visible("a\x1b[2Jb") == "a\\x1b[2Jb");
    BOOST_TEST(visible("a\nb\tc\rd") == "a\\nb\\tc\\rd");
    BOOST_TEST(visible_lines("a\nb\x07") == "a\nb\\x07");
    BOOST_TEST(visible(std::string("a\0b", 3)) == "a\\x00b");
    BOOST_TEST(visible("\xc2\x9b") == "\\x9b"); // CSI in one character
    BOOST_TEST(
        visible("\xe2\x80\xae"
                "abc") == "\\u202eabc"); // right-to-left override
    BOOST_TEST(visible("\xff") == "\xef\xbf\xbd");
    BOOST_TEST(visible("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");                 // overlong
    BOOST_TEST(visible("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); // a surrogate
    BOOST_TEST(visible("\xe6\xbc") == "\xef\xbf\xbd\xef\xbf\xbd");                 // cut off
    BOOST_TEST(visible("\xf4\x90\x80\x80").find('\xf4') == std::string::npos);     // above U+10FFFF
    BOOST_TEST(visible("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

BOOST_AUTO_TEST_CASE(escapes) {
    BOOST_TEST(xml_escape("a<b>&\"'\n\x01") == "a&lt;b&gt;&amp;&quot;&apos;&#10;\\x01");
    BOOST_TEST(yaml_quote("a\"b\\c\nd\x1b") == "\"a\\\"b\\\\c\\nd\\\\x1b\"");
    BOOST_TEST(github_data("50% of\nit: a,b") == "50%25 of%0Ait: a,b");
    BOOST_TEST(github_property("a:b,c%") == "a%3Ab%2Cc%25");
    BOOST_TEST(
        markdown_escape("a|b*c_d`e`[x]<y>&\\") == "a\\|b\\*c\\_d\\`e\\`\\[x\\]&lt;y&gt;&amp;\\\\");
    BOOST_TEST(markdown_escape("a\nb") == "a\\\\nb"); // a cell cannot hold two lines
    BOOST_TEST(tap_description("a # TODO \\ b") == "a \\# TODO \\\\ b");
}

BOOST_AUTO_TEST_CASE(colour_only_when_asked) {
    BOOST_TEST(paint("x", Colour::Red, false) == "x");
    BOOST_TEST(paint("x", Colour::Red, true) == "\x1b[31mx\x1b[0m");
    BOOST_TEST(paint("x", Colour::None, true) == "x");
}

BOOST_AUTO_TEST_CASE(tables_align_what_is_seen) {
    Table table({{"NAME"}, {"COUNT", Align::Right}, {"LAST"}});
    table.add({"a", "5", "x"});
    table.add({"\xe6\xbc\xa2", "1234567", "y"});
    table.add({Cell("red", Colour::Red), "1"});
    table.add({"evil\x1b[2J"});
    BOOST_TEST(
        table.render() == "NAME            COUNT   LAST\n"
                          "a                   5   x\n"
                          "\xe6\xbc\xa2            1234567   y\n"
                          "red                 1\n"
                          "evil\\x1b[2J\n");
    Table::Style style;
    style.headers = false;
    style.colour = true;
    style.indent = 2;
    Table coloured = Table::of({"A", "B"});
    coloured.add({Cell("ok", Colour::Green), "x"});
    BOOST_TEST(
        coloured.render(style) == "  \x1b[32mok\x1b[0m    x\n"); // the width is that without colour
    BOOST_TEST(coloured.render() == "A     B\nok    x\n");       // six at least, as in kubectl
}

BOOST_AUTO_TEST_CASE(elastic_tab_stops) {
    TabWriter writer;
    writer.write("Name:\tx\nLonger name:\ty\n\nOther:\tz\nnot aligned\nA:\t1\tb\nBBB:\t22\tc\n");
    BOOST_TEST(
        writer.str() == "Name:         x\nLonger name:  y\n\nOther:  z\nnot aligned\n"
                        "A:    1   b\nBBB:  22  c\n");
}

BOOST_AUTO_TEST_CASE(human_durations) {
    const std::vector<std::pair<std::int64_t, std::string>> cases{
        {-2, "<invalid>"},
        {-1, "0s"},
        {0, "0s"},
        {119, "119s"},
        {120, "2m"},
        {121, "2m1s"},
        {599, "9m59s"},
        {600, "10m"},
        {179 * 60, "179m"},
        {180 * 60, "3h"},
        {181 * 60, "3h1m"},
        {8 * 3600 - 1, "7h59m"},
        {8 * 3600, "8h"},
        {47 * 3600, "47h"},
        {48 * 3600, "2d"},
        {49 * 3600, "2d1h"},
        {8 * 86400 - 1, "7d23h"},
        {8 * 86400, "8d"},
        {729 * 86400, "729d"},
        {730 * 86400, "2y"},
        {731 * 86400, "2y1d"},
        {8LL * 365 * 86400, "8y"}};
    for (const auto& [seconds, expected] : cases) {
        BOOST_TEST(human_duration(seconds) == expected, seconds << " s");
    }
}

BOOST_AUTO_TEST_CASE(times) {
    BOOST_TEST(parse_time("1970-01-01T00:00:00Z").value() == 0);
    BOOST_TEST(parse_time("2026-01-02T03:04:05Z").value() == 1767323045);
    BOOST_TEST(parse_time("2026-01-02T03:04:05.123456Z").value() == 1767323045);
    BOOST_TEST(parse_time("2026-01-02T05:04:05+02:00").value() == 1767323045);
    BOOST_TEST(parse_time("2026-01-01T22:04:05-05:00").value() == 1767323045);
    for (const auto* bad :
         {"",
          "2026-01-02",
          "2026-01-02T03:04:05",
          "2026-13-02T03:04:05Z",
          "2026-02-30T03:04:05Z",
          "2026-01-02T24:04:05Z",
          "2026-01-02T03:04:05Zx",
          "2026-01-02T03:04:05+0200",
          "-026-01-02T03:04:05Z",
          "yesterday, at about noon"}) {
        BOOST_TEST(!parse_time(bad).has_value(), bad);
    }
    BOOST_TEST(age("2026-01-02T03:03:20Z", 1767323045) == "45s");
    BOOST_TEST(age("", 1767323045) == "<unknown>");
    BOOST_TEST(rfc1123(1767323045) == "Fri, 02 Jan 2026 03:04:05 +0000");
}

BOOST_AUTO_TEST_SUITE_END()
