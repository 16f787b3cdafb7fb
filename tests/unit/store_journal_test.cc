#include <csignal>
#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/store/journal.h"
#include "labctl/store/journal_format.h"
#include "netemu/base/error.h"
#include "tests/support/temporary.h"

using namespace labctl;
using labctl::store::Journal;
using labctl::store::Store;

namespace {

struct JournalFixture : netemu::test::TemporaryJournal {
    [[nodiscard]] std::vector<api::Object> load() const { return Journal::open(path).load(); }
    std::string path = file();
};

api::Object config_map(const std::string& name, const std::string& value) {
    return {
        {{"apiVersion", "v1"},
         {"kind", "ConfigMap"},
         {"metadata", {{"name", name}, {"namespace", "default"}}},
         {"data", {{"key", value}}}},
        {"web.yaml", 7, 3}};
}

api::Object pod(const std::string& name) {
    return {
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata", {{"name", name}, {"namespace", "default"}}},
         {"spec", {{"nodeName", "node-1"}}},
         {"status",
          {{"phase", "Running"},
           {"podIP", "10.244.1.2"},
           {"podIPs", {{{"ip", "10.244.1.2"}}}},
           {"conditions", {{{"type", "Ready"}}}}}}},
        {}};
}

} // namespace

BOOST_FIXTURE_TEST_CASE(objects_come_back_with_uid_and_source, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    const auto a = store.put(config_map("a", "1"));
    store.put(config_map("b", "1"));
    store.put(config_map("a", "2"));
    store.remove({"ConfigMap", "default", "b"});
    BOOST_TEST(load().empty()); // nothing is written before flush
    BOOST_TEST(journal.pending());
    journal.flush();
    BOOST_TEST(!journal.pending());
    const auto objects = load();
    BOOST_TEST_REQUIRE(objects.size() == 1U);
    BOOST_TEST(objects[0].body["data"]["key"] == "2");
    BOOST_TEST(objects[0].uid() == a->uid());
    BOOST_TEST(objects[0].source.to_string() == "web.yaml:7");
    BOOST_TEST(objects[0].source.column == 3);
    Store restored;
    BOOST_TEST(restored.put(objects[0])->uid() == a->uid());
}

BOOST_FIXTURE_TEST_CASE(a_delete_survives_and_a_new_one_of_that_name_does_too, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    store.put(config_map("a", "1"));
    store.put(config_map("b", "1"));
    journal.flush();
    store.remove({"ConfigMap", "default", "a"});
    journal.flush();
    BOOST_TEST(load().size() == 1U);
    store.put(config_map("a", "again"));
    journal.flush();
    BOOST_TEST(load().size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(of_a_pods_status_only_the_place_lasts, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    store.put(pod("web"));
    journal.flush();
    const auto status = load().at(0).body["status"];
    BOOST_TEST(
        status == api::Json::parse(R"({"podIP":"10.244.1.2","podIPs":[{"ip":"10.244.1.2"}]})"));
}

BOOST_FIXTURE_TEST_CASE(status_changes_that_do_not_last_are_not_written, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    auto web = pod("web");
    store.put(web);
    journal.flush();
    const auto size = journal.size();
    web.body["status"]["phase"] = "Pending";
    web.body["status"]["conditions"] = api::Json::array();
    store.put(web);
    BOOST_TEST(!journal.pending());
    journal.flush();
    BOOST_TEST(journal.size() == size);
    web.body["status"]["phase"] = "Succeeded"; // but this is not to run again
    store.put(web);
    BOOST_TEST(journal.pending());
    journal.flush();
    BOOST_TEST(load().at(0).body["status"]["phase"] == "Succeeded");
}

BOOST_FIXTURE_TEST_CASE(events_are_not_kept_and_untyped_kinds_are_kept_whole, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    store.put({{{"kind", "Event"}, {"metadata", {{"name", "e"}, {"namespace", "default"}}}}, {}});
    store.put({{{"kind", "Gizmo"}, {"metadata", {{"name", "g"}}}, {"status", {{"size", 3}}}}, {}});
    journal.flush();
    const auto objects = load();
    BOOST_TEST_REQUIRE(objects.size() == 1U);
    BOOST_TEST(objects[0].body["status"]["size"] == 3);
}

BOOST_FIXTURE_TEST_CASE(text_of_any_kind_survives, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    const std::string text = "line\nbreak \" quote \\ \t \x01 \xc3\xa4 \xf0\x9f\x90\xa7";
    store.put(config_map("a", text));
    journal.flush();
    BOOST_TEST(load().at(0).body["data"]["key"] == text);
}

BOOST_FIXTURE_TEST_CASE(the_file_does_not_grow_without_bound, JournalFixture) {
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    const std::string big(4096, 'x');
    for (int i = 0; i < 20; ++i) {
        store.put(config_map("object-" + std::to_string(i), big));
    }
    journal.flush();
    const auto needed = journal.size();
    std::uint64_t largest = 0;
    for (int i = 0; i < 1000; ++i) {
        store.put(config_map("object-" + std::to_string(i % 20), big + std::to_string(i)));
        journal.flush();
        largest = std::max(largest, journal.size());
    }
    BOOST_TEST(largest < Journal::kCompactionFloor + 4 * needed);
    const auto objects = load();
    BOOST_TEST(objects.size() == 20U);
    BOOST_TEST(objects[0].body["data"]["key"].get<std::string>().size() == big.size() + 3);
}

BOOST_FIXTURE_TEST_CASE(a_journal_goes_on_after_a_restart, JournalFixture) {
    for (int life = 0; life < 3; ++life) {
        auto journal = Journal::open(path);
        Store store;
        for (auto& object : journal.load()) {
            store.put(std::move(object));
        }
        BOOST_TEST(store.size() == static_cast<std::size_t>(life));
        journal.follow(store);
        store.put(config_map("life-" + std::to_string(life), "x"));
        journal.sync();
    }
    BOOST_TEST(load().size() == 3U);
}

BOOST_FIXTURE_TEST_CASE(removing_is_fine_when_there_is_nothing, JournalFixture) {
    Journal::remove_file(path);
    { auto journal = Journal::open(path); }
    BOOST_TEST(std::filesystem::exists(path));
    Journal::remove_file(path);
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_record_of_another_kind_is_an_error) {
    BOOST_CHECK_THROW(store::replay({R"({"frobnicate":1})"}), netemu::Error);
    BOOST_CHECK_THROW(store::replay({"not json"}), netemu::Error);
}

/// The file may not grow: what flush could not write it keeps, and writes when there is room again.
BOOST_FIXTURE_TEST_CASE(after_a_failed_flush_the_next_one_writes_it_all, JournalFixture) {
    std::signal(SIGXFSZ, SIG_IGN);
    Store store;
    auto journal = Journal::open(path);
    journal.follow(store);
    store.put(config_map("a", "1"));
    journal.flush();
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    rlimit tight = old;
    tight.rlim_cur = journal.size() + 10;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    store.put(config_map("b", "1"));
    BOOST_CHECK_THROW(journal.flush(), netemu::SysError);
    ::setrlimit(RLIMIT_FSIZE, &old);
    BOOST_TEST(load().size() == 1U);
    BOOST_TEST(journal.pending());
    store.put(config_map("c", "1"));
    journal.flush();
    BOOST_TEST(load().size() == 3U);
}

BOOST_FIXTURE_TEST_CASE(store_and_journal_may_end_in_any_order, JournalFixture) {
    auto store = std::make_unique<Store>();
    {
        auto journal = Journal::open(path);
        journal.follow(*store);
        store->put(config_map("a", "1"));
        journal.flush();
    }
    store->put(config_map("b", "1")); // nobody records it
    auto journal = Journal::open(path);
    BOOST_TEST(journal.load().size() == 1U);
    journal.follow(*store);
    store.reset();
}
