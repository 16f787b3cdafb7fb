#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/manifest/yaml_node.h"
#include "labctl/manifest/yaml_parse.h"

/// From what was written to values, as kubectl does it (sigs.k8s.io/yaml over go-yaml v2): the
/// YAML 1.1 core, so yes/no/on/off/y/n are booleans, 017 and 0o17 are octal, 0x and 0b work, 1_000
/// is a number, ~ and nothing are null, timestamps stay text, 80.0 is the integer 80, and 1:30 is
/// text (no base 60).
namespace labctl::manifest {

using Problems = std::vector<SyntaxError>;

/// The value of a whole tree, aliases expanded and merge keys (<<) merged: explicit keys win, then
/// the earlier of the merged mappings. What cannot be a value of JSON (.nan, !!binary), a scalar
/// that does not have the type that its tag names, and a key that occurs twice go to `problems`;
/// null stands for them.
api::Json to_json(const Node& node, Problems& problems);

/// The value of a scalar; likewise.
api::Json scalar_value(const Node& scalar, Problems& problems);

/// The text of a mapping's key as JSON has it: 1 -> "1", on -> "true".
std::string key_text(const Node& key, Problems& problems);

/// Whether this key of a mapping is a merge key, `<<` without quotes.
bool is_merge(const Node& key);

/// The entry of a mapping: key and value node; looks into merged mappings too. Both null if absent.
struct Entry {
    const Node* key = nullptr;
    const Node* value = nullptr;
};
Entry find_entry(const Node& mapping, std::string_view key);

} // namespace labctl::manifest
