#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "labctl/api/object.h"

/// What users have written into a lab, at one moment: for what must not be changed, and for what is
/// handed in.
namespace labctl::learn {

struct SnapshotEntry {
    api::Json content; // of content_of
    std::string uid;
};
using Snapshot = std::map<std::string, SnapshotEntry>; // by "KIND/NAMESPACE/NAME" or "KIND/NAME"

/// The part of an object that is its user's: no status, no metadata but name, namespace, labels and
/// annotations, no annotations of controllers.
api::Json content_of(const api::Json& object);

/// Without what controllers and the lab itself make: owned objects, Events, nodes, endpoints of
/// Services with a selector, ...
Snapshot take_snapshot(std::span<const api::Json> objects);

api::Json to_json(const Snapshot& snapshot);
Snapshot snapshot_from(const api::Json& json);

/// From one moment to a later one.
struct Difference {
    std::vector<api::Json> changed;   // and new ones: as they can be applied to another lab
    std::vector<std::string> deleted; // references; also what was deleted and made anew
};
Difference difference(const Snapshot& before, const Snapshot& after);

/// Objects that the patterns (KIND/NAME or KIND/NAMESPACE/NAME, with globs) protect and that are
/// not as before: "pod/default/client was changed", "... was deleted", "... is new".
std::vector<std::string> protected_changes(
    const Snapshot& before, const Snapshot& after, const std::vector<std::string>& patterns);

/// Whether the pattern protects an object of that reference.
bool is_protected_by(const std::string& pattern, const std::string& reference);

/// "KIND/NAME" of the namespace "default" as "KIND/default/NAME" if the kind has namespaces; the
/// kind by its own name, whatever short name was written.
std::string full_reference(const std::string& reference);

/// A full reference as the control API names objects. Throws netemu::UsageError.
api::ObjectKey key_of(const std::string& reference);

} // namespace labctl::learn
