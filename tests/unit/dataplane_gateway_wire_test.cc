#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/gateway_wire.h"
#include "netemu/base/error.h"
#include "services/gateway.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using namespace services;

namespace {

GatewayTable full_gateway_table() {
    GatewayTable table;
    const netemu::Endpoint endpoint{netemu::IpAddress::parse("10.1.0.5").value(), 8080};
    table.backends = {
        {{"a/web:80", {endpoint}, ""}, false}, {{"a/gone:80", {}, "there is none"}, true}};
    table.certificates = {{"a/tls", {}, "chain", "key"}};
    GatewayRule rule;
    rule.matches = {{GatewayPathKind::Regex, "/v.*", "GET", {{"h", "v", true}}, {{"q", "w"}}}, {}};
    rule.request = {{{"set", "1"}}, {{"add", "2"}}, {"gone"}};
    rule.response = {{}, {}, {"also"}};
    rule.redirect = GatewayRedirect{"https", "h", 8443, {GatewayPathEdit::Kind::Full, "/x"}, 308};
    rule.rewrite = GatewayRewrite{"inner", {GatewayPathEdit::Kind::Prefix, "/y"}};
    rule.mirrors = {{1, 3, 7}};
    rule.backends = {{0, 9, rule.request, rule.response}, {1, 0}};
    rule.timeout = std::chrono::milliseconds(1500);
    rule.backend_timeout = std::chrono::milliseconds(20);
    rule.problem = "p";
    table.routes = {{"a/r", "2026-01-01T00:00:00Z", {rule}}};
    table.listeners = {
        {"https", "*.example", 443, true, {0}, {{"a.example", 0, 0, 1}}}, {"http", "", 80}};
    return table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(gateway_wire)

BOOST_AUTO_TEST_CASE(a_table_arrives_as_it_was) {
    for (const auto& table : {full_gateway_table(), GatewayTable()}) {
        BOOST_TEST((decode_gateway_table(encode_gateway_table(table)) == table));
    }
    BOOST_TEST(is_gateway_rules(gateway_rules_name("a/b")));
    BOOST_TEST(!is_gateway_rules("labctl.dev/ingress-controller"));
}

BOOST_AUTO_TEST_CASE(what_leads_nowhere_is_no_table) {
    const auto refused = [](auto change) {
        auto table = full_gateway_table();
        change(table);
        BOOST_CHECK_THROW((void)decode_gateway_table(encode_gateway_table(table)), netemu::Error);
    };
    refused([](GatewayTable& table) { table.backends.pop_back(); });
    refused([](GatewayTable& table) { table.certificates.clear(); });
    refused([](GatewayTable& table) { table.listeners[0].entries[0].match = 2; });
    refused([](GatewayTable& table) { table.listeners[0].entries[0].rule = 1; });
    refused([](GatewayTable& table) { table.listeners[0].entries[0].route = 1; });
    refused([](GatewayTable& table) {
        table.routes[0].rules[0].matches[0].path_kind = static_cast<GatewayPathKind>(3);
    });
    refused([](GatewayTable& table) {
        table.routes[0].rules[0].rewrite->path.kind = static_cast<GatewayPathEdit::Kind>(9);
    });
    BOOST_CHECK_THROW((void)decode_gateway_table(encode_gateway_table({}) + "x"), netemu::Error);
}

// Whatever comes: an error or a table, no crash.
BOOST_AUTO_TEST_CASE(broken_bytes) {
    const auto good = encode_gateway_table(full_gateway_table());
    const auto decode = [](std::string_view bytes) {
        try {
            return decode_gateway_table(bytes).listeners.size() <= bytes.size();
        } catch (const netemu::Error&) {
            return true;
        }
    };
    for (std::size_t size = 0; size < good.size(); ++size) {
        BOOST_CHECK_THROW((void)decode_gateway_table(good.substr(0, size)), netemu::Error);
    }
    std::mt19937 random(7); // NOLINT: the same every time
    for (int round = 0; round < 2000; ++round) {
        auto bytes = good;
        bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
        BOOST_TEST(decode(bytes));
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
