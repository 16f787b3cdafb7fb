#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/ingress_wire.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using namespace services;

namespace {

IngressTable full_table() {
    const auto endpoint = [](const char* address, std::uint16_t port) {
        return netemu::Endpoint{netemu::IpAddress::parse(address).value(), port};
    };
    IngressTable table;
    table.backends = {
        {"a/web:80", {endpoint("10.1.0.5", 8080), endpoint("fd00::5", 65535)}, ""},
        {"a/none:http", {}, "the Service a/none has no endpoints"},
        {"", {}, std::string("\0\n\xff", 3)}};
    table.default_backend = 1;
    table.hosts["shop.example"] = {
        {{IngressPathType::Exact, "/x", 0, "a/one"},
         {IngressPathType::Prefix, "/", 2, "a/two"},
         {IngressPathType::ImplementationSpecific, "", 1, ""}},
        0};
    table.hosts["*.example"] = {};
    table.hosts[""] = {{{IngressPathType::Prefix, std::string(70000, 'p'), 0, "b/long"}}, {}};
    table.certificates = {
        {"a/secret", {"shop.example", "*.example"}, "chain", "key"}, {"a/other", {}, "", ""}};
    return table;
}

/// Whatever it makes of it: no crash, and no table whose indexes lead nowhere.
void decode_any(std::string_view bytes) {
    try {
        const auto table = decode_ingress_table(bytes);
        const auto good = [&table](std::uint32_t index) { return index < table.backends.size(); };
        BOOST_TEST((!table.default_backend || good(*table.default_backend)));
        for (const auto& [name, host] : table.hosts) {
            BOOST_TEST((!host.default_backend || good(*host.default_backend)));
            for (const auto& path : host.paths) {
                BOOST_TEST(good(path.backend));
            }
        }
    } catch (const netemu::Error&) {
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(ingress_tables_arrive_as_they_were_sent) {
    BOOST_TEST((decode_ingress_table(encode_ingress_table(full_table())) == full_table()));
    BOOST_TEST((decode_ingress_table(encode_ingress_table({})) == IngressTable{}));
}

BOOST_AUTO_TEST_CASE(ingress_tables_that_are_cut_short_are_refused) {
    auto table = full_table();
    table.hosts[""].paths[0].path = "/short";
    const auto bytes = encode_ingress_table(table);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_CHECK_THROW((void)decode_ingress_table(bytes.substr(0, size)), netemu::Error);
    }
    BOOST_CHECK_THROW((void)decode_ingress_table(bytes + "x"), netemu::Error);
}

BOOST_AUTO_TEST_CASE(ingress_tables_whose_indexes_lead_nowhere_are_refused) {
    for (const std::uint32_t index : {3U, 0xfffffffeU}) {
        auto table = full_table();
        table.hosts["*.example"].default_backend = index;
        BOOST_CHECK_THROW((void)decode_ingress_table(encode_ingress_table(table)), netemu::Error);
        table = full_table();
        table.default_backend = index;
        BOOST_CHECK_THROW((void)decode_ingress_table(encode_ingress_table(table)), netemu::Error);
        table = full_table();
        table.hosts["shop.example"].paths[1].backend = index;
        BOOST_CHECK_THROW((void)decode_ingress_table(encode_ingress_table(table)), netemu::Error);
    }
    auto table = full_table();
    table.hosts["shop.example"].paths[0].type = static_cast<IngressPathType>(3);
    BOOST_CHECK_THROW((void)decode_ingress_table(encode_ingress_table(table)), netemu::Error);
}

BOOST_AUTO_TEST_CASE(ingress_tables_of_an_enemy_do_no_harm) {
    auto table = full_table();
    table.hosts.erase("");
    const auto bytes = encode_ingress_table(table);
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        auto changed = bytes;
        for (auto count = 1 + random() % 4; count > 0; --count) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        decode_any(changed);
    }
}
// NOLINTEND
