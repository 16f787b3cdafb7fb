#include "labctl/compile/strategic_patch.h"

#include <algorithm>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/api/status_error.h"
#include "labctl/compile/merge.h"

namespace labctl::compile {

namespace {

using api::Json;
using api::StatusError;

constexpr std::string_view kElementOrder = "$setElementOrder/";
constexpr std::string_view kDeletedPrimitives = "$deleteFromPrimitiveList/";

/// The `$patch` of a mapping, or "".
std::string directive_of(const Json& patch) {
    const auto found = patch.is_object() ? patch.find("$patch") : patch.end();
    if (!patch.is_object() || found == patch.end()) {
        return {};
    }
    auto word = found->is_string() ? found->get<std::string>() : found->dump();
    if (word != "delete" && word != "replace" && word != "merge") {
        throw StatusError::bad_request(
            "unknown $patch directive '" + word + "': delete, replace or merge");
    }
    return word;
}

Json merge_mapping(const Json& current, const Json& patch);

/// The place in a list of the element that has the same identity, or its end.
auto same_element(Json& list, const std::string& key, const Json& element) {
    return std::find_if(list.begin(), list.end(), [&](const Json& each) {
        return api::at(each, key) == api::at(element, key);
    });
}

Json merge_elements(const Json& current, const Json& patch, const std::string& key) {
    Json result = current;
    for (const auto& element : patch) {
        const auto found = same_element(result, key, element);
        const auto directive = directive_of(element);
        if (directive == "delete") {
            if (found != result.end()) {
                result.erase(found);
            }
        } else if (found == result.end()) {
            result.push_back(merge_mapping(Json::object(), element));
        } else {
            *found = merge_mapping(*found, element);
        }
    }
    return result;
}

/// Elements that the order names stand in that order; the others keep their place among them.
Json in_order(const Json& list, const Json& order, const std::string& key) {
    const auto rank = [&](const Json& element) {
        const auto found = std::find_if(order.begin(), order.end(), [&](const Json& each) {
            return key.empty() ? each == element : api::at(each, key) == api::at(element, key);
        });
        return found - order.begin();
    };
    const auto named = [&](const Json& element) {
        return rank(element) < static_cast<std::ptrdiff_t>(order.size());
    };
    std::vector<Json> sorted;
    std::copy_if(list.begin(), list.end(), std::back_inserter(sorted), named);
    std::stable_sort(sorted.begin(), sorted.end(), [&](const Json& a, const Json& b) {
        return rank(a) < rank(b);
    });
    Json result = Json::array();
    auto next = sorted.begin();
    for (const auto& element : list) {
        result.push_back(named(element) ? *next++ : element);
    }
    return result;
}

Json merge_list(const Json& current, const Json& patch, const std::string& field) {
    Json elements = Json::array();
    bool replaces = false; // one element of its own says so for the whole list
    for (const auto& element : patch) {
        const bool lone = element.is_object() && element.size() == 1 && element.contains("$patch");
        if (lone && directive_of(element) == "replace") {
            replaces = true;
        } else {
            elements.push_back(element);
        }
    }
    const auto key = replaces ? std::string() : merge_key_of(field, elements, current);
    return key.empty() ? elements : merge_elements(current, elements, key);
}

/// What is left of a list of plain values.
void erase_values(Json& list, const Json& values) {
    if (list.is_array() && values.is_array()) {
        list.erase(
            std::remove_if(
                list.begin(),
                list.end(),
                [&](const Json& each) {
                    return std::find(values.begin(), values.end(), each) != values.end();
                }),
            list.end());
    }
}

void retain_keys(Json& result, const Json& keys) {
    for (auto entry = result.begin(); entry != result.end();) {
        const bool kept = std::find(keys.begin(), keys.end(), entry.key()) != keys.end();
        entry = kept ? std::next(entry) : result.erase(entry);
    }
}

void merge_field(Json& result, const std::string& field, const Json& value, const Json& patch) {
    if (value.is_null() || directive_of(value) == "delete") {
        result.erase(field);
        return;
    }
    auto& now = result[field];
    if (value.is_object()) {
        now = merge_mapping(now.is_object() ? now : Json::object(), value);
    } else if (value.is_array() && now.is_array()) {
        now = merge_list(now, value, field);
        if (const auto order = patch.find(std::string(kElementOrder) + field);
            order != patch.end() && order->is_array()) {
            now = in_order(now, *order, merge_key_of(field, *order, now));
        }
    } else {
        now = value;
    }
}

Json merge_mapping(const Json& current, const Json& patch) {
    const bool replaces = directive_of(patch) == "replace";
    Json result = replaces ? Json::object() : current;
    for (const auto& [name, value] : patch.items()) {
        if (name.starts_with(kDeletedPrimitives)) {
            const auto list = result.find(name.substr(kDeletedPrimitives.size()));
            if (list != result.end()) {
                erase_values(*list, value);
            }
        } else if (name.starts_with(kElementOrder)) {
            const auto field = name.substr(kElementOrder.size());
            const auto list = result.find(field);
            if (!patch.contains(field) && list != result.end() && list->is_array()) {
                *list = in_order(*list, value, merge_key_of(field, value, *list));
            }
        } else if (name != "$patch" && name != "$retainKeys") {
            merge_field(result, name, value, patch);
        }
    }
    if (const auto keys = patch.find("$retainKeys"); keys != patch.end()) {
        retain_keys(result, *keys);
    }
    return result;
}

} // namespace

Json strategic_merge(const Json& current, const Json& patch) {
    return merge_mapping(current, patch);
}

} // namespace labctl::compile
