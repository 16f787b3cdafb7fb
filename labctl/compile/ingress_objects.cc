#include "labctl/compile/ingress_objects.h"

#include <algorithm>
#include <string_view>

#include "labctl/compile/image_name.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr const char* kNginxController = "k8s.io/ingress-nginx";
constexpr std::string_view kControllerClassFlag = "--controller-class=";
constexpr const char* kDefaultClass = "ingressclass.kubernetes.io/is-default-class";
constexpr const char* kOldClass = "kubernetes.io/ingress.class";

/// Empty: no image of an Ingress controller that is known here.
std::string default_controller(const std::string& image) {
    if (image_name(image) == kIngressControllerImage) {
        return kIngressController;
    }
    return is_image(image, "ingress-nginx/controller") ? kNginxController : "";
}

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) {
        list.push_back(text);
    }
}

bool selects(const Json& service, const Json& pod) {
    const auto selector = api::labels_at(service, "spec.selector");
    return !selector.empty() &&
           api::Selector::from_labels(selector).matches(api::labels_at(pod, "metadata.labels"));
}

} // namespace

std::string ingress_controller_of(const Json& pod) {
    for (const auto& container : at(pod, "spec.containers")) {
        auto controller = default_controller(string_at(container, "image"));
        if (controller.empty()) {
            continue;
        }
        for (const auto& argument : at(container, "args")) {
            const auto text = argument.is_string() ? argument.get<std::string>() : "";
            if (text.starts_with(kControllerClassFlag)) {
                controller = text.substr(kControllerClassFlag.size());
            }
        }
        return controller;
    }
    return {};
}

std::string ingress_class_of(const Json& ingress) {
    auto name = string_at(ingress, "spec.ingressClassName");
    if (!name.empty()) {
        return name;
    }
    const auto annotations = api::labels_at(ingress, "metadata.annotations");
    const auto found = annotations.find(kOldClass);
    return found == annotations.end() ? "" : found->second;
}

std::vector<api::ObjectPtr> default_ingress_classes(const store::Store& store) {
    std::vector<api::ObjectPtr> classes;
    for (const auto& candidate : store.list("IngressClass")) {
        const auto annotations = candidate->annotations();
        const auto found = annotations.find(kDefaultClass);
        if (found != annotations.end() && found->second == "true") {
            classes.push_back(candidate);
        }
    }
    return classes;
}

std::vector<api::ObjectPtr> oldest_first(std::vector<api::ObjectPtr> objects) {
    std::stable_sort(objects.begin(), objects.end(), [](const auto& left, const auto& right) {
        return string_at(left->body, "metadata.creationTimestamp") <
               string_at(right->body, "metadata.creationTimestamp");
    });
    return objects;
}

std::string controller_of_ingress(const store::Store& store, const Json& ingress) {
    const auto name = ingress_class_of(ingress);
    if (!name.empty()) {
        const auto named = store.get({"IngressClass", "", name});
        return named ? string_at(named->body, "spec.controller") : "";
    }
    const auto defaults = default_ingress_classes(store);
    return defaults.size() == 1 ? string_at(defaults.front()->body, "spec.controller") : "";
}

std::vector<std::string>
ingress_addresses(const store::Store& store, const std::string& controller) {
    std::vector<std::string> balanced;
    std::vector<std::string> nodes;
    for (const auto& pod : store.list("Pod")) {
        if (ingress_controller_of(pod->body) != controller) {
            continue;
        }
        add_once(nodes, string_at(pod->body, "status.hostIP"));
        for (const auto& service : store.list("Service", pod->ns())) {
            if (string_at(service->body, "spec.type") != "LoadBalancer" ||
                !selects(service->body, pod->body)) {
                continue;
            }
            for (const auto& entry : at(service->body, "status.loadBalancer.ingress")) {
                add_once(balanced, string_at(entry, "ip"));
            }
        }
    }
    return balanced.empty() ? nodes : balanced;
}

} // namespace labctl::compile
