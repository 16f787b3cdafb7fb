#define BOOST_TEST_MODULE api
#include <boost/test/unit_test.hpp>

#include "labctl/api/field_selector.h"
#include "labctl/api/status_error.h"

using labctl::api::FieldSelector;
using labctl::api::Json;
using labctl::api::Object;
using labctl::api::StatusError;

namespace {

const Object& web() {
    static const Object kWeb{
        Json::parse(R"({"apiVersion":"v1","kind":"Pod",
          "metadata":{"name":"web","namespace":"shop"},
          "spec":{"nodeName":"node-1","restartPolicy":"Always","serviceAccountName":"default"},
          "status":{"phase":"Running","podIP":"10.244.1.2",
                    "podIPs":[{"ip":"10.244.1.2"},{"ip":"fd00::2"}]}})"),
        {}};
    return kWeb;
}

bool selects(std::string_view text, const Object& object = web()) {
    return FieldSelector::parse(text, object.kind(), "things").matches(object);
}

std::string refusal(std::string_view text, const char* kind, const char* plural) {
    try {
        (void)FieldSelector::parse(text, kind, plural);
        return "none";
    } catch (const StatusError& error) {
        return std::to_string(error.code()) + " " + error.what();
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(terms_are_equal_or_not_and_all_must_hold) {
    BOOST_TEST(selects(""));
    BOOST_TEST(selects("metadata.name=web"));
    BOOST_TEST(selects("metadata.name==web"));
    BOOST_TEST(!selects("metadata.name!=web"));
    BOOST_TEST(!selects("metadata.name=web2"));
    BOOST_TEST(selects("metadata.name=web,metadata.namespace!=default"));
    BOOST_TEST(!selects("metadata.name=web,metadata.namespace=default"));
    BOOST_TEST(selects(",metadata.name=web,"));
    BOOST_TEST(FieldSelector::parse("", "Pod", "pods").empty());
}

BOOST_AUTO_TEST_CASE(pods_are_selected_by_the_fields_of_the_api_server) {
    for (const auto* text :
         {"spec.nodeName=node-1",
          "spec.host=node-1",
          "spec.restartPolicy=Always",
          "spec.serviceAccountName=default",
          "spec.hostNetwork=false",
          "status.phase=Running",
          "status.phase!=Pending",
          "status.podIP=10.244.1.2",
          "status.podIPs=10.244.1.2\\,fd00::2",
          "status.nominatedNodeName=",
          "spec.schedulerName="}) {
        BOOST_TEST(selects(text), text);
    }
    BOOST_TEST(!selects("spec.hostNetwork=true"));
    BOOST_TEST(!selects("status.podIP="));
}

BOOST_AUTO_TEST_CASE(other_kinds_have_their_own_fields) {
    const Object event{
        Json::parse(R"({"kind":"Event","metadata":{"name":"e"},"reason":"Killing","type":"Normal",
          "source":{"component":"kubelet"},
          "involvedObject":{"kind":"Pod","name":"web","namespace":"shop","uid":"u"}})"),
        {}};
    BOOST_TEST(selects("involvedObject.kind=Pod,involvedObject.name=web,reason=Killing", event));
    BOOST_TEST(selects("type!=Warning,source=kubelet,involvedObject.fieldPath=", event));
    BOOST_TEST(!selects("involvedObject.namespace=default", event));
    const Object node{Json::parse(R"({"kind":"Node","metadata":{"name":"n"}})"), {}};
    BOOST_TEST(selects("spec.unschedulable=false", node));
    const Object job{Json::parse(R"({"kind":"Job","status":{"succeeded":2}})"), {}};
    BOOST_TEST(selects("status.successful=2", job));
    const Object set{Json::parse(R"({"kind":"ReplicaSet","status":{}})"), {}};
    BOOST_TEST(selects("status.replicas=0", set));
    BOOST_TEST(refusal("metadata.name=x", "VirtualService", "virtualservices") == "none");
}

BOOST_AUTO_TEST_CASE(refusals_are_worded_as_the_api_servers) {
    BOOST_TEST(refusal("spec.foo=1", "Pod", "pods") == "400 field label not supported: spec.foo");
    BOOST_TEST(
        refusal("status.phase=Running", "Deployment", "deployments") ==
        "400 field label not supported: status.phase");
    BOOST_TEST(
        refusal("metadata.name", "Pod", "pods") ==
        "400 invalid selector: 'metadata.name'; can't understand 'metadata.name'");
    BOOST_TEST(
        refusal("metadata.name=a=b", "Pod", "pods") ==
        "400 invalid field selector: 'metadata.name=a=b'; can't understand value: 'a=b'");
    BOOST_TEST(refusal("metadata.name=a\\q", "Pod", "pods").starts_with("400 invalid"));
    BOOST_TEST(refusal("metadata.name=a\\", "Pod", "pods").starts_with("400 invalid"));
    BOOST_TEST(refusal("=", "Pod", "pods") == "400 field label not supported: ");
    BOOST_TEST(refusal("metadata.name=a\\,b\\=c\\\\", "Pod", "pods") == "none");
}
