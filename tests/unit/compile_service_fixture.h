#pragma once

#include "labctl/api/status_error.h"
#include "tests/unit/compile_fixture.h"

namespace labctl::compile {

inline ClusterConfig dual_stack_config(std::size_t nodes = 2) {
    auto lab = ClusterConfig::default_lab("test", nodes);
    lab.body["spec"]["podCIDR"] = "10.244.0.0/16,fd00:10:244::/56";
    lab.body["spec"]["serviceCIDR"] = "10.96.0.0/12,fd00:10:96::/112";
    lab.body["spec"]["dns"] = {{"enabled", false}};
    return ClusterConfig::from_lab(lab);
}

/// A Service of port 80 with these further fields of its spec, as JSON ("\"type\":\"NodePort\"").
inline api::Object service_of(const std::string& name, const std::string& spec = {}) {
    auto object = object_of(
        R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + name +
        R"(","namespace":"default"},"spec":{)" + spec + "}}");
    if (!object.body["spec"].contains("ports")) {
        object.body["spec"]["ports"] = {{{"port", 80}, {"protocol", "TCP"}, {"targetPort", 80}}};
    }
    return object;
}

struct ServiceLab {
    explicit ServiceLab(ClusterConfig config = config_of(3)) : cluster(store, std::move(config)) {
        cluster.bootstrap();
        cluster.reconcile();
    }

    api::Json apply(api::Object object) {
        auto result = cluster.apply_object(std::move(object));
        cluster.reconcile();
        return store.get(result.object->key())->body;
    }
    api::Json service(const std::string& name, const std::string& spec = {}) {
        return apply(service_of(name, spec))["spec"];
    }
    [[nodiscard]] api::Json get(const std::string& name) const {
        return store.get({"Service", "default", name})->body;
    }
    api::Json patch(const std::string& name, const std::string& spec) {
        const auto patch = api::Json::parse("{\"spec\":{" + spec + "}}");
        cluster.merge_patch({"Service", "default", name}, patch);
        cluster.reconcile();
        return get(name)["spec"];
    }
    void remove(const std::string& name) {
        cluster.delete_object({"Service", "default", name});
        cluster.reconcile();
    }
    /// What the API server says when it refuses; "" when it does not.
    std::string refusal(const std::function<void()>& work) {
        const auto revision = store.revision();
        try {
            work();
        } catch (const api::StatusError& error) {
            return store.revision() == revision ? error.what() : "something was stored";
        }
        return {};
    }
    void run_all() {
        for (const auto& pod : store.list("Pod")) {
            cluster.set_runtime(pod->key(), {true, true, {}, {}, {}, 0, 0});
        }
        cluster.reconcile();
    }
    void set_ready(const std::string& pod, bool ready) {
        cluster.set_runtime({"Pod", "default", pod}, {true, ready, {}, {}, {}, 0, 0});
        cluster.reconcile();
    }
    [[nodiscard]] std::vector<api::ObjectPtr> slices(const std::string& name) const {
        return store.list(
            "EndpointSlice", "default", api::Selector::parse("kubernetes.io/service-name=" + name));
    }
    /// "10.244.1.2 ready serving", one line for each endpoint of each slice.
    [[nodiscard]] std::string endpoints(const std::string& name) const {
        std::string text;
        for (const auto& slice : slices(name)) {
            for (const auto& endpoint : api::at(slice->body, "endpoints")) {
                text += endpoint["addresses"][0].get<std::string>();
                for (const auto* condition : {"ready", "serving", "terminating"}) {
                    text += endpoint["conditions"][condition] == true ? std::string(" ") + condition
                                                                      : std::string();
                }
                text += '\n';
            }
        }
        return text;
    }
    [[nodiscard]] std::vector<std::string> events(const std::string& reason) const {
        std::vector<std::string> result;
        for (const auto& event : store.list("Event")) {
            if (api::string_at(event->body, "reason") == reason) {
                result.push_back(api::string_at(event->body, "message"));
            }
        }
        return result;
    }

    store::Store store;
    Cluster cluster;
};

} // namespace labctl::compile
