#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/store/journal.h"
#include "tests/support/temporary.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;

namespace {

/// A lab with a journal, as a supervisor has it. Ends without any farewell, as after kill -9.
struct Life {
    Life(const std::string& path, std::size_t nodes) : journal(store::Journal::open(path)) {
        for (auto& object : journal.load()) {
            store.put(std::move(object));
        }
        journal.follow(store);
        cluster = std::make_unique<Cluster>(store, config_of(nodes));
        cluster->bootstrap();
        settle();
    }

    void settle() {
        cluster->reconcile();
        for (int round = 0; round < 50; ++round) {
            for (const auto& pod : store.list("Pod")) {
                if (!api::string_at(pod->body, "status.podIP").empty()) {
                    cluster->set_runtime(pod->key(), {true, true, {}, {}, {}, 0, 0});
                }
            }
            cluster->reconcile();
        }
        journal.flush();
    }

    /// name uid node address of every pod.
    [[nodiscard]] std::string picture() const {
        std::string text;
        for (const auto& pod : store.list("Pod")) {
            text += pod->name() + " " + pod->uid() + " " +
                    api::string_at(pod->body, "spec.nodeName") + " " +
                    api::at(pod->body, "status.podIPs").dump() + "\n";
        }
        return text;
    }

    store::Store store;
    store::Journal journal;
    std::unique_ptr<Cluster> cluster;
};

struct JournalPath : netemu::test::TemporaryJournal {
    std::string path = file();
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_lab_comes_back_with_the_same_pods_and_addresses, JournalPath) {
    std::string before;
    {
        Life life(path, 3);
        life.cluster->apply_object(workload("Deployment", "web", 5));
        life.cluster->apply_object(workload("StatefulSet", "db", 3));
        life.cluster->apply_object(workload("DaemonSet", "agent"));
        life.cluster->apply_object(bare_pod("bare"));
        life.settle();
        life.cluster->scale({"Deployment", "default", "web"}, 3);
        life.settle();
        before = life.picture();
    }
    BOOST_TEST(std::count(before.begin(), before.end(), '\n') == 10);
    for (int i = 0; i < 3; ++i) {
        Life life(path, 3);
        BOOST_TEST(life.picture() == before);
        for (const auto& pod : life.store.list("Pod")) {
            BOOST_TEST(pod->body["status"]["phase"] == "Running");
        }
        BOOST_TEST(life.store.list("ReplicaSet").size() == 1U);
    }
}

BOOST_FIXTURE_TEST_CASE(until_it_runs_again_a_restored_pod_is_pending, JournalPath) {
    {
        Life life(path, 1);
        life.cluster->apply_object(bare_pod("web"));
        life.settle();
    }
    auto journal = store::Journal::open(path);
    store::Store store;
    for (auto& object : journal.load()) {
        store.put(std::move(object));
    }
    Cluster cluster(store, config_of(1));
    cluster.bootstrap();
    cluster.reconcile();
    const auto pod = store.get({"Pod", "default", "web"});
    BOOST_TEST(pod->body["status"]["phase"] == "Pending");
    BOOST_TEST(pod->body["status"]["podIP"] == "10.244.1.2");
    BOOST_TEST(api::at(pod->body, "status.conditions").size() == 5U);
}

BOOST_FIXTURE_TEST_CASE(ended_pods_and_jobs_do_not_run_again, JournalPath) {
    api::Object job;
    job.body = {
        {"apiVersion", "batch/v1"},
        {"kind", "Job"},
        {"metadata", {{"name", "work"}, {"namespace", "default"}}},
        {"spec", {{"template", pod_template("work")}}}};
    {
        Life life(path, 1);
        life.cluster->apply_object(job);
        life.cluster->reconcile();
        life.cluster->set_runtime(
            life.store.list("Pod")[0]->key(), {true, false, "Succeeded", {}, {}, 0, 0});
        life.cluster->reconcile();
        life.journal.flush();
    }
    Life life(path, 1);
    BOOST_TEST(life.store.list("Pod").size() == 1U);
    BOOST_TEST(life.store.list("Pod")[0]->body["status"]["phase"] == "Succeeded");
    const auto status = life.store.get({"Job", "default", "work"})->body["status"];
    BOOST_TEST(status["succeeded"] == 1);
    BOOST_TEST(status["conditions"].size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(two_pods_with_one_address_are_set_right, JournalPath) {
    store::Store store;
    for (const auto* name : {"a", "b"}) {
        auto pod = bare_pod(name);
        pod.body["spec"]["nodeName"] = "node-1";
        pod.body["status"] = {{"podIP", "10.244.1.9"}, {"podIPs", {{{"ip", "10.244.1.9"}}}}};
        store.put(pod);
    }
    Cluster cluster(store, config_of(1));
    cluster.bootstrap();
    cluster.reconcile();
    const auto ip = [&](const char* name) {
        return api::string_at(store.get({"Pod", "default", name})->body, "status.podIP");
    };
    BOOST_TEST(ip("a") == "10.244.1.9");
    BOOST_TEST(ip("b") == "10.244.1.10");
}

BOOST_FIXTURE_TEST_CASE(
    a_lab_that_comes_back_smaller_moves_what_was_on_the_lost_nodes, JournalPath) {
    {
        Life life(path, 4);
        life.cluster->apply_object(workload("Deployment", "web", 8));
        for (const auto* name : {"a", "b", "c", "d"}) {
            life.cluster->apply_object(bare_pod(name));
        }
        life.settle();
    }
    Life life(path, 2);
    BOOST_TEST(life.store.list("Node").size() == 2U);
    BOOST_TEST(life.store.list("Pod").size() == 12U);
    for (const auto& pod : life.store.list("Pod")) {
        const auto node = api::string_at(pod->body, "spec.nodeName");
        BOOST_TEST((node == "node-1" || node == "node-2"), pod->name() << " on " << node);
        BOOST_TEST(api::string_at(pod->body, "status.podIP")
                       .starts_with(node == "node-1" ? "10.244.1." : "10.244.2."));
    }
}

/// Random edits with restarts in between: the journal always brings back what there was, no address
/// is held twice, and every Deployment has its replicas.
BOOST_FIXTURE_TEST_CASE(random_edits_and_restarts, JournalPath) {
    std::mt19937 random(7);
    auto life = std::make_unique<Life>(path, 3);
    std::map<std::string, std::int64_t> wanted;
    for (int step = 0; step < 60; ++step) {
        const auto name = "app-" + std::to_string(random() % 5);
        const api::ObjectKey key{"Deployment", "default", name};
        const auto replicas = static_cast<std::int64_t>(random() % 8);
        if (random() % 4 == 0 && wanted.contains(name)) {
            life->cluster->delete_object(key);
            wanted.erase(name);
        } else {
            auto object = workload("Deployment", name, replicas);
            object.body["spec"]["template"]["spec"]["containers"][0]["image"] =
                "v" + std::to_string(random() % 3);
            life->cluster->apply_object(object);
            wanted[name] = replicas;
        }
        life->settle();
        if (random() % 5 == 0) {
            const auto before = life->picture();
            life.reset();
            life = std::make_unique<Life>(path, 3);
            BOOST_TEST(life->picture() == before);
        }
        std::set<std::string> addresses;
        std::map<std::string, std::int64_t> found;
        for (const auto& pod : life->store.list("Pod")) {
            BOOST_TEST(addresses.insert(api::string_at(pod->body, "status.podIP")).second);
            ++found[pod->labels().at("app")];
        }
        for (const auto& [app, count] : wanted) {
            BOOST_TEST(found[app] == count, app);
        }
    }
}
