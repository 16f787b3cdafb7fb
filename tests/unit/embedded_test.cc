/// What the build has put into the binary is what lies in the repository, byte for byte.
#define BOOST_TEST_MODULE embedded
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "labctl/cli/embedded/embedded.h"
#include "netemu/base/error.h"

using labctl::cli::embedded_file;
using labctl::cli::embedded_files;

namespace {

std::string on_disk(const std::string& path) {
    std::ifstream file(std::string(LABCTL_SOURCE_DIR) + "/" + path, std::ios::binary);
    BOOST_REQUIRE_MESSAGE(file, path << " cannot be read");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

BOOST_AUTO_TEST_CASE(the_demo_is_complete) {
    for (const auto* path : {"labs/demo/lab.yaml", "labs/demo/checks.yaml"}) {
        BOOST_TEST(embedded_file(path) == on_disk(path));
    }
    const auto manifests = embedded_files("labs/demo/manifests/");
    std::size_t files = 0;
    const std::filesystem::path folder = std::string(LABCTL_SOURCE_DIR) + "/labs/demo/manifests";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const auto path = "labs/demo/manifests/" + entry.path().filename().string();
        BOOST_TEST(embedded_file(path) == on_disk(path));
        ++files;
    }
    BOOST_TEST(manifests.size() == files);
    BOOST_TEST(files >= 1U);
}

BOOST_AUTO_TEST_CASE(completions_are_those_of_the_repository) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        BOOST_TEST(
            embedded_file("completion/" + shell) == on_disk("labctl/cli/completion/" + shell));
    }
    const auto scripts = embedded_files("completion/");
    BOOST_TEST(scripts.size() == 3U);
    BOOST_TEST(std::is_sorted(scripts.begin(), scripts.end()));
}

BOOST_AUTO_TEST_CASE(what_was_not_embedded_is_an_error) {
    BOOST_CHECK_THROW(embedded_file("labs/demo/none.yaml"), netemu::Error);
    BOOST_TEST(embedded_files("nothing/").empty());
}

BOOST_AUTO_TEST_CASE(templates_of_exercises_are_those_of_the_repository) {
    namespace fs = std::filesystem;
    const fs::path root(LABCTL_SOURCE_DIR);
    for (const std::string kind : {"challenge", "quiz"}) {
        const auto prefix = "labs/templates/" + kind + "/";
        std::size_t files = 0;
        for (const auto& entry : fs::recursive_directory_iterator(root / prefix)) {
            if (entry.is_regular_file()) {
                const auto path = fs::relative(entry.path(), root).string();
                BOOST_TEST(embedded_file(path) == on_disk(path));
                ++files;
            }
        }
        BOOST_TEST(embedded_files(prefix).size() == files);
        BOOST_TEST(files >= 4U);
    }
}
