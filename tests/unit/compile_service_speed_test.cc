#define BOOST_TEST_MODULE compile_service_speed
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>

#include <malloc.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

double milliseconds(const std::function<void()>& work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    };
    const auto start = now();
    work();
    return now() - start;
}

std::size_t resident_kib() {
    ::malloc_trim(0);
    std::ifstream in("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    in >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

/// Limits hold for a release build; other builds only have to do the same work.
#ifdef NDEBUG
constexpr bool kMeasured = true;
#else
constexpr bool kMeasured = false;
#endif

void check(const char* what, double value, double limit) {
    std::printf("{\"figure\":\"%s\",\"ms\":%.3f}\n", what, value);
    if (kMeasured) {
        BOOST_TEST(value < limit, what << " took " << value << " ms");
    }
}

std::string app(std::size_t number) {
    return "app-" + std::to_string(number);
}

api::Object selecting(std::size_t number) {
    return service_of(app(number), R"("selector":{"app":")" + app(number) + "\"}");
}

api::Object hand_made_slice(std::size_t number, std::size_t endpoints) {
    api::Object slice;
    slice.body = {
        {"apiVersion", "discovery.k8s.io/v1"},
        {"kind", "EndpointSlice"},
        {"metadata",
         {{"name", app(number) + "-1"},
          {"namespace", "default"},
          {"labels", {{"kubernetes.io/service-name", app(number)}}}}},
        {"addressType", "IPv4"},
        {"ports", {{{"name", ""}, {"port", 8080}, {"protocol", "TCP"}}}},
        {"endpoints", api::Json::array()}};
    for (std::size_t i = 0; i < endpoints; ++i) {
        const auto address =
            netemu::IpAddress::v4(0x0AC80000U + static_cast<std::uint32_t>(number * endpoints + i));
        slice.body["endpoints"].push_back({{"addresses", {address.to_string()}}});
    }
    return slice;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_thousand_services_and_ten_thousand_endpoints) {
    ServiceLab lab(config_of(50));
    for (std::size_t i = 0; i < 1000; ++i) {
        lab.cluster.apply_object(workload("Deployment", app(i), 10));
    }
    lab.cluster.reconcile();
    BOOST_TEST(lab.store.size("Pod") == 10000U);
    check(
        "apply 1000 Services",
        milliseconds([&] {
            for (std::size_t i = 0; i < 1000; ++i) {
                lab.cluster.apply_object(selecting(i));
            }
        }),
        200);
    check("reconcile 10000 endpoints", milliseconds([&] { lab.cluster.reconcile(); }), 700);
    BOOST_TEST(lab.store.size("EndpointSlice") == 1000U);
    check("all pods become ready", milliseconds([&] { lab.run_all(); }), 3000);
    const auto pod = lab.store.list("Pod")[5000]->name();
    check("one pod unready", milliseconds([&] { lab.set_ready(pod, false); }), 1);
}

BOOST_AUTO_TEST_CASE(ten_thousand_services) {
    const auto before = resident_kib();
    ServiceLab lab(config_of(3));
    check(
        "apply 10000 Services",
        milliseconds([&] {
            for (std::size_t i = 0; i < 10000; ++i) {
                lab.cluster.apply_object(i % 100 == 0 ? selecting(i) : service_of(app(i)));
            }
        }),
        2000);
    lab.cluster.reconcile();
    const auto services = resident_kib();
    std::printf("{\"figure\":\"10000 Services\",\"KiB\":%zu}\n", services - before);
    check(
        "apply 10000 slices of 10",
        milliseconds([&] {
            for (std::size_t i = 0; i < 10000; ++i) {
                lab.cluster.apply_object(hand_made_slice(i, 10));
            }
            lab.cluster.reconcile();
        }),
        4000);
    std::printf("{\"figure\":\"10000 slices of 10\",\"KiB\":%zu}\n", resident_kib() - services);
    std::printf("{\"figure\":\"resident\",\"KiB\":%zu}\n", resident_kib());
    lab.apply(workload("Deployment", app(500), 10));
    lab.run_all();
    const auto pod = lab.store.list("Pod")[0]->name();
    check(
        "one pod unready among 10000 Services",
        milliseconds([&] { lab.set_ready(pod, false); }),
        1);
}
