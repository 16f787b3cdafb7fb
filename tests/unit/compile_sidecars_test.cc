#include <boost/test/unit_test.hpp>

#include "labctl/compile/sidecar_objects.h"
#include "labctl/compile/sidecars.h"
#include "tests/unit/compile_service_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;
using mesh::SidecarProtocol;
using mesh::istio::MtlsMode;

namespace {

ClusterConfig mesh_config(bool dual = false) {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["dns"] = {{"enabled", false}};
    lab.body["spec"]["mesh"] = {{"profile", "istio"}};
    if (dual) {
        lab.body["spec"]["podCIDR"] = "10.244.0.0/16,fd00:10:244::/56";
        lab.body["spec"]["serviceCIDR"] = "10.96.0.0/12,fd00:10:96::/112";
    }
    return ClusterConfig::from_lab(lab);
}

/// A lab with Istio, in whose namespace "default" injection is on.
struct MeshLab : ServiceLab {
    explicit MeshLab(bool dual = false) : ServiceLab(mesh_config(dual)) {
        apply(object_of(R"({"apiVersion":"v1","kind":"Namespace",
            "metadata":{"name":"default","labels":{"istio-injection":"enabled"}}})"));
        sidecars = std::make_unique<Sidecars>(store, cluster.config());
    }

    void pod(const std::string& name, const std::string& metadata = "{}") {
        auto object = bare_pod(name, name);
        object.body["metadata"].merge_patch(api::Json::parse(metadata));
        apply(std::move(object));
        run_all();
    }
    void policy(const std::string& kind, const std::string& name, const std::string& spec) {
        apply(object_of(
            R"({"apiVersion":"security.istio.io/v1","kind":")" + kind +
            R"(","metadata":{"namespace":"default","name":")" + name + R"("},"spec":)" + spec +
            "}"));
    }
    const mesh::SidecarTable& table() {
        (void)sidecars->update();
        return sidecars->table();
    }
    /// All entries of "web" and the like, port 80.
    std::vector<mesh::SidecarService> entries(const std::string& name, int port = 80) {
        std::vector<mesh::SidecarService> found;
        for (const auto& service : table().services) {
            if (service.name ==
                "outbound|" + std::to_string(port) + "||" + name + ".default.svc.cluster.local") {
                found.push_back(service);
            }
        }
        return found;
    }
    MtlsMode mode(const std::string& pod, std::uint16_t port) {
        return mesh::sidecar_port(table().workloads.at("default/" + pod), port).mode;
    }

    std::unique_ptr<Sidecars> sidecars;
};

constexpr const char* kWithoutSidecar = R"({"labels":{"sidecar.istio.io/inject":"false"}})";

} // namespace

/// Reference 6.4.
BOOST_AUTO_TEST_CASE(protocols_of_ports) {
    const struct {
        const char* app_protocol;
        const char* name;
        std::uint16_t port;
        SidecarProtocol protocol;
    } cases[] = {
        {"", "", 80, SidecarProtocol::Detect},
        {"", "web", 80, SidecarProtocol::Detect},
        {"", "http", 1, SidecarProtocol::Http},
        {"", "http-web", 1, SidecarProtocol::Http},
        {"", "http2", 1, SidecarProtocol::Http},
        {"", "http2-x", 1, SidecarProtocol::Http},
        {"", "grpc", 1, SidecarProtocol::Http},
        {"", "grpc-web", 1, SidecarProtocol::Http},
        {"", "grpc-web-x", 1, SidecarProtocol::Http},
        {"", "httpx", 1, SidecarProtocol::Detect},
        {"", "https", 443, SidecarProtocol::Tcp},
        {"", "tls-x", 1, SidecarProtocol::Tcp},
        {"", "tcp", 1, SidecarProtocol::Tcp},
        {"", "tcp-http", 1, SidecarProtocol::Tcp},
        {"", "mongo", 1, SidecarProtocol::Tcp},
        {"", "mysql-db", 1, SidecarProtocol::Tcp},
        {"", "redis", 1, SidecarProtocol::Tcp},
        {"", "", 3306, SidecarProtocol::Tcp},
        {"", "", 25, SidecarProtocol::Tcp},
        {"", "", 53, SidecarProtocol::Tcp},
        {"", "x", 27017, SidecarProtocol::Tcp},
        {"", "http", 3306, SidecarProtocol::Http},
        {"tcp", "http", 1, SidecarProtocol::Tcp},
        {"http", "tcp", 1, SidecarProtocol::Http},
        {"http-x", "", 1, SidecarProtocol::Detect}, // only names have suffixes
        {"kubernetes.io/h2c", "", 1, SidecarProtocol::Http},
        {"kubernetes.io/ws", "", 1, SidecarProtocol::Http},
        {"kubernetes.io/wss", "", 1, SidecarProtocol::Tcp},
        {"example.com/mine", "http", 1, SidecarProtocol::Detect}};
    for (const auto& each : cases) {
        BOOST_TEST(
            (sidecar_protocol(each.app_protocol, each.name, each.port) == each.protocol),
            each.app_protocol << " " << each.name << " " << each.port);
    }
}

/// Reference 5.1, all of it.
BOOST_AUTO_TEST_CASE(pods_that_want_a_sidecar) {
    store::Store store;
    const auto wants = [&store](
                           const std::string& of_namespace,
                           const std::string& label,
                           const std::string& annotation,
                           bool host_network) {
        auto ns = object_of(R"({"kind":"Namespace","metadata":{"name":"n","labels":{}}})");
        if (!of_namespace.empty()) {
            ns.body["metadata"]["labels"]["istio-injection"] = of_namespace;
        }
        store.put(std::move(ns));
        auto pod = bare_pod("p").body;
        pod["metadata"]["namespace"] = "n";
        if (!label.empty()) {
            pod["metadata"]["labels"]["sidecar.istio.io/inject"] = label;
        }
        if (!annotation.empty()) {
            pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = annotation;
        }
        if (host_network) {
            pod["spec"]["hostNetwork"] = true;
        }
        return wants_sidecar(store, pod);
    };
    for (const std::string annotation : {"", "true", "false"}) {
        BOOST_TEST(wants("enabled", "", annotation, false) == (annotation != "false"));
        BOOST_TEST(wants("enabled", "true", annotation, false));
        BOOST_TEST(!wants("enabled", "false", annotation, false));
        for (const std::string of_namespace : {"", "something"}) {
            BOOST_TEST(wants(of_namespace, "true", annotation, false));
            BOOST_TEST(!wants(of_namespace, "false", annotation, false));
            BOOST_TEST(!wants(of_namespace, "", annotation, false));
        }
        for (const std::string label : {"", "true", "false"}) {
            BOOST_TEST(!wants("disabled", label, annotation, false));
            BOOST_TEST(!wants("enabled", label, annotation, true));
            BOOST_TEST(!wants("", label, annotation, true));
        }
    }
    auto pod = bare_pod("p").body; // has one: never twice
    pod["metadata"]["namespace"] = "n";
    pod["metadata"]["labels"]["sidecar.istio.io/inject"] = "true";
    store.put(object_of(R"({"kind":"Namespace","metadata":{"name":"n"}})"));
    BOOST_TEST(wants_sidecar(store, pod));
    BOOST_TEST(!has_sidecar(pod));
    inject_sidecar(pod);
    BOOST_TEST(has_sidecar(pod));
    BOOST_TEST(!wants_sidecar(store, pod));
    pod["spec"]["hostNetwork"] = true; // as somebody wrote it: nobody takes the node's connections
    BOOST_TEST(!has_sidecar(pod));
    pod["metadata"]["namespace"] = "nowhere";
    BOOST_TEST(!wants_sidecar(store, pod));
}

BOOST_AUTO_TEST_CASE(tables_of_services_with_and_without_sidecars) {
    MeshLab lab;
    BOOST_TEST(lab.table().services.empty()); // nobody is there to use it
    lab.pod("web", R"({"labels":{"app":"all"}})");
    lab.pod("old", R"({"labels":{"app":"all","sidecar.istio.io/inject":"false"}})");
    lab.service(
        "svc",
        R"("selector":{"app":"all"},"ports":[{"name":"http","port":80,"targetPort":8080},
           {"name":"dns","port":53,"protocol":"UDP"}])");
    const auto found = lab.entries("svc");
    BOOST_REQUIRE(found.size() == 1);
    const auto& known = found[0];
    BOOST_TEST(known.sni == "outbound_.80_._.svc.default.svc.cluster.local");
    BOOST_TEST((known.protocol == SidecarProtocol::Http));
    BOOST_REQUIRE(known.addresses.size() == 1);
    BOOST_TEST(
        known.addresses[0].to_string() ==
        lab.get("svc")["spec"]["clusterIP"].get<std::string>() + ":80");
    BOOST_REQUIRE(known.endpoints.size() == 2);
    for (const auto& endpoint : known.endpoints) {
        BOOST_TEST(endpoint.address.port == 8080);
        BOOST_TEST(endpoint.mtls == (endpoint.pod == "default/web"));
    }
    BOOST_TEST(
        known.server_ids ==
        std::vector<std::string>{"spiffe://cluster.local/ns/default/sa/default"});
    BOOST_TEST(lab.entries("svc", 53).empty()); // UDP is not for sidecars
    BOOST_TEST(lab.table().workloads.size() == 1);
    const auto& workload = lab.table().workloads.at("default/web");
    BOOST_TEST(workload.account == "default/default");
    BOOST_TEST((mesh::sidecar_port(workload, 8080).protocol == SidecarProtocol::Http));
    BOOST_TEST((mesh::sidecar_port(workload, 80).protocol == SidecarProtocol::Detect));
    // Nothing changes, and nothing is made.
    BOOST_TEST(!lab.sidecars->update());
    lab.set_ready("web", false);
    BOOST_TEST(lab.entries("svc")[0].endpoints.size() == 1);
    // Who it may be does not hang on who is ready.
    BOOST_TEST(lab.entries("svc")[0].server_ids.size() == 1);
    lab.remove("svc");
    BOOST_TEST(lab.entries("svc").empty());
}

BOOST_AUTO_TEST_CASE(tables_of_headless_services_and_external_names) {
    MeshLab lab;
    lab.pod("db-0", R"({"labels":{"app":"db"}})");
    lab.pod("db-1", R"({"labels":{"app":"db"}})");
    lab.service("db", R"("clusterIP":"None","selector":{"app":"db"})");
    lab.service("out", R"("type":"ExternalName","externalName":"a.example")");
    const auto found = lab.entries("db");
    BOOST_REQUIRE(found.size() == 2);
    for (const auto& each : found) { // each pod by its own address
        BOOST_REQUIRE(each.endpoints.size() == 1);
        BOOST_TEST((each.addresses == std::vector{each.endpoints[0].address}));
        BOOST_TEST(each.endpoints[0].mtls);
    }
    BOOST_TEST((found[0].addresses != found[1].addresses));
    BOOST_TEST(lab.entries("out").empty());
}

BOOST_AUTO_TEST_CASE(tables_of_both_families) {
    MeshLab lab(true);
    lab.pod("web");
    lab.service("both", R"("selector":{"app":"web"},"ipFamilyPolicy":"RequireDualStack")");
    lab.service(
        "six", R"("selector":{"app":"web"},"ipFamilyPolicy":"SingleStack","ipFamilies":["IPv6"])");
    const auto both = lab.entries("both");
    BOOST_REQUIRE(both.size() == 1);
    BOOST_TEST(both[0].addresses.size() == 2);
    BOOST_REQUIRE(both[0].endpoints.size() == 1); // one way to each pod is enough
    BOOST_TEST(both[0].endpoints[0].address.address.is_v4());
    const auto six = lab.entries("six");
    BOOST_REQUIRE(six.size() == 1);
    BOOST_TEST(six[0].addresses.size() == 1);
    BOOST_REQUIRE(six[0].endpoints.size() == 1);
    BOOST_TEST(!six[0].endpoints[0].address.address.is_v4());
    BOOST_TEST(six[0].endpoints[0].mtls);
}

BOOST_AUTO_TEST_CASE(tables_follow_peer_authentications) {
    MeshLab lab;
    lab.pod("web");
    lab.pod("other", kWithoutSidecar);
    lab.service("web", R"("selector":{"app":"web"},"ports":[{"port":80,"targetPort":8080}])");
    BOOST_TEST((lab.mode("web", 8080) == MtlsMode::Permissive));
    lab.policy("PeerAuthentication", "default", R"({"mtls":{"mode":"STRICT"}})");
    BOOST_TEST((lab.mode("web", 8080) == MtlsMode::Strict));
    BOOST_TEST((lab.mode("web", 1) == MtlsMode::Strict)); // declared by nobody, too
    lab.policy(
        "PeerAuthentication",
        "ports",
        R"({"selector":{"matchLabels":{"app":"web"}},"mtls":{"mode":"PERMISSIVE"},
            "portLevelMtls":{"8080":{"mode":"DISABLE"},"9000":{"mode":"STRICT"}}})");
    BOOST_TEST((lab.mode("web", 8080) == MtlsMode::Disable));
    BOOST_TEST((lab.mode("web", 9000) == MtlsMode::Strict)); // of the pod, not of a Service
    BOOST_TEST((lab.mode("web", 1) == MtlsMode::Permissive));
    lab.pod("third");
    BOOST_TEST(lab.table().workloads.at("default/third").ports.empty()); // the policy is not for it
    BOOST_TEST(!lab.entries("web")[0].endpoints[0].mtls);                // auto mTLS
}

BOOST_AUTO_TEST_CASE(tables_name_the_policies_of_each_pod) {
    MeshLab lab;
    lab.pod("web");
    lab.pod("db");
    lab.policy("AuthorizationPolicy", "a", R"({"selector":{"matchLabels":{"app":"web"}}})");
    lab.policy("AuthorizationPolicy", "b", R"({"action":"DENY","rules":[{}]})");
    const auto names = [&lab](const std::string& pod) {
        std::string text;
        for (const auto index : lab.table().workloads.at("default/" + pod).policies) {
            text += lab.table().policies.at(index).name;
        }
        return text;
    };
    BOOST_TEST(names("web") == "ab");
    BOOST_TEST(names("db") == "b");
    lab.cluster.delete_object({"AuthorizationPolicy", "default", "a"});
    lab.cluster.reconcile();
    BOOST_TEST(names("web") == "b");
    lab.cluster.delete_object({"Pod", "default", "db"});
    lab.cluster.delete_object({"Pod", "default", "web"});
    lab.cluster.reconcile();
    for (const auto& pod : lab.store.list("Pod")) {
        lab.store.remove(pod->key());
    }
    BOOST_TEST(lab.table().workloads.empty());
}

BOOST_AUTO_TEST_CASE(tables_name_what_validates_the_tokens_of_each_pod) {
    MeshLab lab;
    lab.pod("web");
    lab.pod("db");
    const std::string rules = R"("jwtRules":[{"issuer":"i"}])";
    lab.policy(
        "RequestAuthentication",
        "a",
        R"({"selector":{"matchLabels":{"app":"web"}},)" + rules + "}");
    lab.policy("RequestAuthentication", "b", "{" + rules + "}");
    lab.policy("RequestAuthentication", "c", R"({"targetRefs":[{"kind":"Gateway","name":"g"}]})");
    const auto names = [&lab](const std::string& pod) {
        std::string text;
        const auto& table = lab.table();
        for (const auto& each :
             mesh::request_authentications(table, table.workloads.at("default/" + pod))) {
            text += each.name + each.rules.at(0).issuer;
        }
        return text;
    };
    BOOST_TEST(names("web") == "aibi");
    BOOST_TEST(names("db") == "bi");
    lab.cluster.delete_object({"RequestAuthentication", "default", "b"});
    lab.cluster.reconcile();
    BOOST_TEST(names("web") == "ai");
    BOOST_TEST(names("db") == "");
}

BOOST_AUTO_TEST_CASE(labs_without_a_mesh_have_no_sidecars) {
    ServiceLab lab;
    Sidecars sidecars(lab.store, lab.cluster.config());
    lab.apply(object_of(R"({"apiVersion":"v1","kind":"Namespace",
        "metadata":{"name":"default","labels":{"istio-injection":"enabled"}}})"));
    lab.apply(bare_pod("p"));
    lab.service("web");
    BOOST_TEST(!sidecars.update());
    BOOST_TEST(!has_sidecar(lab.store.get({"Pod", "default", "p"})->body));
}
// NOLINTEND
