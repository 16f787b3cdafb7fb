#include "tests/unit/explain_mesh_fixture.h"

#include <fstream>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/cluster.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/source.h"
#include "labctl/manifest/read.h"

namespace labctl::test {

namespace {

compile::ClusterConfig mesh_config() {
    auto lab = compile::ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["mesh"] = {{"profile", "istio"}};
    lab.body["spec"]["dns"] = {{"enabled", false}};
    lab.body["spec"]["ingress"] = {{"enabled", false}};
    return compile::ClusterConfig::from_lab(lab);
}

store::Store mesh_store(const std::string& yaml, const compile::ClusterConfig& config) {
    const auto result = manifest::read_text(yaml, "mesh.yaml");
    store::Store store;
    compile::Cluster cluster(store, config);
    cluster.assume_ready();
    cluster.bootstrap();
    for (const auto& object : result.objects) {
        cluster.apply_object(object);
    }
    cluster.reconcile();
    return store.snapshot();
}

std::string policy_yaml(
    const char* kind, const std::string& ns, const std::string& name, const std::string& spec) {
    return std::string("---\napiVersion: security.istio.io/v1\nkind: ") + kind +
           "\nmetadata: {name: " + name + ", namespace: " + ns + "}\nspec: " + spec + "\n";
}

api::Json explained(const MeshLab& lab, const explain::ExplainQuestion& question) {
    auto answer = explain::explain_path(
        lab.store,
        lab.config,
        *lab.proxies,
        explain::connection_question(question),
        {[](auto&&...) { return std::vector<netemu::NftRuleInfo>{}; }, {}, {}, {}});
    explain::explain_sources(answer, {}, lab.store);
    explain::explain_mesh(answer, {lab.store, lab.config, lab.sidecars->table()}, question);
    return answer;
}

/// Without its line's end.
std::string token_file(const std::string& name) {
    std::ifstream file(std::string(LABCTL_SOURCE_DIR) + "/labs/mesh/tokens/" + name);
    std::string text;
    BOOST_REQUIRE(std::getline(file, text));
    return text;
}

} // namespace

std::string mesh_shop_yaml() {
    return R"(apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: legacy}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: frontend, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: backend, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      serviceAccountName: backend
      containers: [{name: web, image: x, ports: [{containerPort: 8080}, {containerPort: 9000}]}]
---
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: shop}
spec:
  selector: {app: backend}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}, {name: other, port: 7000}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  clusterIP: None
  selector: {app: backend}
  ports: [{name: tcp-sql, port: 5432}]
---
apiVersion: v1
kind: Pod
metadata: {name: frontend, namespace: shop, labels: {app: frontend}}
spec:
  serviceAccountName: frontend
  containers: [{name: web, image: x, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: legacy, labels: {app: old}}
spec: {containers: [{name: web, image: x, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: legacy}
spec: {selector: {app: old}, ports: [{name: http, port: 80, targetPort: 8080}]}
)";
}

std::string
authorization_yaml(const std::string& ns, const std::string& name, const std::string& spec) {
    return policy_yaml("AuthorizationPolicy", ns, name, spec);
}

std::string
authentication_yaml(const std::string& ns, const std::string& name, const std::string& spec) {
    return policy_yaml("PeerAuthentication", ns, name, spec);
}

std::string token_yaml(
    const std::string& ns,
    const std::string& name,
    const std::string& selector,
    const std::string& more) {
    return policy_yaml(
        "RequestAuthentication",
        ns,
        name,
        "{" + (selector.empty() ? "" : "selector: {matchLabels: {" + selector + "}}, ") +
            "jwtRules: [{issuer: lab@shop.example, jwks: '" + token_file("jwks.json") + "'" + more +
            "}]}");
}

std::string bearer_of(const std::string& name) {
    return "Bearer " + token_file(name + ".jwt");
}

MeshLab::MeshLab(const std::string& yaml)
    : store(mesh_store(mesh_shop_yaml() + yaml, mesh_config())), config(mesh_config()),
      proxies(std::make_unique<compile::Proxies>(store, config)),
      sidecars(std::make_unique<compile::Sidecars>(store, config)) {
    (void)proxies->update();
    (void)sidecars->update();
}

api::Json
MeshLab::explain(const std::string& from, const std::string& to, const std::string& method) {
    explain::ExplainQuestion question{from, to, "shop"};
    question.method = method;
    return explained(*this, question);
}

api::Json MeshLab::explain_with_token(
    const std::string& from, const std::string& to, const std::string& authorization) {
    explain::ExplainQuestion question{from, to, "shop"};
    question.headers = {{"authorization", authorization}};
    return explained(*this, question);
}

api::Json
MeshLab::inbound(const std::string& from, const std::string& to, const std::string& method) {
    const auto stories = explain(from, to, method).at("mesh").at("inbound");
    BOOST_REQUIRE_EQUAL(stories.size(), 1U);
    return stories[0];
}

std::string MeshLab::hints(const std::string& from, const std::string& to) {
    std::string text;
    const auto answer = explain(from, to);
    for (const auto& hint : answer.at("mesh").at("hints")) {
        text += api::string_at(hint, "text") + " | " + api::string_at(hint, "remedy") + "\n";
    }
    return text;
}

std::string MeshLab::pod_of(const std::string& ns, const std::string& app) const {
    return ns + "/" + store.list("Pod", ns, api::Selector::parse("app=" + app)).at(0)->name();
}

void MeshLab::label_namespace(
    const std::string& ns, const std::string& key, const std::string& value) {
    auto object = *store.get({"Namespace", {}, ns});
    object.body["metadata"]["labels"][key] = value;
    store.put(std::move(object));
}

} // namespace labctl::test
