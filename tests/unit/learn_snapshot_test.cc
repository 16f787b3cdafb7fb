#include <boost/test/unit_test.hpp>

#include "labctl/learn/answer.h"
#include "labctl/learn/session.h"
#include "labctl/learn/snapshot.h"
#include "netemu/base/error.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::api::Json;
using labctl::learn::testing::ExerciseFolder;

namespace {

Json object(const std::string& kind, const std::string& name, const Json& more = Json::object()) {
    Json json{
        {"apiVersion", "v1"},
        {"kind", kind},
        {"metadata", {{"name", name}, {"namespace", "shop"}, {"uid", "uid-" + name}}},
        {"status", {{"phase", "Running"}}}};
    json.merge_patch(more);
    return json;
}

Snapshot snapshot(const std::vector<Json>& objects) {
    return take_snapshot(objects);
}

std::vector<std::string> references(const Snapshot& of) {
    std::vector<std::string> result;
    for (const auto& [reference, entry] : of) {
        result.push_back(reference);
    }
    return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(snapshots)

BOOST_AUTO_TEST_CASE(only_what_users_write_is_in_it) {
    const auto taken = snapshot(
        {object("Pod", "web"),
         object(
             "Pod",
             "web-5d9",
             {{"metadata", {{"ownerReferences", Json::array({{{"kind", "ReplicaSet"}}})}}}}),
         object("Pod", "old", {{"metadata", {{"deletionTimestamp", "2026-01-01T00:00:00Z"}}}}),
         object("Event", "web.1"),
         object("ServiceAccount", "default"),
         object("ServiceAccount", "mine"),
         object("ConfigMap", "kube-root-ca.crt"),
         object("Service", "web", {{"spec", {{"selector", {{"app", "web"}}}}}}),
         object("Service", "by-hand"),
         object("Endpoints", "web"),
         object("Endpoints", "by-hand"),
         object(
             "EndpointSlice",
             "web-1",
             {{"metadata", {{"labels", {{"endpointslice.kubernetes.io/managed-by", "x"}}}}}}),
         object("EndpointSlice", "own")});
    BOOST_TEST(
        references(taken) == (std::vector<std::string>{
                                 "EndpointSlice/shop/own",
                                 "Endpoints/shop/by-hand",
                                 "Pod/shop/web",
                                 "Service/shop/by-hand",
                                 "Service/shop/web",
                                 "ServiceAccount/shop/mine"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(content_has_no_status_and_nothing_of_controllers) {
    const auto content = content_of(object(
        "Deployment",
        "web",
        {{"metadata",
          {{"labels", {{"a", "b"}}},
           {"resourceVersion", "7"},
           {"annotations", {{"deployment.kubernetes.io/revision", "1"}, {"mine", "x"}}}}},
         {"spec", {{"replicas", 2}}}}));
    BOOST_TEST(
        content == (Json{
                       {"apiVersion", "v1"},
                       {"kind", "Deployment"},
                       {"metadata",
                        {{"name", "web"},
                         {"namespace", "shop"},
                         {"labels", {{"a", "b"}}},
                         {"annotations", {{"mine", "x"}}}}},
                       {"spec", {{"replicas", 2}}}}));
}

BOOST_AUTO_TEST_CASE(differences_can_be_applied_to_another_lab) {
    const auto before = snapshot(
        {object("Pod", "same"),
         object("Pod", "gone"),
         object("Pod", "again"),
         object("Service", "web", {{"spec", {{"clusterIP", "10.96.0.9"}, {"port", 1}}}})});
    auto again = object("Pod", "again", {{"spec", {{"nodeName", "node-2"}}}});
    again["metadata"]["uid"] = "another";
    const auto after = snapshot(
        {object("Pod", "same"),
         again,
         object("Pod", "new"),
         object("Service", "web", {{"spec", {{"clusterIP", "10.96.0.9"}, {"port", 2}}}}),
         object("Service", "headless", {{"spec", {{"clusterIP", "None"}}}})});
    const auto result = difference(before, after);
    std::vector<std::string> changed;
    for (const auto& entry : result.changed) {
        changed.push_back(entry.at("metadata").at("name"));
        BOOST_TEST(!entry.contains("status"));
    }
    BOOST_TEST(
        changed == (std::vector<std::string>{"again", "new", "headless", "web"}),
        boost::test_tools::per_element());
    // one that was made anew has to be made anew there, too
    BOOST_TEST(
        result.deleted == (std::vector<std::string>{"Pod/shop/again", "Pod/shop/gone"}),
        boost::test_tools::per_element());
    BOOST_TEST(!result.changed.back().at("spec").contains("clusterIP")); // given anew
    BOOST_TEST(result.changed[2].at("spec").at("clusterIP") == "None");  // a decision
    BOOST_TEST(difference(before, before).changed.empty());
    BOOST_TEST(difference(before, before).deleted.empty());
}

BOOST_AUTO_TEST_CASE(protected_objects_are_watched) {
    const auto before =
        snapshot({object("Pod", "client"), object("Pod", "web"), object("Service", "db")});
    auto client = object("Pod", "client", {{"metadata", {{"labels", {{"x", "y"}}}}}});
    const auto after = snapshot({client, object("Service", "db"), object("Service", "own")});
    const auto changes = [&](const std::vector<std::string>& patterns) {
        return protected_changes(before, after, patterns);
    };
    BOOST_TEST(changes({"pod/client"}).empty()); // that is the one in the namespace default
    BOOST_TEST(
        changes({"pod/shop/client"}) == (std::vector<std::string>{"Pod/shop/client was changed"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        changes({"po/shop/*"}) ==
            (std::vector<std::string>{"Pod/shop/client was changed", "Pod/shop/web was deleted"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        changes({"svc/shop/*"}) == (std::vector<std::string>{"Service/shop/own is new"}),
        boost::test_tools::per_element());
    BOOST_TEST(changes({"svc/shop/db"}).empty());
}

BOOST_AUTO_TEST_CASE(references_have_one_long_form) {
    BOOST_TEST(full_reference("pod/web") == "Pod/default/web");
    BOOST_TEST(full_reference("svc/shop/db") == "Service/shop/db");
    BOOST_TEST(full_reference("namespace/shop") == "Namespace/shop");
    BOOST_TEST((key_of("netpol/shop/x") == labctl::api::ObjectKey{"NetworkPolicy", "shop", "x"}));
    BOOST_TEST((key_of("ns/shop") == labctl::api::ObjectKey{"Namespace", "", "shop"}));
    BOOST_CHECK_THROW((void)key_of("pod"), netemu::UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(answers)

BOOST_AUTO_TEST_CASE(what_is_submitted_can_be_read_again) {
    const auto before = snapshot({object("Pod", "gone")});
    const auto after =
        snapshot({object("ConfigMap", "new", {{"data", {{"key", "yes: no\n---\n"}}}})});
    const auto changes = difference(before, after);
    SubmissionFacts facts;
    facts.challenge = "three";
    facts.seed = 7;
    facts.attempts = 4;
    facts.hints = 2;
    facts.hint_cost = 3;
    facts.solution_shown = true;
    facts.handed_in = "2026-11-27T12:00:00Z";
    const ExerciseFolder folder(
        {{"mine.yaml", submission_text(facts, changes.changed, changes.deleted)}});
    labctl::manifest::ReadOptions reading;
    reading.known_namespaces = {"shop"};
    const auto answer = read_answer(folder.path() + "/mine.yaml", reading);
    BOOST_TEST(answer.challenge == "three");
    BOOST_TEST(answer.seed.value() == 7U);
    BOOST_TEST(answer.attempts == 4U);
    BOOST_TEST(answer.hints == 2U);
    BOOST_TEST(answer.hint_cost == 3);
    BOOST_TEST(answer.solution_shown);
    BOOST_TEST(
        answer.deleted == std::vector<std::string>{"Pod/shop/gone"},
        boost::test_tools::per_element());
    BOOST_REQUIRE_EQUAL(answer.objects.size(), 1U);
    BOOST_TEST(answer.objects[0].body.at("data").at("key") == "yes: no\n---\n");
    BOOST_TEST(answer.namespaces.empty());
}

BOOST_AUTO_TEST_CASE(a_folder_says_what_to_delete) {
    const ExerciseFolder folder(
        {{"delete.yaml",
          "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, "
          "namespace: shop}}"},
         {"a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: other}}"},
         {"notes.md", "not a manifest"}});
    const auto answer = read_answer(folder.path());
    BOOST_TEST(
        answer.deleted == std::vector<std::string>{"NetworkPolicy/shop/deny"},
        boost::test_tools::per_element());
    BOOST_TEST(answer.objects.size() == 1U);
    BOOST_TEST(
        answer.namespaces == std::vector<std::string>{"other"}, boost::test_tools::per_element());
    BOOST_TEST(!answer.seed);
}

BOOST_AUTO_TEST_CASE(a_solution_is_told_as_manifests_that_can_be_applied) {
    const ExerciseFolder folder(
        {{"solution/solution.md", "Why: the port\n\nis ${PORT}.\n"},
         {"solution/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"},
         {"solution/b.yaml",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {port: '${PORT}'}}\n"},
         {"solution/delete.yaml",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: old, namespace: shop}}"}});
    BOOST_TEST(
        solution_text({folder.path(), 0, {{"PORT", "81"}}}) ==
        "# Why: the port\n#\n# is 81.\n# To be deleted: ConfigMap/shop/old\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {port: '81'}}\n");
    const netemu::test::TemporaryDirectory nothing;
    BOOST_CHECK_THROW((void)solution_text({nothing.path(), 0, {}}), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(an_answer_brings_no_lab_and_no_checks) {
    const ExerciseFolder folder(
        {{"lab.yaml", "{apiVersion: labctl.dev/v1, kind: Lab, metadata: {name: x}}"},
         {"check.yaml",
          "{apiVersion: labctl.dev/v1, kind: Check, metadata: {name: x}, spec: {assertions: [a -> "
          "b:80 allow]}}"}});
    BOOST_CHECK_THROW((void)read_answer(folder.path() + "/lab.yaml"), netemu::UsageError);
    BOOST_CHECK_THROW((void)read_answer(folder.path() + "/check.yaml"), netemu::UsageError);
    BOOST_CHECK_THROW(
        (void)read_answer(folder.path() + "/nowhere.yaml"), labctl::manifest::ManifestError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_AUTO_TEST_CASE(a_session_is_as_it_was_saved) {
    const netemu::test::TemporaryDirectory folder;
    const Sessions sessions(folder.path());
    BOOST_TEST(sessions.names().empty());
    BOOST_TEST(!sessions.find("three"));
    Session session;
    session.kind = "challenge";
    session.name = "three";
    session.directory = "/labs/three";
    session.seed = 4294967295U;
    session.graded = true;
    session.has_lab = false;
    session.started_at = "2026-11-27T12:00:00Z";
    session.baseline = snapshot({object("Pod", "web")});
    session.attempts = {{"2026-11-27T12:01:00Z", 1.5, 7, false}};
    session.solution_shown = true;
    session.announced_hint = 1;
    session.hint_topic = "web: path";
    session.own_hints = 2;
    session.hints = {1, 0};
    session.answers = {{"a, b", "a", 0.5, false}};
    sessions.save(session);
    BOOST_TEST(
        sessions.names() == std::vector<std::string>{"three"}, boost::test_tools::per_element());
    const auto found = sessions.find("three");
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(to_json(*found) == to_json(session));
    BOOST_TEST(found->baseline.at("Pod/shop/web").uid == "uid-web");
    sessions.remove("three");
    BOOST_TEST(!sessions.find("three"));
    sessions.remove("three"); // again is fine
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_session_is_said_to_be_none) {
    const ExerciseFolder folder(
        {{"torn.session.json", "{\"schemaVersion\": 1,"},
         {"other.session.json", "{\"schemaVersion\": 99}"},
         {"bare.session.json", "{\"schemaVersion\": 1}"}});
    const Sessions sessions(folder.path());
    for (const auto* name : {"torn", "other", "bare"}) {
        BOOST_CHECK_EXCEPTION(
            (void)sessions.find(name), netemu::Error, [](const netemu::Error& error) {
                return error.hint() == "remove it to start anew";
            });
    }
}

BOOST_AUTO_TEST_CASE(a_session_that_cannot_be_written_is_an_error) {
    const Sessions sessions("/nowhere/at/all");
    Session session;
    session.name = "x";
    BOOST_CHECK_THROW(sessions.save(session), netemu::Error);
    BOOST_TEST(sessions.names().empty());
}

BOOST_AUTO_TEST_SUITE_END()
