#include <random>

#include <boost/test/unit_test.hpp>

#include "mesh/http/message.h"
#include "mesh/http/normalize_path.h"

// NOLINTBEGIN: Boost.Test's macros
using mesh::normalize_path;
using mesh::PathNormalization;

namespace {

constexpr const char* k400 = nullptr;

std::string shown(const std::optional<std::string>& path) {
    return path.value_or("400");
}

} // namespace

BOOST_AUTO_TEST_SUITE(path_normalization)

BOOST_AUTO_TEST_CASE(table) {
    struct Row {
        const char* target;
        const char* base;
        const char* merge;
        const char* decode;
    };
    for (const auto& row : {
             Row{"/", "/", "/", "/"},
             Row{"/a/b", "/a/b", "/a/b", "/a/b"},
             Row{"/a/./b", "/a/b", "/a/b", "/a/b"},
             Row{"/a/../b", "/b", "/b", "/b"},
             Row{"/a/b/..", "/a/", "/a/", "/a/"},
             Row{"/a/.", "/a/", "/a/", "/a/"},
             Row{"/..", "/", "/", "/"},
             Row{"/../../a", "/a", "/a", "/a"},
             Row{"/...", "/...", "/...", "/..."},
             Row{"/a/%2e%2E/b", "/b", "/b", "/b"},
             Row{"/a/.%2e/b", "/b", "/b", "/b"},
             Row{"/a\\b", "/a/b", "/a/b", "/a/b"},
             Row{"/a\\..\\b", "/b", "/b", "/b"},
             Row{"/%61%7E%5f%2D", "/a~_-", "/a~_-", "/a~_-"},
             Row{"/%2561", "/%2561", "/%2561", "/%2561"}, // once
             Row{"/%20%3f%23%25", "/%20%3f%23%25", "/%20%3f%23%25", "/%20%3f%23%25"},
             Row{"//a///b", "//a///b", "/a/b", "/a/b"},
             Row{"/a//../b", "/a/b", "/a/b", "/a/b"},
             Row{"/a%2fb%5Cc", "/a%2fb%5Cc", "/a%2fb%5Cc", "/a/b/c"},
             Row{"/a%2F%2e%2e%5cb", "/a%2F..%5cb", "/a%2F..%5cb", "/b"},
             Row{"/a%2f/b", "/a%2f/b", "/a%2f/b", "/a/b"},
             Row{"/a/../b?x=../%61//%00",
                 "/b?x=../%61//%00",
                 "/b?x=../%61//%00",
                 "/b?x=../%61//%00"},
             Row{"/?", "/?", "/?", "/?"},
             Row{"/%", "/%", "/%", "/%"},
             Row{"/%6", "/%6", "/%6", "/%6"},
             Row{"/%zz", "/%zz", "/%zz", "/%zz"},
             Row{"/%%34%31", "/%%341", "/%%341", "/%%341"},
             Row{"/%4%31", "/%4%31", "/%4%31", "/%4%31"},
             Row{"/%x%34%31", "/%x%341", "/%x%341", "/%x%341"},
             Row{"*", "*", "*", "*"},
             Row{"/%00", k400, k400, k400},
             Row{"/a%00/../b", k400, k400, k400},
             Row{"", k400, k400, k400},
             Row{"a", k400, k400, k400},
             Row{"\\a", k400, k400, k400},
             Row{"http://host/a", k400, k400, k400},
             Row{"/a#b", k400, k400, k400},
             Row{"/a?b#c", k400, k400, k400},
         }) {
        BOOST_TEST_CONTEXT(row.target) {
            const auto is = [&](const char* wanted, PathNormalization how) {
                BOOST_TEST(
                    shown(normalize_path(row.target, how)) == (wanted == k400 ? "400" : wanted));
            };
            is(row.base, PathNormalization::Base);
            is(row.merge, PathNormalization::MergeSlashes);
            is(row.decode, PathNormalization::DecodeAndMergeSlashes);
        }
    }
    BOOST_TEST(shown(normalize_path("/a//./b")) == "/a//b"); // Base is the default
}

// Who decodes the result once finds no unreserved escape that policies did not see as a letter.
BOOST_AUTO_TEST_CASE(what_comes_of_any_path_is_normal) {
    std::mt19937 random(7);
    const std::string_view letters = "/.%2e5cfF\\41a/";
    for (int round = 0; round < 50000; ++round) {
        std::string target = "/";
        for (auto size = random() % 16; size > 0; --size) {
            target += letters[random() % letters.size()];
        }
        const auto how = static_cast<PathNormalization>(random() % 3);
        const auto path = normalize_path(target, how);
        BOOST_TEST_REQUIRE(path.has_value());
        BOOST_TEST_REQUIRE(path->starts_with('/'));
        BOOST_TEST_REQUIRE(path->find('\\') == std::string::npos);
        BOOST_TEST_REQUIRE((*path + "/").find("/../") == std::string::npos, target);
        BOOST_TEST_REQUIRE((*path + "/").find("/./") == std::string::npos, target);
        if (how != PathNormalization::Base) {
            BOOST_TEST_REQUIRE(path->find("//") == std::string::npos, target);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
