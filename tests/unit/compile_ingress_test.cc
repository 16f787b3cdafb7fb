#include <algorithm>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/dns_upstream.h"
#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/ingresses.h"
#include "labctl/explain/ingress.h"
#include "mesh/tls/certificate.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_service_fixture.h"
#include "tests/unit/mesh_tls_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using api::Json;

namespace {

constexpr const char* kOurs = kIngressController;

ClusterConfig without_controller() {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["dns"] = {{"enabled", false}};
    lab.body["spec"]["ingress"] = {{"enabled", false}};
    return ClusterConfig::from_lab(lab);
}

/// One path of an Ingress; `port` as JSON.
std::string ingress_path(
    const std::string& path,
    const std::string& service,
    const std::string& port = R"({"number":80})",
    const std::string& type = "Prefix") {
    return R"({"path":")" + path + R"(","pathType":")" + type +
           R"(","backend":{"service":{"name":")" + service + R"(","port":)" + port + "}}}";
}

/// An Ingress of one host with these paths, and further fields of its spec.
api::Object ingress_of(
    const std::string& name,
    const std::string& host,
    const std::vector<std::string>& paths,
    const std::string& more = {}) {
    std::string list;
    for (const auto& path : paths) {
        list += (list.empty() ? "" : ",") + path;
    }
    return object_of(
        R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":")" + name +
        R"(","namespace":"default"},"spec":{)" + more + R"("rules":[{"host":")" + host +
        R"(","http":{"paths":[)" + list + "]}}]}}");
}

api::Object ingress_class(const std::string& name, const std::string& controller, bool is_default) {
    auto object = object_of(
        R"({"apiVersion":"networking.k8s.io/v1","kind":"IngressClass","metadata":{"name":")" +
        name + R"("},"spec":{"controller":")" + controller + R"("}})");
    if (is_default) {
        object.body["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] =
            "true";
    }
    return object;
}

api::Object tls_secret(const std::string& name, const std::string& crt, const std::string& key) {
    auto object = object_of(
        R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":")" + name +
        R"(","namespace":"default"},"type":"kubernetes.io/tls"})");
    object.body["data"] = {
        {"tls.crt", netemu::encode_base64(crt)}, {"tls.key", netemu::encode_base64(key)}};
    return object;
}

struct IngressLab : ServiceLab {
    explicit IngressLab(ClusterConfig config = config_of(2))
        : ServiceLab(std::move(config)), ingresses(store) {}

    /// A Service of port 80 and `replicas` pods for it that run.
    void serve(const std::string& name, std::int64_t replicas = 1) {
        auto deployment = workload("Deployment", name, replicas);
        apply(std::move(deployment));
        service(name, R"("selector":{"app":")" + name + "\"}");
        run_all();
    }
    /// The rules of our controller, and what was told meanwhile.
    services::IngressTable table(const std::string& controller = kOurs) {
        const auto update = ingresses.update();
        for (const auto& note : update.notes) {
            if (note.warning) {
                warnings.push_back(note.reason + (": " + note.text));
            }
        }
        changed = !update.tables.empty();
        const auto found = ingresses.tables().find(controller);
        return found == ingresses.tables().end() ? services::IngressTable() : found->second;
    }
    std::string backend_of(const std::string& host, const std::string& path) {
        const auto now = table();
        const auto decision = services::route_ingress(now, host, path);
        return decision && decision->backend ? now.backends.at(*decision->backend).name : "none";
    }

    Ingresses ingresses;
    std::vector<std::string> warnings;
    bool changed = false;
};

const Json& loaded(const api::ObjectPtr& ingress) {
    return api::at(ingress->body, "status.loadBalancer.ingress");
}

} // namespace

BOOST_AUTO_TEST_SUITE(ingress)

BOOST_AUTO_TEST_CASE(the_first_ingress_brings_a_controller) {
    IngressLab lab;
    BOOST_TEST(!lab.store.get({"Namespace", "", "ingress-system"}));
    lab.apply(ingress_of("web", "shop.example", {ingress_path("/", "web")}));
    BOOST_REQUIRE(lab.store.get({"Deployment", "ingress-system", "ingress-controller"}));
    const auto pods = lab.store.list("Pod", "ingress-system");
    BOOST_REQUIRE(pods.size() == 1U);
    BOOST_TEST(ingress_controller_of(pods.front()->body) == kOurs);
    const auto service = lab.store.get({"Service", "ingress-system", "ingress-controller"});
    const auto address = api::string_at(service->body, "status.loadBalancer.ingress.0.ip");
    for (const auto* name : {"labctl", "nginx"}) {
        BOOST_TEST((lab.store.get({"IngressClass", "", name}) != nullptr), name);
    }
    const auto web = lab.store.get({"Ingress", "default", "web"});
    BOOST_TEST(api::string_at(web->body, "spec.ingressClassName") == "labctl"); // the default
    BOOST_REQUIRE(loaded(web).size() == 1U);
    BOOST_TEST(
        loaded(web)[0]["ip"] == api::at(service->body, "status.loadBalancer.ingress")[0]["ip"]);
    // What a user has deleted does not come back.
    lab.cluster.delete_object({"Deployment", "ingress-system", "ingress-controller"});
    lab.cluster.reconcile();
    lab.apply(ingress_of("more", "more.example", {ingress_path("/", "web")}));
    BOOST_TEST(!lab.store.get({"Deployment", "ingress-system", "ingress-controller"}));
}

BOOST_AUTO_TEST_CASE(a_lab_can_do_without_or_have_it_from_the_start) {
    IngressLab without(without_controller());
    without.apply(ingress_of("web", "shop.example", {ingress_path("/", "web")}));
    BOOST_TEST(!without.store.get({"Namespace", "", "ingress-system"}));
    (void)without.table();
    BOOST_REQUIRE(without.warnings.size() == 1U);
    BOOST_TEST(
        without.warnings[0] ==
        "NoController: nothing acts on it: it names no class, and no IngressClass is the default");
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["ingress"] = {{"enabled", true}, {"classes", {"edge"}}};
    IngressLab with(ClusterConfig::from_lab(lab));
    BOOST_TEST((with.store.get({"Deployment", "ingress-system", "ingress-controller"}) != nullptr));
    BOOST_TEST(with.store.size("IngressClass") == 1U);
    BOOST_TEST((with.store.get({"IngressClass", "", "edge"}) != nullptr));
}

BOOST_AUTO_TEST_CASE(classes_say_which_controller) {
    IngressLab lab(without_controller());
    lab.service("web");
    lab.apply(ingress_class("mine", kOurs, false));
    lab.apply(ingress_class("other", "example.com/other", true));
    const auto controller = [&lab](api::Object ingress) {
        return controller_of_ingress(lab.store, lab.apply(std::move(ingress)));
    };
    const auto paths = {ingress_path("/", "web")};
    BOOST_TEST(controller(ingress_of("a", "a", paths, R"("ingressClassName":"mine",)")) == kOurs);
    BOOST_TEST(controller(ingress_of("b", "b", paths)) == "example.com/other"); // the default
    BOOST_TEST(controller(ingress_of("c", "c", paths, R"("ingressClassName":"none",)")).empty());
    auto old = ingress_of("d", "d", paths);
    old.body["metadata"]["annotations"]["kubernetes.io/ingress.class"] = "mine";
    BOOST_TEST(controller(old) == kOurs);
    (void)lab.table();
    BOOST_REQUIRE(lab.warnings.size() == 1U);
    BOOST_TEST(
        lab.warnings[0] == "NoController: nothing acts on it: there is no IngressClass \"none\"; "
                           "there are: mine, other");
    lab.apply(ingress_class("second", kOurs, true));
    const auto undecided = ingress_of("e", "e", paths);
    BOOST_TEST(controller(undecided).empty()); // of two defaults none is
    (void)lab.table();
    BOOST_TEST(
        lab.warnings.back() == "NoController: nothing acts on it: it names no class, and 2 "
                               "IngressClasses are marked as the default");
}

BOOST_AUTO_TEST_CASE(pods_of_ingress_nginx_are_controllers_too) {
    const auto pod = [](const std::string& image, const Json& args = Json::array()) {
        Json container{{"name", "c"}, {"image", image}, {"args", args}};
        return Json{{"spec", {{"containers", Json::array({std::move(container)})}}}};
    };
    const std::string nginx = "registry.k8s.io/ingress-nginx/controller";
    BOOST_TEST(ingress_controller_of(pod(nginx + ":v1.12.0@sha256:abc")) == "k8s.io/ingress-nginx");
    BOOST_TEST(
        ingress_controller_of(pod(nginx, {"/nginx", "--controller-class=k8s.io/internal"})) ==
        "k8s.io/internal");
    BOOST_TEST(ingress_controller_of(pod("localhost:5000/controller")).empty());
    BOOST_TEST(ingress_controller_of(pod("nginx:1.25")).empty());
}

BOOST_AUTO_TEST_CASE(backends_are_endpoints_of_the_same_namespace) {
    IngressLab lab;
    lab.serve("web", 3);
    lab.apply(ingress_of(
        "shop",
        "shop.example",
        {ingress_path("/", "web"),
         ingress_path("/gone", "gone"),
         ingress_path("/port", "web", R"({"number":81})"),
         ingress_path("/name", "web", R"({"name":"http"})")}));
    const auto table = lab.table();
    const auto backend = [&table](const std::string& name) {
        const auto found = std::find_if(
            table.backends.begin(), table.backends.end(), [&name](const auto& candidate) {
                return candidate.name == name;
            });
        BOOST_REQUIRE_MESSAGE(found != table.backends.end(), name);
        return *found;
    };
    BOOST_TEST(backend("default/web:80").endpoints.size() == 3U);
    BOOST_TEST(backend("default/web:80").problem.empty());
    BOOST_TEST(backend("default/gone:80").problem == "there is no Service default/gone");
    BOOST_TEST(
        backend("default/web:81").problem == "Service default/web has no TCP port 81; it has 80");
    BOOST_TEST(
        backend("default/web:http").problem ==
        "Service default/web has no TCP port http; it has 80");
    BOOST_TEST(lab.warnings.size() == 3U);
}

BOOST_AUTO_TEST_CASE(rules_follow_readiness_and_nothing_else) {
    IngressLab lab;
    lab.serve("web", 2);
    lab.apply(ingress_of("shop", "shop.example", {ingress_path("/", "web")}));
    BOOST_TEST(lab.table().backends.at(0).endpoints.size() == 2U);
    const auto pods = lab.store.list("Pod", "default");
    lab.set_ready(pods.at(0)->name(), false);
    BOOST_TEST(lab.table().backends.at(0).endpoints.size() == 1U);
    BOOST_TEST(lab.changed);
    lab.set_ready(pods.at(1)->name(), false);
    BOOST_TEST(lab.table().backends.at(0).problem == "Service default/web has no ready endpoints");
    lab.serve("unrelated", 2);
    (void)lab.table();
    lab.warnings.clear();
    lab.service("another");
    (void)lab.table();
    BOOST_TEST(!lab.changed);
    lab.remove("web");
    BOOST_TEST(lab.table().backends.at(0).problem == "there is no Service default/web");
    BOOST_TEST(lab.warnings.size() == 1U); // told once
    (void)lab.table();
    BOOST_TEST(lab.warnings.size() == 1U);
    lab.cluster.delete_object({"Ingress", "default", "shop"});
    lab.cluster.reconcile();
    BOOST_TEST(lab.table().hosts.empty());
    BOOST_TEST(lab.changed);
}

BOOST_AUTO_TEST_CASE(ingresses_of_a_class_are_merged_and_the_oldest_wins) {
    IngressLab lab;
    for (const auto* name : {"web", "cart", "blog"}) {
        lab.serve(name);
    }
    auto first = ingress_of("z-first", "shop.example", {ingress_path("/", "web")});
    first.body["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z";
    lab.store.put(std::move(first)); // an edit would not take the time
    lab.apply(ingress_of(
        "a-second",
        "SHOP.example",
        {ingress_path("/", "blog"), ingress_path("/cart", "cart")},
        R"("defaultBackend":{"service":{"name":"blog","port":{"number":80}}},)"));
    BOOST_TEST(lab.backend_of("shop.example", "/x") == "default/web:80");
    BOOST_TEST(lab.backend_of("shop.example", "/cart") == "default/cart:80");
    BOOST_TEST(lab.backend_of("unknown.example", "/") == "default/blog:80");
    BOOST_REQUIRE(lab.warnings.size() == 1U);
    BOOST_TEST(
        lab.warnings[0] == "DuplicateRule: the path / of host \"shop.example\" is also in Ingress "
                           "default/z-first, which comes first");
}

BOOST_AUTO_TEST_CASE(annotations_of_other_controllers_are_told_of) {
    IngressLab lab;
    lab.serve("web");
    auto ingress = ingress_of("web", "shop.example", {ingress_path("/", "web")});
    ingress.body["metadata"]["annotations"] = {
        {"nginx.ingress.kubernetes.io/rewrite-target", "/"}, {"team", "shop"}};
    lab.apply(std::move(ingress));
    (void)lab.table();
    BOOST_REQUIRE(lab.warnings.size() == 1U);
    BOOST_TEST(
        lab.warnings[0] ==
        "UnknownAnnotation: labctl's controller does not know, and leaves without effect: "
        "nginx.ingress.kubernetes.io/rewrite-target");
}

BOOST_AUTO_TEST_CASE(secrets_become_certificates) {
    IngressLab lab;
    lab.serve("web");
    lab.apply(ingress_of(
        "web",
        "shop.example",
        {ingress_path("/", "web")},
        R"("tls":[{"hosts":["Web.lab"],"secretName":"shop-tls"}],)"));
    BOOST_TEST(lab.table().certificates.empty());
    const std::string fallback = ": TLS clients get the controller's own certificate";
    BOOST_TEST(lab.warnings.back() == "NoSecret: there is no Secret default/shop-tls" + fallback);
    lab.apply(tls_secret("shop-tls", "no certificate", "no key"));
    BOOST_TEST(lab.table().certificates.empty());
    BOOST_TEST(lab.warnings.back().starts_with("BadSecret: Secret default/shop-tls: "));
    lab.apply(tls_secret("shop-tls", test_tls::file("ec.pem"), test_tls::file("ec.key")));
    const auto table = lab.table();
    BOOST_REQUIRE(table.certificates.size() == 1U);
    BOOST_TEST(table.certificates[0].hosts == std::vector<std::string>{"web.lab"});
    BOOST_TEST(table.certificates[0].chain_pem == test_tls::file("ec.pem"));
    lab.apply(ingress_of(
        "web",
        "shop.example",
        {ingress_path("/", "web")},
        R"("tls":[{"hosts":["blog.example"],"secretName":"shop-tls"}],)"));
    (void)lab.table();
    BOOST_TEST(lab.warnings.back().starts_with(
        "WrongCertificate: the certificate of Secret default/shop-tls is for web.lab, *.apps.lab"));
    BOOST_TEST(lab.warnings.back().ends_with(", not for blog.example"));
}

BOOST_AUTO_TEST_CASE(what_takes_a_url) {
    IngressLab lab;
    lab.serve("web", 2);
    lab.apply(ingress_of(
        "shop",
        "shop.example",
        {ingress_path("/a", "web"), ingress_path("/a/b", "gone"), ingress_path("/a/c", "web")}));
    const auto explain = [&lab](const std::string& url) {
        (void)lab.table();
        return explain_ingress(
            lab.store, lab.cluster.config(), lab.ingresses.tables(), {"external", url, "default"});
    };
    const auto found = explain("http://Shop.example:8080/a/x?y=1");
    BOOST_TEST(found["outcome"] == "endpoint");
    BOOST_TEST(found["host"] == "shop.example");
    BOOST_TEST(found["path"] == "/a/x");
    BOOST_TEST(found["rule"]["kind"] == "exact");
    BOOST_TEST(found["backend"]["name"] == "default/web:80");
    BOOST_REQUIRE(found["endpoints"].size() == 2U);
    BOOST_TEST(found["endpoints"][0]["probability"] == 0.5);
    BOOST_TEST(found["endpoints"][0]["node"].is_string());
    BOOST_REQUIRE(found["paths"].size() == 3U);
    BOOST_TEST(found["paths"][0]["matches"] == false);
    BOOST_TEST(found["paths"][2]["chosen"] == true);
    BOOST_TEST(found["controller"]["pods"].size() == 1U);
    BOOST_TEST(!found.contains("certificate"));
    BOOST_TEST(explain("https://shop.example/a")["certificate"] == "");
    BOOST_TEST(explain("http://shop.example/a/b")["outcome"] == "no-endpoints");
    BOOST_TEST(
        explain("http://shop.example/a/b")["backend"]["problem"] ==
        "there is no Service default/gone");
    BOOST_TEST(explain("http://shop.example")["outcome"] == "no-rule");
    BOOST_TEST(explain("http://other/")["outcome"] == "no-rule");
    BOOST_TEST(!explain("http://other/").contains("rule"));
    BOOST_TEST(explain("http://shop.example/../a")["outcome"] == "bad-request");
    BOOST_CHECK_THROW(explain("http:///a"), netemu::UsageError);
    const auto& config = lab.cluster.config();
    const auto& tables = lab.ingresses.tables();
    BOOST_CHECK_THROW(
        explain_ingress(lab.store, config, {}, {"external", "http://shop.example/", "default"}),
        netemu::UsageError);
    BOOST_CHECK_THROW(
        explain_ingress(lab.store, config, tables, {"nobody", "http://shop.example/", "default"}),
        netemu::UsageError);
    const auto pod = lab.store.list("Pod", "default").front()->name();
    BOOST_TEST(
        explain_ingress(
            lab.store, config, tables, {pod, "http://shop.example/a", "default"})["from"]["name"] ==
        "default/" + pod);
}

BOOST_AUTO_TEST_CASE(the_world_knows_the_hosts) {
    IngressLab lab;
    BOOST_TEST(ingress_records(lab.store, "").empty());
    lab.apply(ingress_of("shop", "shop.example", {ingress_path("/", "web")}));
    lab.apply(ingress_of("same", "shop.example", {ingress_path("/x", "web")}));
    lab.apply(ingress_of("wild", "*.apps.example", {ingress_path("/", "web")}));
    lab.apply(ingress_of("any", "", {ingress_path("/", "web")}));
    const auto web = lab.store.get({"Ingress", "default", "shop"});
    const auto ip = loaded(web)[0]["ip"].get<std::string>();
    BOOST_TEST(
        ingress_records(lab.store, "other. 60 IN A 192.0.2.1\n") ==
        "*.apps.example. 60 IN A " + ip + "\nshop.example. 60 IN A " + ip + "\n");
    BOOST_TEST(
        ingress_records(lab.store, "Shop.example. 60 IN A 192.0.2.1\n") ==
        "*.apps.example. 60 IN A " + ip + "\n"); // the lab file's word counts
}

BOOST_AUTO_TEST_SUITE_END()
