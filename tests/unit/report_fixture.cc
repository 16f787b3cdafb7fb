#include "tests/unit/report_fixture.h"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"

namespace labctl::report::testing {

namespace {

std::string path_of(const std::string& name) {
    return std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/report/" + name;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    BOOST_REQUIRE_MESSAGE(file, "cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

api::ObjectPtr object(const api::Json& body) {
    return std::make_shared<const api::Object>(api::Object{body, {}});
}

api::ObjectPtr object(const char* json) {
    return object(api::Json::parse(json));
}

std::vector<api::ObjectPtr> objects_from(const std::string& name) {
    std::vector<api::ObjectPtr> objects;
    for (const auto& body : api::Json::parse(read_file(path_of(name + ".json")))) {
        objects.push_back(object(body));
    }
    return objects;
}

void check_golden(const std::string& name, const std::string& text) {
    if (std::getenv("LABCTL_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path_of(name), std::ios::binary) << text;
        BOOST_ERROR("wrote " + name + ": look at it, and run again without LABCTL_UPDATE_GOLDEN");
        return;
    }
    const auto expected = read_file(path_of(name));
    const auto want = netemu::split(expected, '\n');
    const auto have = netemu::split(text, '\n');
    for (std::size_t i = 0; i < std::max(want.size(), have.size()); ++i) {
        const auto wanted = i < want.size() ? std::string(want[i]) : "(end of file)";
        const auto got = i < have.size() ? std::string(have[i]) : "(end of file)";
        if (wanted != got) {
            BOOST_ERROR(
                name + " differs in line " + std::to_string(i + 1) + "\n  want: " + wanted +
                "\n  have: " + got);
            return;
        }
    }
    BOOST_TEST(expected == text); // what the comparison by lines cannot see
}

} // namespace labctl::report::testing
