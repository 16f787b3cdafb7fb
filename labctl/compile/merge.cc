#include "labctl/compile/merge.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

namespace labctl::compile {

namespace {

using Json = nlohmann::json;

const Json kNull;

const Json& member(const Json& json, const std::string& name) {
    if (!json.is_object()) {
        return kNull;
    }
    const auto found = json.find(name);
    return found == json.end() ? kNull : *found;
}

/// Whether each element of `list` has the field `key`, each with another value.
bool identifies(const Json& list, const std::string& key) {
    std::set<std::string> seen;
    return std::all_of(list.begin(), list.end(), [&](const Json& item) {
        const auto& value = member(item, key);
        return !value.is_null() && seen.insert(value.dump()).second;
    });
}

const Json& find_by(const Json& list, const std::string& key, const Json& value) {
    for (const auto& item : list) {
        if (member(item, key) == value) {
            return item;
        }
    }
    return kNull;
}

Json merge(
    const std::string& field,
    const Json& original,
    const Json& modified,
    const Json& current,
    bool typed);

/// Whether objects with this field, or the elements of this list, hold a choice of one kind: what a
/// manifest does not mention is then gone, whoever set it ("patchStrategy: retainKeys" in
/// k8s.io/api: DeploymentSpec.Strategy and PodSpec.Volumes).
bool retains_keys(const std::string& field) {
    return field == "strategy" || field == "volumes";
}

Json only_keys_of(const Json& modified, Json object) {
    for (auto entry = object.begin(); entry != object.end();) {
        entry = modified.contains(entry.key()) ? std::next(entry) : object.erase(entry);
    }
    return object;
}

Json merge_objects(const Json& original, const Json& modified, const Json& current, bool typed) {
    Json result = current;
    if (original.is_object()) {
        for (const auto& [name, value] : original.items()) {
            if (!modified.contains(name)) {
                result.erase(name);
            }
        }
    }
    for (const auto& [name, value] : modified.items()) {
        if (value.is_null()) {
            result.erase(name); // as the API server drops nulls
        } else {
            result[name] = merge(name, member(original, name), value, member(current, name), typed);
        }
    }
    return result;
}

Json merge_named(
    const std::string& field,
    const Json& original,
    const Json& modified,
    const Json& current,
    bool typed) {
    return typed && retains_keys(field)
               ? merge_objects(original, modified, only_keys_of(modified, current), typed)
               : merge_objects(original, modified, current, typed);
}

Json merge_lists(
    const std::string& field,
    const std::string& key,
    const Json& original,
    const Json& modified,
    const Json& current) {
    Json result = Json::array();
    for (const auto& item : modified) {
        const auto& id = member(item, key);
        const auto& now = find_by(current, key, id);
        const auto& before = find_by(original, key, id);
        result.push_back(now.is_null() ? item : merge_named(field, before, item, now, true));
    }
    for (const auto& item : current) {
        const auto& id = member(item, key);
        const bool was_ours = !find_by(original, key, id).is_null();
        if (find_by(modified, key, id).is_null() && !was_ours) {
            result.push_back(item); // someone else's addition
        }
    }
    return result;
}

Json merge(
    const std::string& field,
    const Json& original,
    const Json& modified,
    const Json& current,
    bool typed) {
    if (modified.is_object() && current.is_object()) {
        return merge_named(field, original, modified, current, typed);
    }
    if (typed && modified.is_array() && current.is_array()) {
        if (const auto key = merge_key_of(field, modified, current); !key.empty()) {
            return merge_lists(field, key, original, modified, current);
        }
    }
    return modified;
}

} // namespace

/// Ports that share a number (53 over TCP and UDP) have no identity by it, so their lists are
/// replaced, too.
std::string merge_key_of(const std::string& field, const Json& one, const Json& other) {
    static const std::multimap<std::string_view, std::string_view> kKeys{
        {"containers", "name"},
        {"initContainers", "name"},
        {"ephemeralContainers", "name"},
        {"env", "name"},
        {"volumes", "name"},
        {"volumeMounts", "mountPath"},
        {"imagePullSecrets", "name"},
        {"secrets", "name"},
        {"hostAliases", "ip"},
        {"topologySpreadConstraints", "topologyKey"},
        {"ports", "containerPort"},
        {"ports", "port"}};
    const auto [begin, end] = kKeys.equal_range(field);
    for (auto it = begin; it != end; ++it) {
        std::string key(it->second);
        if (identifies(one, key) && identifies(other, key)) {
            return key;
        }
    }
    return {};
}

Json three_way_merge(const Json& original, const Json& modified, const Json& current, bool typed) {
    return merge_objects(original, modified, current, typed);
}

} // namespace labctl::compile
