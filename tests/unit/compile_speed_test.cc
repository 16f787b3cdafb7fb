#define BOOST_TEST_MODULE compile_speed
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>

#include <boost/test/unit_test.hpp>

#include "labctl/store/journal.h"
#include "tests/support/temporary.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

/// Processor time, which other work on the machine does not change much.
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
    std::ifstream in("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    in >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

void print(const char* what, double value) {
    std::printf("{\"figure\":\"%s\",\"ms\":%.3f}\n", what, value);
}

/// Limits hold for a release build; other builds only have to do the same work.
#ifdef NDEBUG
constexpr bool kMeasured = true;
#else
constexpr bool kMeasured = false;
#endif

void check(const char* what, double value, double limit) {
    print(what, value);
    if (kMeasured) {
        BOOST_TEST(value < limit, what << " took " << value << " ms");
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(a_thousand_pods) {
    const netemu::test::TemporaryJournal folder;
    const auto path = folder.file();
    const auto before = resident_kib();
    Lab lab(20);
    auto journal = store::Journal::open(path); // behind the store that it follows
    journal.follow(lab.store);
    const auto web = workload("Deployment", "web", 1000);
    check("create a Deployment of 1000 pods", milliseconds([&] { lab.apply(web); }), 60);
    BOOST_TEST(lab.list("Pod").size() == 1000U);
    check("journal of it", milliseconds([&] { journal.flush(); }), 60);
    check("1000 pods become ready", milliseconds([&] { lab.run_all(); }), 120);
    std::printf("{\"figure\":\"memory\",\"KiB\":%zu}\n", resident_kib() - before);

    auto labelled = web;
    labelled.body["metadata"]["labels"]["team"] = "a";
    check("apply of one label of the Deployment", milliseconds([&] { lab.apply(labelled); }), 2);
    const auto pod = lab.list("Pod")[500]->key();
    check(
        "label of one pod",
        milliseconds([&] {
            lab.cluster.label(pod, {{"x", "y"}}, true);
            lab.cluster.reconcile();
        }),
        2);
    check("journal of both", milliseconds([&] { journal.flush(); }), 2);
    check("nothing to do", milliseconds([&] { lab.cluster.reconcile(); }), 0.1);
    check(
        "one pod deleted and replaced",
        milliseconds([&] {
            lab.cluster.delete_object(pod);
            lab.cluster.reconcile();
        }),
        2);
    lab.run_all();
    journal.flush();
    std::size_t restored = 0;
    check(
        "load the journal into a new cluster",
        milliseconds([&] {
            auto again = store::Journal::open(path);
            store::Store store;
            for (auto& object : again.load()) {
                store.put(std::move(object));
            }
            Cluster cluster(store, config_of(20));
            cluster.bootstrap();
            cluster.reconcile();
            restored = store.size("Pod");
        }),
        300);
    BOOST_TEST(restored == 1000U);
    check(
        "scale to 0",
        milliseconds([&] {
            lab.cluster.scale({"Deployment", "default", "web"}, 0);
            lab.cluster.reconcile();
        }),
        60);
    BOOST_TEST(lab.list("Pod").empty());
}

BOOST_AUTO_TEST_CASE(many_small_deployments_and_ten_thousand_pods) {
    Lab lab(100);
    check(
        "100 Deployments of 10 pods",
        milliseconds([&] {
            for (int i = 0; i < 100; ++i) {
                lab.cluster.apply_object(workload("Deployment", "app-" + std::to_string(i), 10));
            }
            lab.cluster.reconcile();
        }),
        120);
    BOOST_TEST(lab.list("Pod").size() == 1000U);
    check(
        "1000 bare pods",
        milliseconds([&] {
            for (int i = 0; i < 1000; ++i) {
                lab.cluster.apply_object(bare_pod("pod-" + std::to_string(i)));
            }
            lab.cluster.reconcile();
        }),
        200);
    check(
        "8000 more pods",
        milliseconds([&] { lab.apply(workload("Deployment", "huge", 8000)); }),
        1500);
    BOOST_TEST(lab.list("Pod").size() == 10000U);
    check(
        "one label among 10000 pods",
        milliseconds([&] {
            lab.cluster.label(lab.list("Pod")[7000]->key(), {{"x", "y"}}, true);
            lab.cluster.reconcile();
        }),
        10);
}
