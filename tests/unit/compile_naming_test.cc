#include <nlohmann/json.hpp>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/api/naming.h"

using namespace labctl::api;

// Real pairs: rand.SafeEncodeString(fmt.Sprint(n)) maps each digit to a fixed letter.
BOOST_AUTO_TEST_CASE(digits_encode_as_in_kubernetes) {
    BOOST_TEST(safe_encode("0123456789") == "456789bcdf");
}

BOOST_AUTO_TEST_CASE(template_hashes_look_like_kubernetes_and_depend_on_the_template) {
    const nlohmann::json a{{"spec", {{"x", 1}}}};
    const nlohmann::json b{{"spec", {{"x", 2}}}};
    BOOST_TEST(pod_template_hash(a) == pod_template_hash(a));
    BOOST_TEST(pod_template_hash(a) != pod_template_hash(b));
    BOOST_TEST(pod_template_hash(a) != pod_template_hash(a, 1));
    BOOST_TEST(pod_template_hash(a).find_first_not_of("456789bcdf") == std::string::npos);
    BOOST_TEST(pod_template_hash(a).size() <= 10U);
}

BOOST_AUTO_TEST_CASE(suffixes_are_deterministic_and_spread) {
    BOOST_TEST(name_suffix("default/web", 1) == name_suffix("default/web", 1));
    std::set<std::string> seen;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto suffix = name_suffix("default/web", i);
        BOOST_TEST(suffix.size() == 5U);
        BOOST_TEST(suffix.find_first_not_of(kNameAlphabet) == std::string::npos);
        seen.insert(suffix);
    }
    BOOST_TEST(seen.size() > 1990U);
    BOOST_TEST(name_suffix("default/web", 1) != name_suffix("default/api", 1));
}

BOOST_AUTO_TEST_CASE(long_names_are_cut_to_63) {
    const auto name = generated_name(std::string(70, 'a') + "-", "bcdfg");
    BOOST_TEST(name.size() == 63U);
    BOOST_TEST(name.ends_with("abcdfg"));
    BOOST_TEST(generated_name("web-", "bcdfg") == "web-bcdfg");
}
