#include <boost/test/unit_test.hpp>

#include "labctl/compile/scheduler.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

NodeInfo make_node(const std::string& name, api::Labels labels = {}, Json taints = Json::array()) {
    NodeInfo node;
    node.name = name;
    node.labels = std::move(labels);
    node.taints = std::move(taints);
    return node;
}

Json taint(const std::string& key, const std::string& value, const std::string& effect) {
    return Json::array({{{"key", key}, {"value", value}, {"effect", effect}}});
}

std::string refusal(const std::string& spec, const NodeInfo& node) {
    const auto json = Json::parse(spec);
    return NodeDemand(json).refusal(node).value_or("fits");
}

std::string affinity(const std::string& terms) {
    return R"({"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":)" +
           terms + "}}}}";
}

constexpr const char* kAffinity = "node(s) didn't match Pod's node affinity/selector";

} // namespace

BOOST_AUTO_TEST_CASE(filters_give_the_schedulers_reasons) {
    const auto plain = make_node("n1", {{"disk", "ssd"}, {"cores", "8"}});
    const auto tainted = make_node("n2", {}, taint("gpu", "yes", "NoSchedule"));
    const auto evicting = make_node("n3", {}, taint("out", "", "NoExecute"));
    const auto soft = make_node("n4", {}, taint("soft", "", "PreferNoSchedule"));
    auto cordoned = make_node("n5");
    cordoned.unschedulable = true;
    struct Case {
        const char* spec;
        const NodeInfo* node;
        const char* expected;
    };
    const std::vector<Case> cases{
        {"{}", &plain, "fits"},
        {R"({"nodeName":"n1"})", &plain, "fits"},
        {R"({"nodeName":"n2"})", &plain, "node(s) didn't match the requested node name"},
        {R"({"nodeSelector":{"disk":"ssd"}})", &plain, "fits"},
        {R"({"nodeSelector":{"disk":"hdd"}})", &plain, kAffinity},
        {R"({"nodeSelector":{"disk":"ssd","gpu":"1"}})", &plain, kAffinity},
        {"{}", &tainted, "node(s) had untolerated taint {gpu: yes}"},
        {R"({"tolerations":[{"key":"gpu","operator":"Exists"}]})", &tainted, "fits"},
        {R"({"tolerations":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]})",
         &tainted,
         "fits"},
        {R"({"tolerations":[{"key":"gpu","value":"no"}]})",
         &tainted,
         "node(s) had untolerated taint {gpu: yes}"},
        {R"({"tolerations":[{"key":"gpu","value":"yes","effect":"NoExecute"}]})",
         &tainted,
         "node(s) had untolerated taint {gpu: yes}"},
        {R"({"tolerations":[{"operator":"Exists"}]})", &tainted, "fits"},
        {"{}", &evicting, "node(s) had untolerated taint {out: }"},
        {R"({"tolerations":[{"key":"out"}]})", &evicting, "fits"},
        {"{}", &soft, "fits"},
        {"{}", &cordoned, "node(s) were unschedulable"},
        {R"({"tolerations":[{"key":"node.kubernetes.io/unschedulable","operator":"Exists"}]})",
         &cordoned,
         "fits"}};
    for (const auto& item : cases) {
        BOOST_TEST(refusal(item.spec, *item.node) == item.expected, item.spec);
    }
}

BOOST_AUTO_TEST_CASE(node_affinity_operators) {
    const auto node = make_node("n1", {{"disk", "ssd"}, {"cores", "8"}});
    const auto term = [](const std::string& requirement) {
        return affinity(R"([{"matchExpressions":[)" + requirement + "]}]");
    };
    const std::vector<std::pair<std::string, bool>> cases{
        {R"({"key":"disk","operator":"In","values":["ssd","nvme"]})", true},
        {R"({"key":"disk","operator":"In","values":["hdd"]})", false},
        {R"({"key":"disk","operator":"NotIn","values":["hdd"]})", true},
        {R"({"key":"gpu","operator":"NotIn","values":["x"]})", true},
        {R"({"key":"disk","operator":"NotIn","values":["ssd"]})", false},
        {R"({"key":"disk","operator":"Exists"})", true},
        {R"({"key":"gpu","operator":"Exists"})", false},
        {R"({"key":"gpu","operator":"DoesNotExist"})", true},
        {R"({"key":"cores","operator":"Gt","values":["4"]})", true},
        {R"({"key":"cores","operator":"Gt","values":["8"]})", false},
        {R"({"key":"cores","operator":"Lt","values":["10"]})", true},
        {R"({"key":"disk","operator":"Gt","values":["1"]})", false},
        {R"({"key":"disk","operator":"In","values":["ssd"]},{"key":"gpu","operator":"Exists"})",
         false}};
    for (const auto& [requirement, fits] : cases) {
        BOOST_TEST(refusal(term(requirement), node) == (fits ? "fits" : kAffinity), requirement);
    }
    BOOST_TEST(refusal(affinity("[]"), node) == kAffinity);
    BOOST_TEST(refusal(affinity("[{}]"), node) == kAffinity); // an empty term matches nothing
    BOOST_TEST(
        refusal(
            affinity(R"([{"matchExpressions":[{"key":"x","operator":"Exists"}]},
            {"matchFields":[{"key":"metadata.name","operator":"In","values":["n1"]}]}])"),
            node) == "fits");
}

BOOST_AUTO_TEST_CASE(the_least_used_node_is_taken_in_a_fixed_order) {
    std::vector<NodeInfo> nodes{make_node("a"), make_node("b"), make_node("c")};
    nodes[0].pods = 1;
    nodes[1].pods = 5;
    nodes[2].pods = 1;
    nodes[0].owners["u"] = 1;
    const Json spec = Json::object();
    const auto room = [](std::size_t) { return true; };
    const auto none = [](std::size_t) { return std::string{}; };
    BOOST_TEST(place(NodeDemand(spec), "u", nodes, room, none).node.value() == 2U);
    BOOST_TEST(place(NodeDemand(spec), "v", nodes, room, none).node.value() == 0U);
    nodes[2].owners["u"] = 1;
    BOOST_TEST(place(NodeDemand(spec), "u", nodes, room, none).node.value() == 1U);
    const auto only_b = [](std::size_t node) { return node == 1; };
    BOOST_TEST(place(NodeDemand(spec), "v", nodes, only_b, none).node.value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pod_that_fits_nowhere_says_why_and_waits) {
    Lab lab;
    auto pod = bare_pod("picky");
    pod.body["spec"]["nodeSelector"]["disk"] = "ssd";
    lab.apply(pod);
    BOOST_TEST(lab.node_of("picky").empty());
    BOOST_TEST(lab.ip_of("picky").empty());
    BOOST_TEST(lab.status("Pod", "picky")["phase"] == "Pending");
    const auto condition = lab.condition("Pod", "picky", "PodScheduled");
    BOOST_TEST(condition["status"] == "False");
    BOOST_TEST(condition["reason"] == "Unschedulable");
    BOOST_TEST(
        condition["message"] ==
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.");
    BOOST_TEST(lab.messages("FailedScheduling").size() == 1U);
    // The label that it waits for comes: it is placed at once.
    lab.cluster.label({"Node", "", "node-2"}, {{"disk", "ssd"}}, false);
    lab.cluster.reconcile();
    BOOST_TEST(lab.node_of("picky") == "node-2");
    BOOST_TEST(lab.ip_of("picky") == "10.244.2.2");
    BOOST_TEST(lab.condition("Pod", "picky", "PodScheduled")["status"] == "True");
    BOOST_TEST(lab.messages("Scheduled").back() == "Successfully assigned default/picky to node-2");
}

BOOST_AUTO_TEST_CASE(several_reasons_are_counted_and_sorted) {
    Lab lab;
    lab.cluster.merge_patch({"Node", "", "node-1"}, {{"spec", {{"unschedulable", true}}}});
    lab.cluster.merge_patch(
        {"Node", "", "node-2"}, {{"spec", {{"taints", taint("gpu", "", "NoSchedule")}}}});
    auto pod = bare_pod("picky");
    pod.body["spec"]["nodeSelector"]["disk"] = "ssd";
    lab.apply(pod);
    BOOST_TEST(
        lab.condition("Pod", "picky", "PodScheduled")["message"] ==
        "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) "
        "had "
        "untolerated taint {gpu: }, 1 node(s) were unschedulable.");
}

BOOST_AUTO_TEST_CASE(replicas_spread_over_the_nodes) {
    Lab lab(4);
    lab.apply(workload("Deployment", "web", 10));
    lab.apply(workload("Deployment", "api", 6));
    std::map<std::string, std::map<std::string, int>> counts;
    for (const auto& pod : lab.list("Pod")) {
        ++counts[pod->labels().at("app")][api::string_at(pod->body, "spec.nodeName")];
    }
    for (const auto& [app, per_node] : counts) {
        BOOST_TEST(per_node.size() == 4U);
        for (const auto& [node, count] : per_node) {
            const int low = app == "web" ? 2 : 1;
            BOOST_TEST((count == low || count == low + 1), app << " on " << node << ": " << count);
        }
    }
    for (const auto* node : {"node-1", "node-2", "node-3", "node-4"}) {
        BOOST_TEST(counts["web"][node] + counts["api"][node] == 4);
    }
}

BOOST_AUTO_TEST_CASE(host_ports_are_taken_once_per_node) {
    Lab lab(2);
    auto deployment = workload("Deployment", "proxy", 3);
    deployment.body["spec"]["template"]["spec"]["containers"][0]["ports"] =
        Json::array({{{"containerPort", 80}, {"hostPort", 80}}});
    lab.apply(deployment);
    std::set<std::string> nodes;
    int waiting = 0;
    for (const auto& pod : lab.list("Pod")) {
        const auto node = api::string_at(pod->body, "spec.nodeName");
        waiting += node.empty() ? 1 : 0;
        nodes.insert(node);
    }
    BOOST_TEST(waiting == 1);
    BOOST_TEST(nodes.size() == 3U);
    BOOST_TEST(
        lab.messages("FailedScheduling").at(0) ==
        "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.");
}

BOOST_AUTO_TEST_CASE(host_ports_on_several_addresses_of_a_node) {
    // The second pod beside the first, on the only node.
    const auto fits = [](const std::string& first, const std::string& second) {
        Lab lab(1);
        for (const auto& [name, ip] : {std::pair("first", first), std::pair("second", second)}) {
            auto pod = bare_pod(name);
            Json port{{"containerPort", 80}, {"hostPort", 8080}};
            if (!ip.empty()) {
                port["hostIP"] = ip;
            }
            pod.body["spec"]["containers"][0]["ports"] = Json::array({port});
            lab.apply(pod);
        }
        return !lab.node_of("second").empty();
    };
    BOOST_TEST(!fits("", ""));
    BOOST_TEST(!fits("172.18.0.2", "172.18.0.2"));
    BOOST_TEST(fits("172.18.0.2", "127.0.0.1"));
    for (const auto* any : {"", "0.0.0.0"}) {
        for (const auto* ip : {"172.18.0.2", "fd00::2", "::", "0.0.0.0"}) {
            BOOST_TEST(!fits(any, ip), ip);
            BOOST_TEST(!fits(ip, any), ip);
        }
    }
    BOOST_TEST(!fits("::", "::"));
    BOOST_TEST(fits("::", "fd00::2")); // so it is with Kubernetes' scheduler, to which :: is a text
    BOOST_TEST(fits("::", "172.18.0.2"));
}

BOOST_AUTO_TEST_CASE(a_node_name_is_obeyed_past_the_scheduler) {
    Lab lab;
    lab.cluster.merge_patch({"Node", "", "node-3"}, {{"spec", {{"unschedulable", true}}}});
    auto pod = bare_pod("fixed");
    pod.body["spec"]["nodeName"] = "node-3";
    lab.apply(pod);
    BOOST_TEST(lab.ip_of("fixed") == "10.244.3.2");
    BOOST_TEST(lab.messages("Scheduled").empty());
    auto lost = bare_pod("lost");
    lost.body["spec"]["nodeName"] = "node-9";
    lab.apply(lost);
    BOOST_TEST(lab.status("Pod", "lost")["phase"] == "Pending");
    BOOST_TEST(lab.messages("FailedScheduling").at(0) == "node \"node-9\" not found");
}

BOOST_AUTO_TEST_CASE(a_taint_that_evicts_moves_pods_elsewhere) {
    Lab lab;
    lab.apply(workload("Deployment", "web", 3));
    lab.apply(bare_pod("bare"));
    lab.run_all();
    const auto node = lab.node_of("bare");
    lab.cluster.merge_patch(
        {"Node", "", node}, {{"spec", {{"taints", taint("maintenance", "", "NoExecute")}}}});
    lab.cluster.reconcile();
    BOOST_TEST(lab.get("Pod", "bare") == nullptr);
    BOOST_TEST(lab.list("Pod").size() == 3U);
    for (const auto& pod : lab.list("Pod")) {
        BOOST_TEST(api::string_at(pod->body, "spec.nodeName") != node);
    }
}

BOOST_AUTO_TEST_CASE(when_all_addresses_are_used_pods_wait_with_range_size_and_remedy) {
    Lab lab(1);
    lab.apply(workload("Deployment", "web", 255));
    std::size_t waiting = 0;
    std::string message;
    std::string placed;
    for (const auto& pod : lab.list("Pod")) {
        if (api::string_at(pod->body, "status.podIP").empty()) {
            ++waiting;
            message = lab.condition("Pod", pod->name(), "PodScheduled")["message"];
        } else {
            placed = pod->name();
        }
    }
    BOOST_TEST(waiting == 2U);
    BOOST_TEST(message.starts_with("0/1 nodes are available: 1 node(s) had no free pod address."));
    BOOST_TEST(
        message.find("range 10.244.1.0/24 of node-1 holds 253 pod addresses") != std::string::npos);
    BOOST_TEST(message.find("scale down") != std::string::npos);
    // One pod put there by name does not get an address either, and says so too.
    auto fixed = bare_pod("fixed");
    fixed.body["spec"]["nodeName"] = "node-1";
    lab.apply(fixed);
    BOOST_TEST(
        lab.messages("FailedCreatePodSandBox").at(0).find("10.244.1.0/24") != std::string::npos);
    BOOST_TEST(lab.condition("Pod", "fixed", "PodReadyToStartContainers")["status"] == "False");
    // Room comes: all that wait are placed.
    lab.cluster.scale({"Deployment", "default", "web"}, 200);
    lab.cluster.reconcile();
    BOOST_TEST(!lab.ip_of("fixed").empty());
    for (const auto& pod : lab.list("Pod")) {
        BOOST_TEST(!api::string_at(pod->body, "status.podIP").empty());
    }
}
