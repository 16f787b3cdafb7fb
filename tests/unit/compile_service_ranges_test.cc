#include <boost/test/unit_test.hpp>

#include "labctl/compile/service_ranges.h"

using namespace labctl::compile;
using netemu::IpAddress;
using netemu::IpPrefix;

namespace {

AddressRange range_of(const char* text) {
    return AddressRange::of_services(*IpPrefix::parse(text));
}

std::string next(const AddressRange& range) {
    const auto address = range.free();
    return address ? address->to_string() : "full";
}

} // namespace

BOOST_AUTO_TEST_SUITE(service_ranges)

/// The rows of KEP-3070: band = min(max(16, size/16), 256).
BOOST_AUTO_TEST_CASE(dynamic_addresses_begin_above_the_static_band) {
    BOOST_TEST(next(range_of("10.96.0.0/12")) == "10.96.1.1");
    BOOST_TEST(next(range_of("10.96.0.0/20")) == "10.96.1.1");
    BOOST_TEST(next(range_of("10.96.0.0/24")) == "10.96.0.17");
    BOOST_TEST(next(range_of("10.96.0.0/28")) == "10.96.0.1"); // 16 and less: no band
    BOOST_TEST(next(range_of("fd00:10:96::/112")) == "fd00:10:96::101");
    BOOST_TEST(next(range_of("fd00:10:96::/64")) == "fd00:10:96::101");
    BOOST_TEST(NodePortRange().free().value() == 30086);
}

BOOST_AUTO_TEST_CASE(the_band_is_used_when_the_rest_is_full_and_no_address_twice) {
    auto range = range_of("10.96.0.0/27"); // 30 usable, 16 of them static
    std::set<std::string> seen;
    for (int i = 0; i < 30; ++i) {
        const auto address = range.free();
        BOOST_TEST_REQUIRE(address.has_value());
        BOOST_TEST(seen.insert(address->to_string()).second);
        BOOST_TEST((i < 14) == (IpAddress::v4(0x0A600010U) < *address));
        range.take(*address, "default/" + std::to_string(i));
    }
    BOOST_TEST(next(range) == "full");
    BOOST_TEST(!seen.contains("10.96.0.0"));
    BOOST_TEST(!seen.contains("10.96.0.31"));
    range.release(*IpAddress::parse("10.96.0.20"), "default/3");
    BOOST_TEST(next(range) == "10.96.0.20");
}

BOOST_AUTO_TEST_CASE(a_released_address_is_the_last_to_be_used_again) {
    auto range = range_of("10.96.0.0/12");
    const auto first = *range.free();
    range.take(first, "a/a");
    range.release(first, "a/a");
    BOOST_TEST(next(range) == "10.96.1.2");
}

BOOST_AUTO_TEST_CASE(two_owners_of_one_address_are_told_apart) {
    auto range = range_of("10.96.0.0/12");
    const auto address = *IpAddress::parse("10.96.0.9");
    range.take(address, "a/b");
    range.take(address, "a/a");
    BOOST_TEST(*range.owner(address) == "a/a");
    range.release(address, "a/a");
    BOOST_TEST(*range.owner(address) == "a/b");
    range.release(address, "a/other");
    BOOST_TEST(*range.owner(address) == "a/b");
    range.release(address, "a/b");
    BOOST_TEST((range.owner(address) == nullptr));
    range.take(*IpAddress::parse("10.0.0.1"), "a/a"); // of another range: no effect
    BOOST_TEST((range.owner(*IpAddress::parse("10.0.0.1")) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
