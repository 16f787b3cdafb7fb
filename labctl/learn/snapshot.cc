#include "labctl/learn/snapshot.h"

#include <algorithm>
#include <array>
#include <set>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::learn {

using api::Json;

namespace {

std::string reference_of(const Json& object) {
    const auto ns = api::string_at(object, "metadata.namespace");
    return api::unique_kind(api::string_at(object, "kind"), api::string_at(object, "apiVersion")) +
           "/" + (ns.empty() ? "" : ns + "/") + api::string_at(object, "metadata.name");
}

bool is_controllers_annotation(std::string_view name) {
    return name.starts_with("deployment.kubernetes.io/") ||
           name.starts_with("endpoints.kubernetes.io/") ||
           name.starts_with("kubectl.kubernetes.io/") || name.starts_with("labctl.dev/cni-");
}

/// Kinds of which nothing is a user's, as far as an exercise goes.
bool is_labs_kind(std::string_view kind) {
    constexpr std::array<std::string_view, 6> kKinds{
        "Event", "Node", "Lab", "Check", "Submission", "CiliumIdentity"};
    return std::ranges::find(kKinds, kind) != kKinds.end();
}

/// What a controller puts into each namespace, without an owner.
bool is_in_every_namespace(std::string_view kind, std::string_view name) {
    return (kind == "ServiceAccount" && name == "default") ||
           (kind == "ConfigMap" && (name == "kube-root-ca.crt" || name == "istio-ca-root-cert")) ||
           (kind == "Secret" && name == "istio-ca-secret");
}

/// "NAMESPACE/NAME" of the Services whose endpoints a controller keeps.
std::set<std::string> selecting_services(std::span<const Json> objects) {
    std::set<std::string> services;
    for (const auto& object : objects) {
        const auto& selector = api::at(object, "spec.selector");
        if (api::string_at(object, "kind") == "Service" && selector.is_object() &&
            !selector.empty()) {
            services.insert(
                api::string_at(object, "metadata.namespace") + "/" +
                api::string_at(object, "metadata.name"));
        }
    }
    return services;
}

bool is_users(const Json& object, const std::set<std::string>& services) {
    const auto kind = api::string_at(object, "kind");
    const auto& owners = api::at(object, "metadata.ownerReferences");
    if (is_labs_kind(kind) || (owners.is_array() && !owners.empty()) ||
        is_in_every_namespace(kind, api::string_at(object, "metadata.name")) ||
        !api::at(object, "metadata.deletionTimestamp").is_null()) {
        return false;
    }
    const auto id = api::string_at(object, "metadata.namespace") + "/" +
                    api::string_at(object, "metadata.name");
    if (kind == "Endpoints") {
        return !services.contains(id);
    }
    if (kind == "EndpointSlice") {
        const auto& labels = api::at(object, "metadata.labels");
        return !labels.is_object() || !labels.contains("endpointslice.kubernetes.io/managed-by");
    }
    return true;
}

/// Addresses that a Service was given are given anew elsewhere.
Json for_another_lab(Json content) {
    if (api::string_at(content, "kind") == "Service" && content.contains("spec")) {
        auto& spec = content["spec"];
        if (api::string_at(spec, "clusterIP") != "None") {
            spec.erase("clusterIP");
            spec.erase("clusterIPs");
        }
    }
    return content;
}

} // namespace

Json content_of(const Json& object) {
    Json content = Json::object();
    for (const auto& [field, value] : object.items()) {
        if (field != "status" && field != "metadata") {
            content[field] = value;
        }
    }
    auto& metadata = content["metadata"];
    metadata["name"] = api::string_at(object, "metadata.name");
    if (const auto ns = api::string_at(object, "metadata.namespace"); !ns.empty()) {
        metadata["namespace"] = ns;
    }
    if (const auto& labels = api::at(object, "metadata.labels");
        labels.is_object() && !labels.empty()) {
        metadata["labels"] = labels;
    }
    if (const auto& annotations = api::at(object, "metadata.annotations");
        annotations.is_object()) {
        for (const auto& [name, value] : annotations.items()) {
            if (!is_controllers_annotation(name)) {
                metadata["annotations"][name] = value;
            }
        }
    }
    return content;
}

Snapshot take_snapshot(std::span<const Json> objects) {
    const auto services = selecting_services(objects);
    Snapshot snapshot;
    for (const auto& object : objects) {
        if (is_users(object, services)) {
            snapshot[reference_of(object)] = {
                content_of(object), api::string_at(object, "metadata.uid")};
        }
    }
    return snapshot;
}

Json to_json(const Snapshot& snapshot) {
    Json json = Json::object();
    for (const auto& [reference, entry] : snapshot) {
        json[reference] = {{"content", entry.content}, {"uid", entry.uid}};
    }
    return json;
}

Snapshot snapshot_from(const Json& json) {
    Snapshot snapshot;
    for (const auto& [reference, entry] : json.items()) {
        snapshot[reference] = {entry.at("content"), entry.at("uid").get<std::string>()};
    }
    return snapshot;
}

Difference difference(const Snapshot& before, const Snapshot& after) {
    Difference result;
    for (const auto& [reference, entry] : after) {
        const auto old = before.find(reference);
        const bool is_new = old == before.end();
        if (!is_new && old->second.content == entry.content) {
            continue;
        }
        if (!is_new && old->second.uid != entry.uid) {
            result.deleted.push_back(reference); // another one: some fields can only be born with
        }
        result.changed.push_back(for_another_lab(entry.content));
    }
    for (const auto& [reference, entry] : before) {
        if (!after.contains(reference)) {
            result.deleted.push_back(reference);
        }
    }
    return result;
}

bool is_protected_by(const std::string& pattern, const std::string& reference) {
    return netemu::glob_match(full_reference(pattern), reference);
}

std::vector<std::string> protected_changes(
    const Snapshot& before, const Snapshot& after, const std::vector<std::string>& patterns) {
    std::vector<std::string> changes;
    const auto is_protected = [&](const std::string& reference) {
        return std::ranges::any_of(patterns, [&](const std::string& pattern) {
            return is_protected_by(pattern, reference);
        });
    };
    for (const auto& [reference, entry] : before) {
        if (!is_protected(reference)) {
            continue;
        }
        const auto now = after.find(reference);
        if (now == after.end()) {
            changes.push_back(reference + " was deleted");
        } else if (now->second.content != entry.content) {
            changes.push_back(reference + " was changed");
        }
    }
    for (const auto& [reference, entry] : after) {
        if (!before.contains(reference) && is_protected(reference)) {
            changes.push_back(reference + " is new");
        }
    }
    return changes;
}

std::string full_reference(const std::string& reference) {
    const auto slash = reference.find('/');
    if (slash == std::string::npos) {
        return reference;
    }
    auto kind = reference.substr(0, slash);
    auto rest = reference.substr(slash + 1);
    bool namespaced = true;
    if (const auto* info = api::find_kind(kind)) {
        kind = info->kind;
        namespaced = info->namespaced;
    }
    if (namespaced && rest.find('/') == std::string::npos) {
        rest = "default/" + rest;
    }
    return kind + "/" + rest;
}

api::ObjectKey key_of(const std::string& reference) {
    const auto full = full_reference(reference);
    const auto parts = netemu::split(full, '/');
    if (parts.size() < 2 || parts.size() > 3) {
        throw netemu::UsageError(
            "'" + reference + "' is no reference to an object",
            "write KIND/NAME or KIND/NAMESPACE/NAME");
    }
    return {
        std::string(parts.front()),
        parts.size() == 3 ? std::string(parts[1]) : "",
        std::string(parts.back())};
}

} // namespace labctl::learn
