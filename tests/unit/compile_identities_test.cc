#include <boost/test/unit_test.hpp>

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/identities.h"
#include "labctl/compile/identity_labels.h"
#include "labctl/compile/policies.h"
#include "tests/support/cluster.h"

using labctl::api::Json;
using labctl::compile::Identities;
using labctl::compile::identity_labels;
using labctl::compile::Policies;

namespace {

struct IdentityLab : labctl::test::Cluster {
    IdentityLab() : Cluster(2) {
        config.cni_profile = "cilium";
        config.overlay = labctl::compile::kOverlayGeneve;
        store.put(
            {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "x"}}}}, {}});
        add_pod(1, "x", "web", 2);
        add_pod(2, "x", "web-2", 2);
        add_pod(1, "x", "client", 3);
        label("web", {{"app", "web"}});
        label("web-2", {{"app", "web"}});
        label("client", {{"app", "client"}});
    }

    void label(const std::string& name, const Json& labels) {
        set_pod("x", name, "/metadata/labels", labels);
    }

    void admit_clients() {
        store.put(
            {{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "NetworkPolicy"},
              {"metadata", {{"name", "web"}, {"namespace", "x"}}},
              {"spec",
               {{"podSelector", {{"matchLabels", {{"app", "web"}}}}},
                {"policyTypes", {"Ingress"}},
                {"ingress",
                 Json::parse(
                     R"([{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": 80}]}])")}}}},
             {}});
    }
};

std::string endpoints_text(const services::IdentityNetwork& network) {
    std::string text;
    for (const auto& endpoint : network.endpoints) {
        text += endpoint.address.to_string() + " " + endpoint.node + " " +
                std::to_string(endpoint.identity);
        for (const auto& entry : endpoint.map ? *endpoint.map : services::PolicyMap{}) {
            text += " [" + services::to_text(entry) + "]";
        }
        text += endpoint.map ? "\n" : " open\n";
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(identities)

BOOST_AUTO_TEST_CASE(labels_that_tell_pods_of_one_kind_apart_do_not_count) {
    const labctl::api::Object pod{
        {{"kind", "Pod"},
         {"metadata",
          {{"name", "web-0"},
           {"namespace", "shop"},
           {"labels",
            {{"app", "web"},
             {"app.kubernetes.io/name", "web"},
             {"pod-template-hash", "7d97ff6575"},
             {"controller-revision-hash", "web-1"},
             {"statefulset.kubernetes.io/pod-name", "web-0"},
             {"batch.kubernetes.io/job-completion-index", "0"},
             {"topology.kubernetes.io/zone", "a"},
             {"beta.kubernetes.io/os", "linux"},
             {"kubernetes.io/arch", "amd64"}}}}},
         {"spec", {{"serviceAccountName", "shop"}}}},
        {}};
    std::string text;
    for (const auto& label : identity_labels(pod, {{"team", "blue"}})) {
        text += label + "\n";
    }
    BOOST_TEST(
        text == "k8s:app.kubernetes.io/name=web\n"
                "k8s:app=web\n"
                "k8s:io.cilium.k8s.namespace.labels.team=blue\n"
                "k8s:io.cilium.k8s.policy.cluster=default\n"
                "k8s:io.cilium.k8s.policy.serviceaccount=shop\n"
                "k8s:io.kubernetes.pod.namespace=shop\n"
                "k8s:topology.kubernetes.io/zone=a\n");
}

BOOST_AUTO_TEST_CASE(each_set_of_labels_has_one_number_in_the_order_of_their_texts) {
    IdentityLab lab;
    Identities identities(lab.store, lab.config);
    identities.update();
    BOOST_TEST(identities.of_pod("x", "client") == 256U);
    BOOST_TEST(identities.of_pod("x", "web") == 257U);
    BOOST_TEST(identities.of_pod("x", "web-2") == 257U);
    BOOST_TEST(identities.of_pod("x", "nobody") == 0U);
    const auto object = lab.store.get({"CiliumIdentity", "", "257"});
    BOOST_REQUIRE(object != nullptr);
    BOOST_TEST(object->body.at("security-labels").at("k8s:app") == "web");
    BOOST_TEST(object->body.at("metadata").at("labels").at("app") == "web");
}

BOOST_AUTO_TEST_CASE(a_number_stays_with_its_labels) {
    IdentityLab lab;
    {
        Identities identities(lab.store, lab.config);
        identities.update();
        (void)identities.take_changed();
        lab.label("web", {{"app", "other"}});
        identities.update();
        BOOST_TEST(identities.of_pod("x", "web") == 258U);
        BOOST_TEST(identities.take_changed());
        lab.remove_pod("x", "client");
        identities.update();
        BOOST_TEST(identities.take_changed());
    }
    // As after a restart: the objects are what is left.
    lab.add_pod(2, "x", "client", 9);
    lab.label("client", {{"app", "client"}});
    Identities again(lab.store, lab.config);
    again.update();
    BOOST_TEST(again.of_pod("x", "client") == 256U);
    BOOST_TEST(again.of_pod("x", "web") == 258U);
}

BOOST_AUTO_TEST_CASE(what_changes_nothing_is_no_change) {
    IdentityLab lab;
    Identities identities(lab.store, lab.config);
    identities.update();
    BOOST_TEST(identities.take_changed());
    lab.label("web", {{"app", "web"}, {"pod-template-hash", "1"}});
    identities.update();
    BOOST_TEST(!identities.take_changed());
}

BOOST_AUTO_TEST_CASE(labels_of_the_namespace_count) {
    IdentityLab lab;
    Identities identities(lab.store, lab.config);
    identities.update();
    lab.store.put(
        {{{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata", {{"name", "x"}, {"labels", {{"team", "blue"}}}}}},
         {}});
    identities.update();
    BOOST_TEST(identities.of_pod("x", "client") == 258U);
    BOOST_TEST(identities.of_pod("x", "web") == 259U);
}

BOOST_AUTO_TEST_CASE(the_network_of_the_tunnels) {
    IdentityLab lab;
    Identities identities(lab.store, lab.config);
    Policies policies(lab.store, lab.config);
    identities.update();
    auto network = identities.network(policies);
    BOOST_TEST(network.vni == 2U);
    BOOST_TEST(network.nodes.size() == 2U);
    BOOST_TEST(network.nodes.at(0).link == "cilium_geneve");
    BOOST_TEST(network.nodes.at(0).local.to_string() == "172.18.0.2");
    BOOST_TEST(
        endpoints_text(network) == "10.244.1.2 node-1 257 open\n"
                                   "10.244.1.3 node-1 256 open\n"
                                   "10.244.2.2 node-2 257 open\n");
    lab.admit_clients();
    (void)policies.update();
    network = identities.network(policies);
    BOOST_TEST(
        endpoints_text(network) == "10.244.1.2 node-1 257 [256 TCP 80]\n"
                                   "10.244.1.3 node-1 256 open\n"
                                   "10.244.2.2 node-2 257 [256 TCP 80]\n");
    BOOST_TEST((network.endpoints.at(0).map == network.endpoints.at(2).map)); // shared
}

BOOST_AUTO_TEST_CASE(other_profiles_have_none) {
    IdentityLab lab;
    lab.config.cni_profile = "calico";
    lab.config.overlay = "vxlan";
    Identities identities(lab.store, lab.config);
    Policies policies(lab.store, lab.config);
    identities.update();
    BOOST_TEST(identities.of_pod("x", "web") == 0U);
    BOOST_TEST(identities.list().empty());
    BOOST_TEST(!identities.take_changed());
    BOOST_TEST(identities.network(policies).nodes.empty());
    BOOST_TEST(lab.store.size("CiliumIdentity") == 0U);
}

BOOST_AUTO_TEST_CASE(the_list_begins_with_what_is_reserved) {
    IdentityLab lab;
    Identities identities(lab.store, lab.config);
    identities.update();
    const auto list = identities.list();
    BOOST_REQUIRE_EQUAL(list.size(), 10U);
    BOOST_TEST(list.at(0).at("id") == 1);
    BOOST_TEST(list.at(5).at("labels").at(0) == "reserved:remote-node");
    BOOST_TEST(list.at(9).at("id") == 257);
    BOOST_TEST(list.at(9).at("pods") == Json({"x/web", "x/web-2"}));
}

BOOST_AUTO_TEST_SUITE_END()
