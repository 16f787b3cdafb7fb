// Expected values: what `kubectl get -o yaml` shows after `kubectl create` on Kubernetes 1.32, by
// hand.
#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

const std::string kTemplate =
    "selector: {matchLabels: {a: b}}\n"
    "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}\n";

std::string workload(const std::string& kind, const std::string& spec) {
    auto text = deployment(spec);
    return text.replace(text.find("Deployment"), 10, kind);
}

} // namespace

BOOST_AUTO_TEST_SUITE(defaults)

BOOST_AUTO_TEST_CASE(pod) {
    const auto read = object(
        manifest_test::pod("containers:\n- name: c\n  image: nginx\n  ports: [{containerPort: "
                           "80}]\n  resources: {limits: {cpu: 1, memory: 64Mi}}\n"
                           "  readinessProbe: {httpGet: {port: 80}}\n  env: [{name: IP, valueFrom: "
                           "{fieldRef: {fieldPath: status.podIP}}}]\n"
                           "volumes:\n- {name: v}\n- {name: s, secret: {secretName: x}}\n"));
    BOOST_TEST(read == Json::parse(R"({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "default"},
        "spec": {
            "containers": [{
                "name": "c", "image": "nginx", "imagePullPolicy": "Always",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "1", "memory": "64Mi"}},
                "readinessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                                   "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}}],
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
            "schedulerName": "default-scheduler", "securityContext": {}, "enableServiceLinks": true,
            "serviceAccountName": "default"}})"));
}

BOOST_AUTO_TEST_CASE(image_pull_policy_follows_the_tag) {
    const auto policy_of = [](const std::string& image) {
        return object(manifest_test::pod(
            "containers: [{name: c, image: '" + image +
            "'}]"))["spec"]["containers"][0]["imagePullPolicy"];
    };
    BOOST_TEST(policy_of("nginx") == "Always");
    BOOST_TEST(policy_of("nginx:latest") == "Always");
    BOOST_TEST(policy_of("nginx:1.25") == "IfNotPresent");
    BOOST_TEST(policy_of("localhost:5000/nginx") == "Always");
    BOOST_TEST(policy_of("localhost:5000/nginx:2") == "IfNotPresent");
    BOOST_TEST(policy_of("nginx@sha256:0123") == "IfNotPresent");
}

BOOST_AUTO_TEST_CASE(deployment_and_replica_set) {
    const auto spec = object(manifest_test::deployment(kTemplate))["spec"];
    BOOST_TEST(spec["replicas"] == 1);
    BOOST_TEST(spec["revisionHistoryLimit"] == 10);
    BOOST_TEST(spec["progressDeadlineSeconds"] == 600);
    BOOST_TEST(
        spec["strategy"] ==
        Json::parse(
            R"({"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}})"));
    BOOST_TEST(!spec["template"]["spec"].contains("enableServiceLinks")); // only on pods
    BOOST_TEST(
        object(manifest_test::deployment(
            kTemplate + "strategy: {type: Recreate}"))["spec"]["strategy"] ==
        Json({{"type", "Recreate"}}));
    BOOST_TEST(object(workload("ReplicaSet", kTemplate))["spec"]["replicas"] == 1);
    BOOST_TEST(
        object(manifest_test::deployment(kTemplate + "replicas: 0"))["spec"]["replicas"] == 0);
}

BOOST_AUTO_TEST_CASE(stateful_set_daemon_set_and_job) {
    const auto set = object(workload("StatefulSet", kTemplate + "serviceName: s"))["spec"];
    BOOST_TEST(set["podManagementPolicy"] == "OrderedReady");
    BOOST_TEST(
        set["updateStrategy"] ==
        Json::parse(R"({"type":"RollingUpdate","rollingUpdate":{"partition":0}})"));
    BOOST_TEST(
        set["persistentVolumeClaimRetentionPolicy"] ==
        Json({{"whenDeleted", "Retain"}, {"whenScaled", "Retain"}}));
    const auto daemon = object(workload("DaemonSet", kTemplate))["spec"];
    BOOST_TEST(
        daemon["updateStrategy"] ==
        Json::parse(
            R"({"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}})"));
    const std::string job =
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  template: {spec: "
        "{restartPolicy: Never, containers: [{name: c, image: i}]}}\n";
    const auto spec = object(job)["spec"];
    BOOST_TEST(spec["parallelism"] == 1);
    BOOST_TEST(spec["completions"] == 1);
    BOOST_TEST(spec["backoffLimit"] == 6);
    BOOST_TEST(spec["completionMode"] == "NonIndexed");
    BOOST_TEST(spec["suspend"] == false);
    BOOST_TEST(!object(job + "  parallelism: 3\n")["spec"].contains("completions"));
}

BOOST_AUTO_TEST_CASE(services) {
    const auto plain = object(service(
        "ports:\n- {name: a, port: 80}\n- {name: b, port: 53, protocol: UDP, targetPort: dns}"))
        ["spec"];
    BOOST_TEST(
        plain ==
        Json::parse(
            R"({"type":"ClusterIP","sessionAffinity":"None","internalTrafficPolicy":"Cluster","ports":[
        {"name":"a","port":80,"protocol":"TCP","targetPort":80},{"name":"b","port":53,"protocol":"UDP","targetPort":"dns"}]})"));
    const auto balanced = object(
        service("type: LoadBalancer\nsessionAffinity: ClientIP\nports: [{port: 80}]"))["spec"];
    BOOST_TEST(balanced["externalTrafficPolicy"] == "Cluster");
    BOOST_TEST(balanced["allocateLoadBalancerNodePorts"] == true);
    BOOST_TEST(balanced["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] == 10800);
    BOOST_TEST(
        object(service("clusterIP: 10.96.0.9\nports: [{port: 80}]"))["spec"]["clusterIPs"] ==
        Json::parse(R"(["10.96.0.9"])"));
    const auto external =
        object(service("type: ExternalName\nexternalName: db.example.com"))["spec"];
    BOOST_TEST(
        external == Json(
                        {{"type", "ExternalName"},
                         {"externalName", "db.example.com"},
                         {"sessionAffinity", "None"}}));
}

BOOST_AUTO_TEST_CASE(network_policies) {
    const auto types = [](const std::string& spec) {
        return object(policy(spec))["spec"]["policyTypes"];
    };
    BOOST_TEST(types("podSelector: {}") == Json::parse(R"(["Ingress"])"));
    BOOST_TEST(types("podSelector: {}\negress: []") == Json::parse(R"(["Ingress"])"));
    BOOST_TEST(types("podSelector: {}\negress: [{}]") == Json::parse(R"(["Ingress","Egress"])"));
    BOOST_TEST(types("podSelector: {}\npolicyTypes: [Egress]") == Json::parse(R"(["Egress"])"));
    BOOST_TEST(
        object(policy(
            "podSelector: {}\ningress: [{ports: [{port: 80}]}]"))["spec"]["ingress"][0]["ports"][0]
                                                                 ["protocol"] == "TCP");
}

BOOST_AUTO_TEST_CASE(others) {
    BOOST_TEST(
        object("apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n")["metadata"] ==
        Json::parse(R"({"name":"prod","labels":{"kubernetes.io/metadata.name":"prod"}})"));
    BOOST_TEST(
        object("apiVersion: v1\nkind: Node\nmetadata: {name: node}\nspec: {podCIDR: 10.1.0.0/24}\n")
            ["spec"]["podCIDRs"] == Json::parse(R"(["10.1.0.0/24"])"));
    const auto slice = object(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\naddressType: "
        "IPv4\nendpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 80}]\n");
    BOOST_TEST(slice["ports"][0] == Json::parse(R"({"name":"","port":80,"protocol":"TCP"})"));
}

BOOST_AUTO_TEST_CASE(namespaces) {
    ReadOptions options;
    options.default_namespace = "prod";
    options.known_namespaces = {"prod"};
    BOOST_TEST(object(service("ports: [{port: 80}]"), options)["metadata"]["namespace"] == "prod");
    options.one_namespace = true;
    auto text = service("ports: [{port: 80}]");
    text.insert(text.find("  name: a"), "  namespace: test\n");
    BOOST_TEST(
        findings(text, options)[0] ==
        "4:14 error: Service \"a\": metadata.namespace: the namespace from the provided object "
        "\"test\" does not match the namespace \"prod\" | leave it out of the object, or give -n "
        "test");
    BOOST_TEST(!object("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: "
                       "{name: 'system:x'}\n")["metadata"]
                    .contains("namespace"));
    const auto custom = labctl::manifest::read_text(
        "apiVersion: x.example.com/v1\nkind: Planet\nmetadata: {name: a}\n---\napiVersion: "
        "apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: planets.x.example.com}\nspec: {group: x.example.com, scope: Cluster, "
        "names: {kind: Planet}}\n",
        "x");
    BOOST_TEST(custom.objects[0].ns() == "");
}

BOOST_AUTO_TEST_CASE(defaults_are_stable) {
    for (const auto& text :
         {manifest_test::deployment(kTemplate),
          service("type: NodePort\nports: [{port: 80}]"),
          policy("egress: [{}]")}) {
        auto once = labctl::manifest::read_text(text, "x").objects[0];
        auto twice = once;
        BOOST_TEST(labctl::manifest::complete_object(twice).list.empty());
        BOOST_TEST(twice.body == once.body);
    }
}

BOOST_AUTO_TEST_SUITE_END()
