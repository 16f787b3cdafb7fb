#include <stdexcept>

#include <boost/test/unit_test.hpp>

#include "labctl/store/undo.h"

using namespace labctl;
using store::Store;
using store::Undo;

namespace {

api::Object named(const std::string& kind, const std::string& name, const std::string& value) {
    return {
        {{"apiVersion", "v1"},
         {"kind", kind},
         {"metadata", {{"name", name}}},
         {"data", {{"key", value}}}},
        {}};
}

/// kind/name=value of everything.
std::set<std::string> contents(const Store& store) {
    std::set<std::string> found;
    for (const auto& kind : store.kinds()) {
        for (const auto& object : store.list(kind)) {
            found.insert(
                kind + "/" + object->name() + "=" + api::string_at(object->body, "data.key"));
        }
    }
    return found;
}

struct Changes {
    Changes() {
        store.put(named("ConfigMap", "changed", "before"));
        store.put(named("ConfigMap", "removed", "before"));
        // As a namespace gets its account.
        store.watch([this](const store::Event& event) {
            if (event.object->kind() == "Namespace" && event.type == store::EventType::Added) {
                store.put(named("ServiceAccount", "default", event.object->name()));
            }
        });
    }
    void make() {
        store.put(named("ConfigMap", "changed", "once"));
        store.put(named("ConfigMap", "changed", "twice"));
        store.remove({"ConfigMap", "", "removed"});
        store.put(named("Namespace", "new", ""));
    }

    Store store;
};

} // namespace

BOOST_AUTO_TEST_CASE(all_changes_are_undone_whoever_made_them_and_whatever_was_thrown) {
    Changes changes;
    const auto before = contents(changes.store);
    const auto uid = changes.store.get({"ConfigMap", "", "removed"})->uid();
    const auto fail = [&] {
        const Undo undo(changes.store);
        changes.make();
        BOOST_TEST(contents(changes.store) != before);
        throw std::runtime_error("no error of ours");
    };
    BOOST_CHECK_THROW(fail(), std::runtime_error);
    BOOST_TEST(contents(changes.store) == before);
    BOOST_TEST(changes.store.get({"ConfigMap", "", "removed"})->uid() == uid);
    changes.store.put(named("ConfigMap", "later", "x"));
    BOOST_TEST(contents(changes.store) != before); // nobody watches any more
}

BOOST_AUTO_TEST_CASE(what_is_to_stay_stays) {
    Changes changes;
    {
        Undo undo(changes.store);
        changes.make();
        undo.keep();
    }
    const std::set<std::string> wanted{
        "ConfigMap/changed=twice", "Namespace/new=", "ServiceAccount/default=new"};
    BOOST_TEST(contents(changes.store) == wanted);
}
