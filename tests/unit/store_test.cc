#define BOOST_TEST_MODULE store
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/store/store.h"
#include "netemu/base/error.h"

using namespace labctl;
using labctl::store::EventType;
using labctl::store::Store;

namespace {

api::Object
config_map(const std::string& name, const std::string& value, const std::string& ns = "default") {
    return {
        {{"apiVersion", "v1"},
         {"kind", "ConfigMap"},
         {"metadata", {{"name", name}, {"namespace", ns}}},
         {"data", {{"key", value}}}},
        {}};
}

api::Object deployment(int replicas) {
    return {
        {{"apiVersion", "apps/v1"},
         {"kind", "Deployment"},
         {"metadata", {{"name", "web"}, {"namespace", "default"}}},
         {"spec", {{"replicas", replicas}}}},
        {}};
}

/// "ADDED a, MODIFIED b": type and name of each event.
std::string story(const std::vector<store::Event>& events) {
    std::string text;
    for (const auto& event : events) {
        text += (text.empty() ? "" : ", ") + to_string(event.type) + " " + event.object->name();
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_object_gets_what_the_api_server_fills_in) {
    Store store;
    const auto stored = store.put(deployment(1));
    const auto& metadata = stored->body["metadata"];
    BOOST_TEST(metadata["generation"] == 1);
    BOOST_TEST(metadata["resourceVersion"] == "1");
    BOOST_TEST(metadata["creationTimestamp"].get<std::string>().size() == 20);
    const auto uid = stored->uid();
    BOOST_TEST(uid.size() == 36);
    for (const auto position : {8, 13, 18, 23}) {
        BOOST_TEST(uid[static_cast<std::size_t>(position)] == '-');
    }
    BOOST_TEST(uid[14] == '4'); // a random UUID by its version
    BOOST_TEST(store.get(stored->key()) == stored);
}

BOOST_AUTO_TEST_CASE(uids_are_unique_also_between_stores) {
    Store first;
    Store second;
    std::set<std::string> uids;
    for (int i = 0; i < 5000; ++i) {
        uids.insert(first.put(config_map("a" + std::to_string(i), "x"))->uid());
        uids.insert(second.put(config_map("a" + std::to_string(i), "x"))->uid());
    }
    BOOST_TEST(uids.size() == 10000U);
}

BOOST_AUTO_TEST_CASE(generation_counts_changes_of_the_spec_alone) {
    Store store;
    store.put(deployment(1));
    auto changed = deployment(1);
    changed.body["metadata"]["labels"]["a"] = "b";
    changed.body["status"]["replicas"] = 1;
    BOOST_TEST(store.put(changed)->body["metadata"]["generation"] == 1);
    BOOST_TEST(store.put(deployment(2))->body["metadata"]["generation"] == 2);
}

BOOST_AUTO_TEST_CASE(kinds_without_a_generation_get_none) {
    Store store;
    const auto service = store.put(
        {{{"kind", "Service"}, {"metadata", {{"name", "s"}}}, {"spec", {{"ports", 1}}}}, {}});
    BOOST_TEST(!service->body["metadata"].contains("generation"));
    BOOST_TEST(!store.put(config_map("c", "x"))->body["metadata"].contains("generation"));
}

BOOST_AUTO_TEST_CASE(an_equal_object_changes_nothing) {
    Store store;
    const auto stored = store.put(deployment(1));
    int events = 0;
    store.watch([&](const store::Event&) { ++events; });
    auto again = deployment(1);
    again.body["metadata"]["uid"] = "someone's idea";
    again.body["metadata"]["resourceVersion"] = "999";
    BOOST_TEST(store.put(again) == stored);
    BOOST_TEST(events == 0);
    BOOST_TEST(store.revision() == 1U);
}

BOOST_AUTO_TEST_CASE(replacing_keeps_identity) {
    Store store;
    const auto first = store.put(deployment(1));
    const auto second = store.put(deployment(3));
    BOOST_TEST(second->uid() == first->uid());
    BOOST_TEST(
        second->body["metadata"]["creationTimestamp"] ==
        first->body["metadata"]["creationTimestamp"]);
    BOOST_TEST(second->body["metadata"]["resourceVersion"] == "2");
    BOOST_TEST(first->body["spec"]["replicas"] == 1); // old pointers still show the old state
    BOOST_TEST(store.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_object_without_a_name_is_refused) {
    Store store;
    BOOST_CHECK_THROW(
        store.put({{{"kind", "Pod"}, {"metadata", api::Json::object()}}, {}}), netemu::Error);
}

BOOST_AUTO_TEST_CASE(lists_are_in_order_of_namespace_and_name) {
    Store store;
    for (const auto* name : {"c", "a", "b"}) {
        store.put(config_map(name, "x", "two"));
        store.put(config_map(name, "x", "one"));
        store.put(config_map(name, "x", "one-and-more"));
    }
    std::string order;
    for (const auto& object : store.list("ConfigMap")) {
        order += object->ns() + "/" + object->name() + " ";
    }
    BOOST_TEST(
        order ==
        "one/a one/b one/c one-and-more/a one-and-more/b one-and-more/c two/a two/b two/c ");
    BOOST_TEST(store.list("ConfigMap", "one").size() == 3U);
    BOOST_TEST(store.keys("ConfigMap", "one").size() == 3U);
    BOOST_TEST(store.list("ConfigMap", "on").empty());
    BOOST_TEST(store.list("Pod").empty());
    BOOST_TEST(store.size("ConfigMap") == 9U);
}

BOOST_AUTO_TEST_CASE(lists_take_a_selector) {
    Store store;
    auto labelled = config_map("a", "x");
    labelled.body["metadata"]["labels"]["app"] = "web";
    store.put(labelled);
    store.put(config_map("b", "x"));
    BOOST_TEST(store.list("ConfigMap", "", api::Selector::parse("app=web")).size() == 1U);
    BOOST_TEST(store.list("ConfigMap", "", api::Selector::parse("!app")).size() == 1U);
}

BOOST_AUTO_TEST_CASE(watchers_see_every_change_in_order_until_they_leave) {
    Store store;
    std::vector<store::Event> seen;
    const auto id = store.watch([&](const store::Event& event) { seen.push_back(event); });
    store.put(config_map("a", "1"));
    store.put(config_map("a", "2"));
    store.remove({"ConfigMap", "default", "a"});
    BOOST_TEST(story(seen) == "ADDED a, MODIFIED a, DELETED a");
    BOOST_TEST(seen[1].previous->body["data"]["key"] == "1");
    BOOST_TEST(seen[2].object->body["data"]["key"] == "2"); // the last state
    BOOST_TEST(seen[2].revision == 3U);
    store.unwatch(id);
    store.put(config_map("b", "1"));
    BOOST_TEST(seen.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_change_of_the_status_alone_is_marked) {
    Store store;
    auto object = deployment(1);
    store.put(object);
    std::vector<bool> status_only;
    store.watch([&](const store::Event& event) { status_only.push_back(event.status_only); });
    object.body["status"]["replicas"] = 1;
    store.put(object);
    object.body["status"]["replicas"] = 2;
    object.body["metadata"]["labels"]["a"] = "b";
    store.put(object);
    object.body.erase("status");
    store.put(object);
    BOOST_TEST((status_only == std::vector<bool>{true, false, true}));
}

BOOST_AUTO_TEST_CASE(a_watcher_may_change_the_store_and_others_still_see_the_order) {
    Store store;
    std::vector<store::Event> seen;
    store.watch([&](const store::Event& event) {
        if (event.object->name() == "a" && event.type == EventType::Added) {
            store.put(config_map("b", "1"));
            store.remove({"ConfigMap", "default", "a"});
        }
    });
    store.watch([&](const store::Event& event) { seen.push_back(event); });
    store.put(config_map("a", "1"));
    BOOST_TEST(story(seen) == "ADDED a, ADDED b, DELETED a");
}

BOOST_AUTO_TEST_CASE(a_watcher_may_leave_and_come_while_it_is_called) {
    Store store;
    int first = 0;
    int second = 0;
    Store::WatchId id = 0;
    id = store.watch([&](const store::Event&) {
        ++first;
        store.unwatch(id);
        store.watch([&](const store::Event&) { ++second; });
    });
    store.put(config_map("a", "1"));
    BOOST_TEST(first == 1);
    BOOST_TEST(second == 0); // from the next change on
    store.put(config_map("a", "2"));
    BOOST_TEST(first == 1);
    BOOST_TEST(second == 1);
}

BOOST_AUTO_TEST_CASE(since_gives_each_objects_last_change) {
    Store store;
    store.put(config_map("a", "1"));                // 1
    store.put(config_map("b", "1"));                // 2
    store.put(config_map("a", "2"));                // 3
    store.put(config_map("c", "1"));                // 4
    store.remove({"ConfigMap", "default", "c"});    // 5
    store.remove({"ConfigMap", "default", "b"});    // 6
    BOOST_TEST(story(store.since(0)) == "ADDED a"); // b and c came and went
    BOOST_TEST(story(store.since(1)) == "MODIFIED a");
    BOOST_TEST(story(store.since(2)) == "MODIFIED a, DELETED b");
    BOOST_TEST(story(store.since(4)) == "DELETED c, DELETED b");
    BOOST_TEST(store.since(6).empty());
    BOOST_TEST(store.since(2)[0].revision == 3U);
}

BOOST_AUTO_TEST_CASE(a_watch_that_resumes_anywhere_ends_with_the_stores_state) {
    Store store;
    std::vector<std::map<std::string, std::string>> states{{}};
    std::uint32_t random = 12345;
    for (int i = 0; i < 400; ++i) {
        random = random * 1664525U + 1013904223U;
        const auto name = std::string(1, static_cast<char>('a' + (random >> 16U) % 7));
        auto state = states.back();
        if ((random >> 24U) % 3 == 0) {
            if (!store.remove({"ConfigMap", "default", name})) {
                continue;
            }
            state.erase(name);
        } else {
            store.put(config_map(name, std::to_string(i)));
            state[name] = std::to_string(i);
        }
        states.push_back(state);
    }
    for (std::size_t revision = 0; revision < states.size(); ++revision) {
        auto state = states[revision];
        for (const auto& event : store.since(revision)) {
            const auto name = event.object->name();
            BOOST_TEST((event.type == EventType::Added) == !state.contains(name));
            if (event.type == EventType::Deleted) {
                state.erase(name);
            } else {
                state[name] = event.object->body["data"]["key"];
            }
        }
        BOOST_TEST((state == states.back()));
    }
}

BOOST_AUTO_TEST_CASE(history_is_bounded_and_says_so) {
    Store store;
    for (std::size_t i = 0; i <= Store::kHistoryMax; ++i) {
        store.put(config_map("a", std::to_string(i)));
    }
    BOOST_CHECK_EXCEPTION((void)store.since(0), netemu::Error, [](const netemu::Error& error) {
        return std::string(error.what()).find("too old resource version: 0 (1)") == 0;
    });
    BOOST_TEST(story(store.since(1)) == "MODIFIED a");
}

BOOST_AUTO_TEST_CASE(a_snapshot_goes_its_own_way) {
    Store store;
    store.put(config_map("a", "1"));
    int events = 0;
    store.watch([&](const store::Event&) { ++events; });
    auto copy = store.snapshot();
    BOOST_TEST(copy.revision() == store.revision());
    copy.put(config_map("a", "2"));
    copy.put(config_map("b", "1"));
    BOOST_TEST(events == 0);
    BOOST_TEST(store.get({"ConfigMap", "default", "a"})->body["data"]["key"] == "1");
    BOOST_TEST(store.size() == 1U);
    BOOST_TEST(copy.size() == 2U);
    BOOST_TEST(story(copy.since(1)) == "MODIFIED a, ADDED b");
}
