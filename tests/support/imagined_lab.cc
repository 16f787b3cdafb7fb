#include "tests/support/imagined_lab.h"

#include "labctl/compile/cluster.h"
#include "labctl/manifest/read.h"

namespace labctl::test {

store::Store imagined_lab(const std::string& yaml) {
    const auto result = manifest::read_text(yaml, "lab.yaml");
    store::Store store;
    compile::Cluster cluster(
        store, compile::ClusterConfig::from_lab(compile::ClusterConfig::default_lab("test", 3)));
    cluster.assume_ready();
    cluster.bootstrap();
    for (const auto& object : result.objects) {
        cluster.apply_object(object);
    }
    cluster.reconcile();
    return store.snapshot();
}

std::string namespace_yaml(const std::string& name) {
    return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name +
           ", labels: {team: " + name + "}}\n";
}

std::string deployment_yaml(
    const std::string& ns, const std::string& name, int port, const std::string& protocol) {
    return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name +
           ", namespace: " + ns +
           "}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: " + name +
           "}}\n  template:\n    metadata: {labels: {app: " + name +
           "}}\n    spec: {containers: [{name: c, image: x, ports: [{name: http, containerPort: " +
           std::to_string(port) + ", protocol: " + protocol + "}]}]}\n";
}

std::string netpol_yaml(const std::string& ns, const std::string& name, std::string spec) {
    for (std::size_t at = 0; (at = spec.find('\n', at)) != std::string::npos; at += 3) {
        spec.insert(at + 1, "  ");
    }
    return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
           ", namespace: " + ns + "}\nspec:\n  " + spec + "\n";
}

} // namespace labctl::test
