#include "labctl/manifest/yaml_value.h"

#include <algorithm>

#include "labctl/manifest/compose.h"
#include "netemu/base/limits.h"

namespace labctl::manifest {

namespace {

using api::Json;
using Object = Json::object_t;

/// Beyond this many problems of one document the rest is not worth naming.
constexpr std::size_t kProblemsMax = netemu::limits::kDiagnosticsMax + 1;

struct Keyed {
    std::string key;
    const Node* key_node;
    const Node* value;
};

void add_problem(Problems& problems, const Node& node, std::string message, std::string hint = {}) {
    if (problems.size() < kProblemsMax) {
        problems.push_back({node.line, node.column, std::move(message), std::move(hint)});
    }
}

Json sequence_value(const Node& node, Problems& problems) {
    auto result = Json::array();
    auto& items = result.get_ref<Json::array_t&>();
    items.reserve(node.children.size());
    for (const auto* child : node.children) {
        items.push_back(to_json(*child, problems));
    }
    return result;
}

void merge_into(Object& object, const Node& value, Problems& problems, bool nested = false) {
    if (value.kind == Node::Kind::Mapping) {
        auto merged = to_json(value, problems);
        object.merge(merged.get_ref<Object&>()); // keeps what is there
    } else if (value.kind == Node::Kind::Sequence && !nested) {
        for (const auto* item : value.children) {
            merge_into(object, *item, problems, true);
        }
    } else {
        add_problem(
            problems,
            value,
            "'<<' merges a mapping or a list of mappings",
            "for example <<: *defaults");
    }
}

/// Sorted insertion is several times faster than looking up each key, and finds those that occur
/// twice.
void insert_sorted(Object& object, std::vector<Keyed>& entries, Problems& problems) {
    const auto by_key = [](const Keyed& a, const Keyed& b) { return a.key < b.key; };
    if (!std::is_sorted(entries.begin(), entries.end(), by_key)) {
        std::stable_sort(entries.begin(), entries.end(), by_key);
    }
    const Keyed* first = nullptr;
    for (auto& entry : entries) {
        if (!object.empty() && std::prev(object.end())->first == entry.key) {
            add_problem(
                problems,
                *entry.key_node,
                compose(
                    {"duplicate key '",
                     entry.key,
                     "': it is already at line ",
                     std::to_string(first->key_node->line)}),
                "remove one of them, or give it another name");
            continue;
        }
        first = &entry;
        object.emplace_hint(object.end(), entry.key, to_json(*entry.value, problems));
    }
}

Json mapping_value(const Node& node, Problems& problems) {
    Json result = Json::object();
    auto& object = result.get_ref<Object&>();
    std::vector<Keyed> entries;
    entries.reserve(node.children.size() / 2);
    bool merges = false;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
        const auto* key = node.children[i];
        if (is_merge(*key)) {
            merges = true;
        } else {
            entries.push_back({key_text(*key, problems), key, node.children[i + 1]});
        }
    }
    insert_sorted(object, entries, problems);
    for (std::size_t i = 0; merges && i + 1 < node.children.size(); i += 2) {
        if (is_merge(*node.children[i])) {
            merge_into(object, *node.children[i + 1], problems);
        }
    }
    return result;
}

Entry find_merged(const Node& value, std::string_view key) {
    if (value.kind == Node::Kind::Mapping) {
        return find_entry(value, key);
    }
    for (const auto* item : value.children) {
        if (const auto entry = find_merged(*item, key); entry.key != nullptr) {
            return entry;
        }
    }
    return {};
}

bool same_key(const Node& node, std::string_view key) {
    if (node.kind != Node::Kind::Scalar) {
        return false;
    }
    Problems ignored;
    return node.text == key || (node.plain && key_text(node, ignored) == key);
}

} // namespace

Json to_json(const Node& node, Problems& problems) {
    switch (node.kind) {
    case Node::Kind::Scalar:
        return scalar_value(node, problems);
    case Node::Kind::Sequence:
        return sequence_value(node, problems);
    case Node::Kind::Mapping:
        return mapping_value(node, problems);
    }
    return nullptr;
}

bool is_merge(const Node& key) {
    return key.kind == Node::Kind::Scalar && key.text == "<<" &&
           (key.tag == Node::Tag::Merge || (key.plain && key.tag == Node::Tag::None));
}

std::string key_text(const Node& key, Problems& problems) {
    if (key.kind != Node::Kind::Scalar) {
        add_problem(
            problems,
            key,
            "a list or a mapping cannot be a key",
            "quote a key that starts with '{' or '['");
        return {};
    }
    const char first = key.text.empty() ? '\0' : key.text.front();
    const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
    constexpr std::size_t kLongestWord = 5;
    if (letter && key.text.size() > kLongestWord && key.tag == Node::Tag::None) {
        return std::string(key.text); // what almost every key is
    }
    const auto value = scalar_value(key, problems);
    if (value.is_string()) {
        return value.get<std::string>();
    }
    if (value.is_null()) {
        add_problem(problems, key, "null cannot be a key", "quote it if it is text");
        return {};
    }
    return value.dump();
}

Entry find_entry(const Node& mapping, std::string_view key) {
    if (mapping.kind != Node::Kind::Mapping) {
        return {};
    }
    const auto& nodes = mapping.children;
    for (std::size_t i = 0; i + 1 < nodes.size(); i += 2) {
        if (!is_merge(*nodes[i]) && same_key(*nodes[i], key)) {
            return {nodes[i], nodes[i + 1]};
        }
    }
    for (std::size_t i = 0; i + 1 < nodes.size(); i += 2) {
        if (is_merge(*nodes[i])) {
            if (const auto entry = find_merged(*nodes[i + 1], key); entry.key != nullptr) {
                return entry;
            }
        }
    }
    return {};
}

} // namespace labctl::manifest
