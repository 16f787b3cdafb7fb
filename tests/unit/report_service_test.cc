#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "labctl/report/overview.h"
#include "labctl/report/printer.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::api::ObjectPtr;
using labctl::report::testing::check_golden;
using labctl::report::testing::kNow;
using labctl::report::testing::objects_from;

namespace {

std::vector<ObjectPtr> of_kind(const std::vector<ObjectPtr>& all, const std::string& kind) {
    std::vector<ObjectPtr> result;
    std::ranges::copy_if(all, std::back_inserter(result), [&](const ObjectPtr& object) {
        return object->kind() == kind;
    });
    return result;
}

std::string
describe_one(const std::vector<ObjectPtr>& all, const std::string& kind, std::size_t i) {
    DescribeOptions options;
    options.now = kNow;
    options.related = all;
    return describe_object(*of_kind(all, kind).at(i), options);
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_services)

BOOST_AUTO_TEST_CASE(listings) {
    const auto all = objects_from("services");
    const auto slices = of_kind(all, "EndpointSlice");
    const auto endpoints = endpoints_by_service(slices);
    PrintOptions options;
    options.now = kNow;
    std::string text;
    for (const auto* kind : {"Service", "Endpoints", "EndpointSlice"}) {
        for (const bool wide : {false, true}) {
            options.wide = wide;
            options.endpoints = &endpoints;
            text += print_table(kind, of_kind(all, kind), options) + "\n";
        }
    }
    check_golden("get-services.txt", text);
}

BOOST_AUTO_TEST_CASE(endpoints_of_several_ports_come_port_by_port) {
    auto slice = std::make_shared<labctl::api::Object>();
    slice->body = labctl::api::Json::parse(R"({
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": "default",
                     "labels": {"kubernetes.io/service-name": "web"}},
        "ports": [{"name": "http", "port": 80}, {"name": "alt", "port": 81}],
        "endpoints": [{"addresses": ["10.244.1.2"]}, {"addresses": ["10.244.1.3"]},
                      {"addresses": ["10.244.1.4"], "conditions": {"ready": false}}]})");
    const std::vector<ObjectPtr> slices{slice};
    BOOST_TEST(
        endpoints_by_service(slices).at("default/web") ==
        "10.244.1.2:80,10.244.1.3:80,10.244.1.2:81 + 1 more...");
}

BOOST_AUTO_TEST_CASE(descriptions) {
    const auto all = objects_from("services");
    std::string text;
    for (std::size_t i = 0; i < of_kind(all, "Service").size(); ++i) {
        text += describe_one(all, "Service", i) + "\n";
    }
    check_golden("describe-services.txt", text);
    text.clear();
    for (std::size_t i = 0; i < of_kind(all, "EndpointSlice").size(); ++i) {
        text += describe_one(all, "EndpointSlice", i) + "\n";
    }
    check_golden("describe-endpointslices.txt", text);
    text.clear();
    for (std::size_t i = 0; i < of_kind(all, "Endpoints").size(); ++i) {
        text += describe_one(all, "Endpoints", i) + "\n";
    }
    check_golden("describe-endpoints.txt", text);
}

BOOST_AUTO_TEST_CASE(services_in_the_overview) {
    const auto all = objects_from("services");
    OverviewInput input;
    input.objects = all;
    check_golden("overview-services.txt", overview(input));
    std::vector<ObjectPtr> many;
    for (int i = 0; i < 15; ++i) {
        auto copy = *of_kind(all, "Service").at(1);
        copy.body["metadata"]["name"] = "s" + std::to_string(i);
        many.push_back(labctl::report::testing::object(copy.body));
    }
    input.objects = many;
    BOOST_TEST(overview(input).find("... and 6 more services") != std::string::npos);
    BOOST_TEST(overview(input).find("15 services") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
