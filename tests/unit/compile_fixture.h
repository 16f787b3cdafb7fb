#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/cluster.h"
#include "labctl/store/store.h"

/// A cluster without a network: what a runtime would report is said by the test.
namespace labctl::compile {

inline ClusterConfig config_of(std::size_t nodes, const std::string& pod_cidr = "10.244.0.0/16") {
    auto lab = ClusterConfig::default_lab("test", nodes);
    lab.body["spec"]["podCIDR"] = pod_cidr;
    lab.body["spec"]["dns"] = {{"enabled", false}}; // so that every pod is the test's
    return ClusterConfig::from_lab(lab);
}

inline api::Object object_of(const std::string& json) {
    return {api::Json::parse(json), {}};
}

inline api::Json pod_template(const std::string& app, const std::string& image = "web:1") {
    return {
        {"metadata", {{"labels", {{"app", app}}}}},
        {"spec", {{"containers", {{{"name", "main"}, {"image", image}}}}}}};
}

/// A workload of the group apps with the label app=NAME.
inline api::Object
workload(const std::string& kind, const std::string& name, std::int64_t replicas = 1) {
    api::Object object;
    object.body = {
        {"apiVersion", "apps/v1"},
        {"kind", kind},
        {"metadata", {{"name", name}, {"namespace", "default"}}},
        {"spec",
         {{"selector", {{"matchLabels", {{"app", name}}}}}, {"template", pod_template(name)}}}};
    if (kind != "DaemonSet") {
        object.body["spec"]["replicas"] = replicas;
    }
    return object;
}

inline api::Object bare_pod(const std::string& name, const std::string& app = "bare") {
    api::Object object;
    object.body = pod_template(app);
    object.body["apiVersion"] = "v1";
    object.body["kind"] = "Pod";
    object.body["metadata"]["name"] = name;
    object.body["metadata"]["namespace"] = "default";
    return object;
}

struct Lab {
    explicit Lab(std::size_t nodes = 3, const std::string& pod_cidr = "10.244.0.0/16")
        : cluster(store, config_of(nodes, pod_cidr)) {
        cluster.bootstrap();
        cluster.reconcile();
    }

    ApplyResult apply(api::Object object) {
        auto result = cluster.apply_object(std::move(object));
        cluster.reconcile();
        return result;
    }
    ApplyResult apply_json(const std::string& json) { return apply(object_of(json)); }

    [[nodiscard]] api::ObjectPtr get(const std::string& kind, const std::string& name) const {
        return store.get({kind, "default", name});
    }
    [[nodiscard]] std::vector<api::ObjectPtr>
    list(const std::string& kind, const std::string& selector = {}) const {
        return store.list(kind, "default", api::Selector::parse(selector));
    }
    [[nodiscard]] api::Json status(const std::string& kind, const std::string& name) const {
        return api::at(get(kind, name)->body, "status");
    }
    [[nodiscard]] std::set<std::string>
    names(const std::string& kind, const std::string& selector = {}) const {
        std::set<std::string> result;
        for (const auto& object : list(kind, selector)) {
            result.insert(object->name());
        }
        return result;
    }
    [[nodiscard]] std::string node_of(const std::string& pod) const {
        return api::string_at(get("Pod", pod)->body, "spec.nodeName");
    }
    [[nodiscard]] std::string ip_of(const std::string& pod) const {
        return api::string_at(get("Pod", pod)->body, "status.podIP");
    }
    [[nodiscard]] std::vector<std::string> messages(const std::string& reason) const {
        std::vector<std::string> result;
        for (const auto& event : store.list("Event")) {
            if (api::string_at(event->body, "reason") == reason) {
                result.push_back(api::string_at(event->body, "message"));
            }
        }
        return result;
    }
    /// The condition of an object, or null.
    [[nodiscard]] api::Json
    condition(const std::string& kind, const std::string& name, const std::string& type) const {
        const auto object = get(kind, name);
        for (const auto& condition : api::at(object->body, "status.conditions")) {
            if (api::string_at(condition, "type") == type) {
                return condition;
            }
        }
        return {};
    }

    void run(const std::string& pod, bool ready = true) {
        cluster.set_runtime({"Pod", "default", pod}, {true, ready, {}, {}, {}, 0, 0});
        cluster.reconcile();
    }
    void end(const std::string& pod, const std::string& phase, int exit_code = 0) {
        cluster.set_runtime({"Pod", "default", pod}, {true, false, phase, {}, {}, exit_code, 0});
        cluster.reconcile();
    }
    /// Every pod that has an address runs and is ready, and so on until nothing new comes. Returns
    /// the number of rounds.
    int run_all() {
        for (int round = 0;; ++round) {
            const auto before = store.revision();
            for (const auto& pod : store.list("Pod")) {
                if (!api::string_at(pod->body, "status.podIP").empty()) {
                    cluster.set_runtime(pod->key(), {true, true, {}, {}, {}, 0, 0});
                }
            }
            cluster.reconcile();
            if (store.revision() == before) {
                return round;
            }
        }
    }

    store::Store store;
    Cluster cluster;
};

} // namespace labctl::compile
