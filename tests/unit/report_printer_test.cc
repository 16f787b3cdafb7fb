#include <algorithm>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/report/printer.h"
#include "labctl/report/table.h"
#include "labctl/report/table_object.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::api::Json;
using labctl::api::ObjectPtr;
using labctl::report::testing::check_golden;
using labctl::report::testing::kNow;
using labctl::report::testing::object;
using labctl::report::testing::objects_from;

namespace {

std::vector<ObjectPtr> of_kind(const std::string& kind) {
    std::vector<ObjectPtr> found;
    std::ranges::copy_if(objects_from("objects"), std::back_inserter(found), [&](const auto& o) {
        return o->kind() == kind;
    });
    return found;
}

PrintOptions at_now() {
    PrintOptions options;
    options.now = kNow;
    return options;
}

std::string status_of(const char* pod) {
    return pod_status(Json::parse(pod));
}

} // namespace

BOOST_AUTO_TEST_SUITE(printer)

BOOST_AUTO_TEST_CASE(a_table_object_has_the_cells_of_the_printed_table) {
    std::set<std::string> kinds;
    for (const auto& each : objects_from("objects")) {
        kinds.insert(each->kind());
    }
    BOOST_TEST(kinds.size() > 10U);
    for (const auto& kind : kinds) {
        const auto objects = of_kind(kind);
        TableOptions options;
        options.now = kNow;
        const auto body = table_object(kind, objects, options);
        for (const bool wide : {false, true}) {
            const auto shown = [&](std::size_t column) {
                return wide || body["columnDefinitions"][column]["priority"] == 0;
            };
            std::vector<std::string> titles;
            for (std::size_t i = 0; i < body["columnDefinitions"].size(); ++i) {
                if (shown(i)) {
                    titles.push_back(body["columnDefinitions"][i]["name"]);
                }
            }
            auto table = Table::of(titles);
            for (const auto& row : body["rows"]) {
                std::vector<Cell> cells;
                for (std::size_t i = 0; i < row["cells"].size(); ++i) {
                    if (shown(i)) {
                        cells.emplace_back(row["cells"][i].get<std::string>());
                    }
                }
                table.add(std::move(cells));
            }
            auto print = at_now();
            print.wide = wide;
            BOOST_TEST(table.render() == print_table(kind, objects, print), kind);
        }
        BOOST_TEST(body["rows"][0]["object"]["kind"] == "PartialObjectMetadata");
        BOOST_TEST(body["rows"][0]["object"]["metadata"]["name"] == objects[0]->name());
        options.include = IncludeObject::Whole;
        BOOST_TEST(table_object(kind, objects, options)["rows"][0]["object"] == objects[0]->body);
        options.include = IncludeObject::None;
        BOOST_TEST(!table_object(kind, objects, options)["rows"][0].contains("object"));
    }
}

BOOST_AUTO_TEST_CASE(every_kind_narrow_and_wide) {
    std::string text;
    for (const bool wide : {false, true}) {
        for (const auto* kind : {"Pod",       "Deployment",    "ReplicaSet",     "StatefulSet",
                                 "DaemonSet", "Job",           "Node",           "Service",
                                 "Endpoints", "EndpointSlice", "Namespace",      "ServiceAccount",
                                 "ConfigMap", "NetworkPolicy", "Ingress",        "Event",
                                 "Lab",       "Check",         "VirtualService", "TrafficSample"}) {
            auto options = at_now();
            options.wide = wide;
            text += "$ get " + std::string(kind) + (wide ? " -o wide\n" : "\n");
            text += print_table(kind, of_kind(kind), options) + "\n";
        }
    }
    check_golden("get.txt", text);
}

// As `kubectl get` shows them: what is not said is an empty cell.
BOOST_AUTO_TEST_CASE(security_kinds_of_istio) {
    const auto table = [](const char* kind, const char* spec) {
        const auto body = std::string(R"({"metadata":{"name":"a"},"kind":")") + kind +
                          R"(","spec":)" + spec + "}";
        return print_table(kind, std::vector{object(body.c_str())}, at_now());
    };
    BOOST_TEST(
        table("PeerAuthentication", R"({"mtls":{"mode":"STRICT"}})") ==
        "NAME   MODE     AGE\na      STRICT   <unknown>\n");
    BOOST_TEST(
        table("AuthorizationPolicy", R"({"action":"DENY"})") ==
        "NAME   ACTION   AGE\na      DENY     <unknown>\n");
    BOOST_TEST(
        table("AuthorizationPolicy", "{}") == "NAME   ACTION   AGE\na      ALLOW    <unknown>\n");
}

BOOST_AUTO_TEST_CASE(all_namespaces_labels_and_no_headers) {
    auto options = at_now();
    options.show_namespace = true;
    options.show_labels = true;
    const auto text = print_table("Pod", of_kind("Pod"), options);
    BOOST_TEST(text.starts_with("NAMESPACE    NAME"), text);
    BOOST_TEST(text.find("monitoring   agent-f5x2c") != std::string::npos, text);
    BOOST_TEST(text.find("app=frontend,pod-template-hash=5d9c7b9f6d") != std::string::npos, text);
    BOOST_TEST(print_table("Node", of_kind("Node"), options).starts_with("NAME "));
    options.label_columns = {"app", "example.org/zone"};
    const auto columns = print_table("Pod", of_kind("Pod"), options);
    const auto titles = columns.substr(0, columns.find('\n'));
    BOOST_TEST(titles.ends_with("   ZONE   LABELS"), titles);
    BOOST_TEST(titles.find("   APP ") != std::string::npos, titles);
    const auto row = columns.find(" frontend ");
    BOOST_REQUIRE(row != std::string::npos);
    const auto line = columns.substr(row, columns.find('\n', row) - row);
    BOOST_TEST(line.ends_with(" app=frontend,pod-template-hash=5d9c7b9f6d"), columns);
    for (const auto& kind : {"Namespace", "Node", "Service", "Deployment", "Lab"}) {
        BOOST_TEST(print_table(kind, of_kind(kind), options).find("LABELS\n") != std::string::npos);
    }
    const auto none = std::make_shared<labctl::api::Object>();
    none->body = {{"kind", "Pod"}, {"metadata", {{"name", "bare"}, {"namespace", "default"}}}};
    BOOST_TEST(print_table("Pod", std::vector<labctl::api::ObjectPtr>{none}, options)
                   .ends_with("<none>\n"));
    options = at_now();
    options.headers = false;
    BOOST_TEST(print_table("Namespace", of_kind("Namespace"), options).starts_with("default "));
    BOOST_TEST(print_table("Pod", {}, at_now()) == "");
}

BOOST_AUTO_TEST_CASE(colours_states_only) {
    auto options = at_now();
    options.colour = true;
    const auto text = print_table("Pod", of_kind("Pod"), options);
    BOOST_TEST(text.find("\x1b[32mRunning\x1b[0m") != std::string::npos);
    BOOST_TEST(text.find("\x1b[31mCrashLoopBackOff\x1b[0m") != std::string::npos);
    BOOST_TEST(text.find("\x1b[33mTerminating\x1b[0m") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_kinds_name_their_kind) {
    auto both = of_kind("Deployment");
    std::ranges::copy(of_kind("Service"), std::back_inserter(both));
    const auto text = print_tables(both, at_now());
    BOOST_TEST(text.find("deployment.apps/frontend   2/2") != std::string::npos, text);
    BOOST_TEST(text.find("\n\nNAME               TYPE") != std::string::npos, text);
    BOOST_TEST(text.find("service/frontend   NodePort") != std::string::npos, text);
    BOOST_TEST(print_tables(of_kind("Lab"), at_now()).find("demo   3") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_and_lists) {
    BOOST_TEST(
        print_names(of_kind("Deployment")) ==
        "deployment.apps/frontend\ndeployment.apps/backend\n");
    BOOST_TEST(print_names(of_kind("Namespace")) == "namespace/default\nnamespace/monitoring\n");
    const auto list = list_object(of_kind("Lab"));
    BOOST_TEST(list["kind"] == "List");
    BOOST_TEST(list["apiVersion"] == "v1");
    BOOST_TEST(list["items"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(hostile_values_stay_in_their_cell) {
    const auto text = print_table(
        "Namespace",
        std::vector{object(R"({"kind":"Namespace","metadata":{"name":"a\u001b[2Jb\nfake"}})")},
        at_now());
    BOOST_TEST(text.find("a\\x1b[2Jb\\nfake") != std::string::npos, text);
    BOOST_TEST(std::ranges::count(text, '\n') == 2);
}

BOOST_AUTO_TEST_CASE(pod_states) {
    BOOST_TEST(status_of(R"({"status":{"phase":"Pending"}})") == "Pending");
    BOOST_TEST(status_of(R"({"status":{"phase":"Failed","reason":"Evicted"}})") == "Evicted");
    BOOST_TEST(status_of(R"({})") == "Unknown");
    BOOST_TEST(status_of(R"({"status":{"phase":"Pending","containerStatuses":[
            {"state":{"waiting":{"reason":"ContainerCreating"}}}]}})") == "ContainerCreating");
    BOOST_TEST(status_of(R"({"status":{"phase":"Succeeded","containerStatuses":[
            {"state":{"terminated":{"reason":"Completed","exitCode":0}}}]}})") == "Completed");
    BOOST_TEST(status_of(R"({"status":{"phase":"Failed","containerStatuses":[
            {"state":{"terminated":{"exitCode":3}}}]}})") == "ExitCode:3");
    BOOST_TEST(status_of(R"({"status":{"phase":"Failed","containerStatuses":[
            {"state":{"terminated":{"exitCode":137,"signal":9}}}]}})") == "Signal:9");
    // The first container that has something to say is heard.
    BOOST_TEST(status_of(R"({"status":{"phase":"Pending","containerStatuses":[
            {"state":{"waiting":{"reason":"ErrImagePull"}}},
            {"state":{"waiting":{"reason":"ContainerCreating"}}}]}})") == "ErrImagePull");
    // One container is through, another still runs.
    const std::string mixed = R"("containerStatuses":[
        {"state":{"terminated":{"reason":"Completed","exitCode":0}}},
        {"ready":true,"state":{"running":{}}}])";
    BOOST_TEST(
        status_of((R"({"status":{"phase":"Running",)" + mixed + "}}").c_str()) == "NotReady");
    BOOST_TEST(
        status_of(
            (R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],)" +
             mixed + "}}")
                .c_str()) == "Running");
}

BOOST_AUTO_TEST_CASE(pod_states_of_init_containers) {
    const auto with = [](const std::string& statuses, const std::string& spec = "{},{}") {
        return status_of(
            (R"({"spec":{"initContainers":[)" + spec +
             R"(]},"status":{"phase":"Pending","initContainerStatuses":[)" + statuses +
             R"(],"containerStatuses":[{"state":{"waiting":{"reason":"PodInitializing"}}}]}})")
                .c_str());
    };
    BOOST_TEST(with(R"({"state":{"running":{}}})") == "Init:0/2");
    BOOST_TEST(
        with(R"({"state":{"terminated":{"exitCode":0}}},{"state":{"waiting":{}}})") == "Init:1/2");
    BOOST_TEST(with(R"({"state":{"terminated":{"exitCode":1}}})") == "Init:ExitCode:1");
    BOOST_TEST(with(R"({"state":{"terminated":{"exitCode":1,"reason":"Error"}}})") == "Init:Error");
    BOOST_TEST(
        with(R"({"state":{"waiting":{"reason":"CrashLoopBackOff"}}})") == "Init:CrashLoopBackOff");
    BOOST_TEST(with(R"({"state":{"waiting":{"reason":"PodInitializing"}}})") == "Init:0/2");
    BOOST_TEST(with(R"({"state":{"terminated":{"exitCode":0}}})", "{}") == "PodInitializing");
    // A sidecar that has started does not hold the pod up.
    BOOST_TEST(
        with(
            R"({"name":"s","started":true,"state":{"running":{}}})",
            R"({"name":"s","restartPolicy":"Always"})") == "PodInitializing");
}

BOOST_AUTO_TEST_CASE(deletion) {
    BOOST_TEST(status_of(R"({"metadata":{"deletionTimestamp":"2026-01-02T03:04:05Z"},
            "status":{"phase":"Running"}})") == "Terminating");
    BOOST_TEST(status_of(R"({"metadata":{"deletionTimestamp":"2026-01-02T03:04:05Z"},
            "status":{"phase":"Succeeded"}})") == "Succeeded");
    BOOST_TEST(status_of(R"({"metadata":{"deletionTimestamp":"2026-01-02T03:04:05Z"},
            "status":{"phase":"Running","reason":"NodeLost"}})") == "Unknown");
}

BOOST_AUTO_TEST_CASE(ready_counts) {
    BOOST_TEST(
        pod_ready(Json::parse(R"({"spec":{"containers":[{},{}]},"status":{"containerStatuses":[
        {"ready":true,"state":{"running":{}}},{"ready":true,"state":{"terminated":{}}}]}})")) ==
        "1/2");
    BOOST_TEST(pod_ready(Json::parse(R"({"spec":{"containers":[{}],"initContainers":[
        {"name":"s","restartPolicy":"Always"},{"name":"i"}]},"status":{"initContainerStatuses":[
        {"name":"s","ready":true},{"name":"i","ready":true}]}})")) == "1/2");
}

BOOST_AUTO_TEST_CASE(nodes) {
    BOOST_TEST(node_status(Json::parse("{}")) == "Unknown");
    BOOST_TEST(node_status(Json::parse(R"({"spec":{"unschedulable":true},"status":{"conditions":[
            {"type":"Ready","status":"Unknown"}]}})")) == "NotReady,SchedulingDisabled");
}

BOOST_AUTO_TEST_SUITE_END()
