#include <boost/test/unit_test.hpp>

#include "labctl/api/status_error.h"
#include "labctl/compile/strategic_patch.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

BOOST_AUTO_TEST_CASE(strategic_merge_patches) {
    struct Case {
        const char* what;
        const char* current;
        const char* patch;
        const char* expected;
    };
    const std::vector<Case> cases{
        {"fields are set, removed and merged",
         R"({"a":1,"b":2,"o":{"x":1}})",
         R"({"a":3,"b":null,"o":{"y":2}})",
         R"({"a":3,"o":{"x":1,"y":2}})"},
        {"a list without an identity is replaced",
         R"({"args":["a","b"]})",
         R"({"args":["c"]})",
         R"({"args":["c"]})"},
        {"containers are told apart by name",
         R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]})",
         R"({"containers":[{"name":"b","image":"2"}]})",
         R"({"containers":[{"image":"1","name":"a"},{"image":"2","name":"b"}]})"},
        {"an element that is new comes last",
         R"({"env":[{"name":"a","value":"1"}]})",
         R"({"env":[{"name":"b","value":"2"}]})",
         R"({"env":[{"name":"a","value":"1"},{"name":"b","value":"2"}]})"},
        {"$patch: delete takes an element away",
         R"({"env":[{"name":"a","value":"1"},{"name":"b","value":"2"}]})",
         R"({"env":[{"name":"a","$patch":"delete"}]})",
         R"({"env":[{"name":"b","value":"2"}]})"},
        {"$patch: delete of what is not there",
         R"({"env":[{"name":"a"}]})",
         R"({"env":[{"name":"z","$patch":"delete"}]})",
         R"({"env":[{"name":"a"}]})"},
        {"$patch: replace replaces the list",
         R"({"env":[{"name":"a"},{"name":"b"}]})",
         R"({"env":[{"name":"c"},{"$patch":"replace"}]})",
         R"({"env":[{"name":"c"}]})"},
        {"$patch: replace replaces a mapping",
         R"({"o":{"x":1,"y":2}})",
         R"({"o":{"$patch":"replace","z":3}})",
         R"({"o":{"z":3}})"},
        {"$patch: delete takes a mapping away",
         R"({"a":1,"o":{"x":1}})",
         R"({"o":{"$patch":"delete"}})",
         R"({"a":1})"},
        {"$retainKeys drops the rest",
         R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}})",
         R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})",
         R"({"strategy":{"type":"Recreate"}})"},
        {"$setElementOrder orders",
         R"({"env":[{"name":"a"},{"name":"b"}]})",
         R"({"$setElementOrder/env":[{"name":"c"},{"name":"b"},{"name":"a"}],"env":[{"name":"c"}]})",
         R"({"env":[{"name":"c"},{"name":"b"},{"name":"a"}]})"},
        {"others keep their place in the order",
         R"({"env":[{"name":"x"},{"name":"a"},{"name":"b"}]})",
         R"({"$setElementOrder/env":[{"name":"b"},{"name":"a"}]})",
         R"({"env":[{"name":"x"},{"name":"b"},{"name":"a"}]})"},
        {"$deleteFromPrimitiveList",
         R"({"finalizers":["a","b"]})",
         R"({"$deleteFromPrimitiveList/finalizers":["a"]})",
         R"({"finalizers":["b"]})"},
        {"ports of a Service by port",
         R"({"ports":[{"port":80,"targetPort":1},{"port":81,"targetPort":1}]})",
         R"({"ports":[{"port":80,"targetPort":2}]})",
         R"({"ports":[{"port":80,"targetPort":2},{"port":81,"targetPort":1}]})"},
        {"a list where there was none",
         R"({})",
         R"({"env":[{"name":"a"}]})",
         R"({"env":[{"name":"a"}]})"},
        {"directives do not stay in what is new",
         R"({})",
         R"({"o":{"$retainKeys":["x"],"x":1,"p":{"$patch":"merge","q":1}}})",
         R"({"o":{"x":1}})"}};
    for (const auto& each : cases) {
        const auto merged = strategic_merge(Json::parse(each.current), Json::parse(each.patch));
        BOOST_TEST(merged.dump() == each.expected, each.what);
    }
    BOOST_CHECK_THROW(
        (void)strategic_merge(Json::object(), Json::parse(R"({"o":{"$patch":"mend"}})")),
        api::StatusError);
}

BOOST_AUTO_TEST_CASE(patches_of_each_kind_reach_the_object) {
    using Kind = Cluster::PatchKind;
    Lab lab;
    lab.apply(workload("Deployment", "web"));
    const api::ObjectKey key{"Deployment", "default", "web"};
    const auto image = [&] {
        return lab.get("Deployment", "web")
            ->body.at("/spec/template/spec/containers/0/image"_json_pointer)
            .get<std::string>();
    };
    lab.cluster.patch(
        key,
        Kind::Strategic,
        Json::parse(
            R"({"spec":{"template":{"spec":{"containers":[{"name":"main","image":"s"}]}}}})"));
    BOOST_TEST(image() == "s");
    lab.cluster.patch(
        key,
        Kind::Json,
        Json::parse(
            R"([{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"j"}])"));
    BOOST_TEST(image() == "j");
    const auto code = [&](Kind kind, const char* patch) {
        try {
            lab.cluster.patch(key, kind, Json::parse(patch));
        } catch (const api::StatusError& error) {
            return error.code();
        }
        return 0;
    };
    BOOST_TEST(code(Kind::Json, R"([{"op":"replace","path":"/spec/nothing/x","value":1}])") == 422);
    BOOST_TEST(code(Kind::Json, R"({"a":1})") == 400);
    BOOST_TEST(code(Kind::Strategic, "[]") == 400);
    BOOST_TEST(code(Kind::Merge, "[]") == 400);
    BOOST_TEST(image() == "j");
}
