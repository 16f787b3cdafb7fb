#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string with_record(const std::string& record) {
    return lab("dns:\n  upstream:\n    records:\n      - " + record + "\n");
}

} // namespace

BOOST_AUTO_TEST_SUITE(upstream_rules)

BOOST_AUTO_TEST_CASE(records_that_are_good) {
    for (const auto* record : {
             "{name: a.example, value: 192.0.2.1}",
             "{name: a.example., type: A, value: [192.0.2.1, 192.0.2.2], ttl: 5}",
             "{name: a.example, type: AAAA, value: \"2001:db8::1\"}",
             "{name: \"*.a.example\", type: CNAME, value: b.example}",
             "{name: a.example, type: MX, value: 10 b.example.}",
             "{name: _x._tcp.a.example, type: SRV, value: 0 5 443 b.example}",
             "{name: a.example, type: TXT, value: some text}",
             "{name: ., fail: timeout}",
         }) {
        const auto found = findings(with_record(record));
        BOOST_TEST(found.empty(), record << ": " << (found.empty() ? "" : found.front()));
    }
    BOOST_TEST(findings(lab("dns: {upstream: {records: []}}")).empty());
}

BOOST_AUTO_TEST_CASE(records_that_are_bad) {
    struct Row {
        const char* record;
        const char* finding;
    };
    for (const auto& row : {
             Row{"{name: a.example, value: 1.2.3}", "must be an IPv4 address"},
             Row{"{name: a.example, value: \"2001:db8::1\"}", "must be an IPv4 address"},
             Row{"{name: a.example, type: AAAA, value: 192.0.2.1}", "must be an IPv6 address"},
             Row{"{name: a.example, type: HINFO, value: x}", "Unsupported value"},
             Row{"{name: a..example, value: 192.0.2.1}", "must be a domain name"},
             Row{"{name: a.*.example, value: 192.0.2.1}", "must be a domain name"},
             Row{"{value: 192.0.2.1}", "name: Required value"},
             Row{"{name: a.example}", "a record needs `value`"},
             Row{"{name: a.example, value: []}", "a record needs `value`"},
             Row{"{name: a.example, value: 7}", "expected a string"},
             Row{"{name: a.example, value: 192.0.2.1, ttl: -1}", "ttl"},
             Row{"{name: a.example, fail: never}", "Unsupported value"},
             Row{"{name: a.example, fail: timeout, value: x}", "a name that fails"},
             Row{"{name: a.example, type: MX, value: b.example}", "a preference and a name"},
             Row{"{name: a.example, type: SRV, value: 0 5 99999 b.example}", "priority, weight"},
             Row{"{name: a.example, type: TXT, value: \"a\\\"b\"}", "without quotes"},
             Row{"{name: a.example, type: CNAME, value: [b.example, c.example]}", "one target"},
             Row{"{name: a.example, type: CNAME, value: b.example}\n"
                 "      - {name: A.example., value: 192.0.2.1}",
                 "has no other records"},
             Row{"{name: a.example, value: 192.0.2.1, values: x}", "unknown field"},
         }) {
        const auto found = findings(with_record(row.record));
        const auto text = found.empty() ? std::string("nothing") : found.front();
        BOOST_TEST(text.find(row.finding) != std::string::npos, row.record << ": " << text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
