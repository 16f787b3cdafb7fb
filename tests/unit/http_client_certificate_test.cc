#include <random>

#include <boost/test/unit_test.hpp>

#include "mesh/http/client_certificate.h"

// NOLINTBEGIN: Boost.Test's macros
using mesh::read_forwarded_certificate;

BOOST_AUTO_TEST_SUITE(forwarded_client_certificate)

BOOST_AUTO_TEST_CASE(table) {
    struct Row {
        const char* field;
        const char* by;
        const char* uri;
    };
    const Row rows[] = {
        {"", "", ""},
        {"By=spiffe://a/b;Hash=12;Subject=\"\";URI=spiffe://c/d", "spiffe://a/b", "spiffe://c/d"},
        {"by=a;uri=b", "a", "b"},            // names in any case
        {"By=a;URI=b,By=c;URI=d", "c", "d"}, // the last one is from the proxy next to us
        {"By=a;URI=b, By=c", "c", ""},
        {"By=a;Subject=\"CN=x,O=y;URI=forged\";URI=b", "a", "b"}, // separators in quotes are none
        {"By=a;Subject=\"a\\\",By=forged;\";URI=b", "a", "b"},    // nor behind an escaped quote
        {"By=\"a\";URI=\"b,c;d\"", "a", "b,c;d"},
        {"By=a;;junk;URI=b", "a", "b"},
        {"By=a;URI=\"b", "a", "\"b"}, // a quote that nobody closes
        {",", "", ""},
        {"By=a,", "", ""},
    };
    for (const auto& row : rows) {
        const auto read = read_forwarded_certificate(row.field);
        BOOST_TEST(read.by == row.by, row.field);
        BOOST_TEST(read.uri == row.uri, row.field);
    }
}

BOOST_AUTO_TEST_CASE(any_bytes_are_read_without_harm) {
    std::mt19937 random(7);
    const std::string alphabet = "By=URI;,\"\\ \t\0x";
    for (int i = 0; i < 20000; ++i) {
        std::string field;
        for (auto size = random() % 40; size > 0; --size) {
            field += alphabet[random() % alphabet.size()];
        }
        const auto read = read_forwarded_certificate(field);
        BOOST_REQUIRE(read.by.size() + read.uri.size() <= field.size());
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
