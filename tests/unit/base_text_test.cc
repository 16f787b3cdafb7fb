#include <array>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

using namespace netemu;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(splitting_and_joining) {
    const auto parts = split("a,,b", ',');
    BOOST_REQUIRE(parts.size() == 3U);
    BOOST_TEST(parts[1].empty());
    BOOST_TEST(parts[2] == "b");
    BOOST_TEST(split("", ',').size() == 1U);
    BOOST_TEST(split(",", ',').size() == 2U);
    const std::array<std::string, 3> words{"a", "b", "c"};
    BOOST_TEST(join(words, ", ") == "a, b, c");
    BOOST_TEST(join({}, ", ").empty());
    BOOST_TEST(trim(" \t a b\r\n") == "a b");
    BOOST_TEST(trim(" \n").empty());
    BOOST_TEST(to_lower("AbC-9") == "abc-9");
}

BOOST_AUTO_TEST_CASE(hash_is_fnv1a) { // http://www.isthe.com/chongo/tech/comp/fnv/
    BOOST_TEST(fnv1a("") == 0x811c9dc5U);
    BOOST_TEST(fnv1a("a") == 0xe40c292cU);
    BOOST_TEST(fnv1a("foobar") == 0xbf9cf968U);
}

BOOST_AUTO_TEST_CASE(globs) {
    BOOST_TEST(glob_match("*", ""));
    BOOST_TEST(glob_match("curlimages/*", "curlimages/curl:8"));
    BOOST_TEST(glob_match("*curl*", "a/curl"));
    BOOST_TEST(glob_match("a*b*c", "axxbyybzzc"));
    BOOST_TEST(glob_match("a?c", "abc"));
    BOOST_TEST(glob_match("a*?", "ab"));
    BOOST_TEST(glob_match("*\\*", "x\\y"));
    BOOST_TEST(!glob_match("a?c", "ac"));
    BOOST_TEST(!glob_match("a*b", "axc"));
    BOOST_TEST(!glob_match("", "a"));
    BOOST_TEST(!glob_match("a", ""));
    // Quadratic at worst, not exponential.
    BOOST_TEST(!glob_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

BOOST_AUTO_TEST_CASE(nearest_word) {
    const std::array<std::string, 3> kinds{"Deployment", "Service", "Pod"};
    BOOST_TEST(nearest("Deploymnet", kinds).value_or("") == "Deployment");
    BOOST_TEST(nearest("servce", kinds).value_or("") == "Service");
    BOOST_TEST(nearest("pdo", kinds).value_or("-") == "Pod");
    BOOST_TEST(nearest("opd", kinds).value_or("-") == "Pod");
    BOOST_TEST(nearest("dpo", kinds).value_or("-") == "-");
    BOOST_TEST(nearest("", kinds).value_or("-") == "-");
    BOOST_TEST(nearest("pods", kinds).value_or("") == "Pod");
    BOOST_TEST(!nearest("Ingress", kinds));
    BOOST_TEST(!nearest(std::string(10000, 'x'), kinds));
}

BOOST_AUTO_TEST_CASE(durations_read) {
    BOOST_TEST(parse_duration_us("3s").value_or(0) == 3000000U);
    BOOST_TEST(parse_duration_us("500ms").value_or(0) == 500000U);
    BOOST_TEST(parse_duration_us("250us").value_or(0) == 250U);
    BOOST_TEST(parse_duration_us("2m").value_or(0) == 120000000U);
    BOOST_TEST(parse_duration_us("1h").value_or(0) == 3600000000U);
    BOOST_TEST(parse_duration_us("1.5s").value_or(0) == 1500000U);
    BOOST_TEST(parse_duration_us("1m30s").value_or(0) == 90000000U);
    BOOST_TEST(parse_duration_us("7").value_or(0) == 7000000U);
    BOOST_TEST(parse_duration_us("0").value_or(1) == 0U);
    BOOST_TEST(parse_duration_us(".5s").value_or(0) == 500000U);
}

BOOST_AUTO_TEST_CASE(durations_refused) {
    for (const auto* word :
         {"",
          "s",
          "-1s",
          "-0s",
          "1x",
          "1 s",
          "0s5",
          "1.5.5s",
          "1s5",
          "inf",
          "nan",
          "1e3s",
          "0x10s",
          "99999999999999h",
          "+1s"}) {
        BOOST_TEST(!parse_duration_us(word), word);
    }
}

BOOST_AUTO_TEST_CASE(durations_shown) {
    BOOST_TEST(format_duration_us(850) == "850 us");
    BOOST_TEST(format_duration_us(12300) == "12.3 ms");
    BOOST_TEST(format_duration_us(123456) == "123 ms");
    BOOST_TEST(format_duration_us(1240000) == "1.24 s");
    BOOST_TEST(format_duration_us(192000000) == "3m12s");
}

BOOST_AUTO_TEST_CASE(errors_say_what_was_tried) {
    SysError error("create veth cni0 in node-1", ENODEV, "no such device");
    BOOST_TEST(
        error.what() ==
        std::string("create veth cni0 in node-1: No such device (kernel: no such device)"));
    BOOST_TEST((error.exit_code() == ExitCode::Internal));
    error.add_context("bring up demo");
    BOOST_TEST(std::string(error.what()).starts_with("bring up demo: create veth"));
    const SysError full("write the journal", ENOSPC);
    BOOST_TEST((full.exit_code() == ExitCode::HostCannot));
    BOOST_TEST(!full.hint().empty());
    BOOST_CHECK_EXCEPTION(
        (errno = EBADF, check_syscall("close it", -1)), SysError, [](const SysError& thrown) {
            return thrown.error_number() == EBADF;
        });
    BOOST_TEST(check_syscall("count", 3) == 3);
}

BOOST_AUTO_TEST_SUITE_END()
