#include <boost/test/unit_test.hpp>

#include "labctl/manifest/partly_read.h"
#include "labctl/manifest/read.h"
#include "tests/unit/manifest_fixture.h"

using labctl::manifest::read_checks;
using labctl::manifest::read_text;
using manifest_test::finding;
using manifest_test::lab;
using manifest_test::ReadOptions;
using manifest_test::TempDir;

// NOLINTBEGIN: Boost.Test's macros
BOOST_AUTO_TEST_SUITE(checks)

BOOST_AUTO_TEST_CASE(every_field_of_an_assertion_knows_its_place) {
    const TempDir folder;
    const std::vector<std::string> inputs{folder.write(
        "checks.yaml",
        "- a -> b:80 allow\n- from: a\n  to: b:80\n  expect:\n    body: {contains: x}\n")};
    const auto read = read_checks(inputs);
    BOOST_REQUIRE(read.assertions.size() == 2U);
    const auto& entry = read.assertions[1];
    const auto at = [&](const char* path) {
        const auto& place = entry.place_of(path);
        return std::pair(place.line, place.column);
    };
    BOOST_TEST((at("") == std::pair(2, 3)));
    BOOST_TEST((at("to") == std::pair(3, 3)));
    BOOST_TEST((at("expect.body") == std::pair(5, 5)));
    BOOST_TEST((at("expect.body.contains") == std::pair(5, 12)));
    BOOST_TEST((at("expect.status") == std::pair(4, 3))); // the nearest thing above it
    BOOST_TEST((at("by") == std::pair(2, 3)));
    BOOST_TEST(read.assertions[0].places.empty());
}

BOOST_AUTO_TEST_CASE(what_a_check_object_does_not_have_is_told) {
    const TempDir folder;
    const std::vector<std::string> inputs{folder.write(
        "mine.yaml",
        "apiVersion: labctl.dev/v1\nkind: Check\nmetadata: {name: c}\n"
        "spec:\n  tagz: [x]\n  assertions: [a -> b:80 allow]\n")};
    const auto read = read_checks(inputs);
    BOOST_REQUIRE(read.findings.list.size() == 1U);
    BOOST_TEST(read.findings.list[0].source.line == 5);
    ReadOptions strict;
    strict.strict = true;
    // What can be read of it all the same is at hand, for what else there is to say.
    BOOST_CHECK_EXCEPTION(
        read_checks(inputs, strict),
        labctl::manifest::PartlyRead,
        [](const labctl::manifest::PartlyRead& error) { return error.assertions().size() == 1; });
}

BOOST_AUTO_TEST_CASE(a_list_is_one_of_assertions_where_that_is_allowed) {
    const std::string list = "- a -> b:80 allow\n";
    BOOST_TEST(finding(list).find("found a list") != std::string::npos);
    ReadOptions options;
    options.bare_lists = true;
    BOOST_TEST(read_text(list, "x.yaml", options).assertions.size() == 1U);
    const auto objects =
        finding("- {apiVersion: v1, kind: Namespace, metadata: {name: x}}\n", options);
    BOOST_TEST(objects.find("kind: List") != std::string::npos, objects);
}

BOOST_AUTO_TEST_CASE(words_of_the_lab_file) {
    BOOST_TEST(
        finding(lab("  proxy: {mode: nftable}\n")).find("did you mean 'nftables'?") !=
        std::string::npos);
    BOOST_TEST(
        finding(lab("  policy: {established: kep}\n")).find("did you mean 'keep'?") !=
        std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
