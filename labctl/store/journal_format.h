#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// What a journal's records say, as text. Pure.
namespace labctl::store {

/// Whether objects of this kind are kept.
bool is_journalled(const std::string& kind);
/// Whether a change of the store changes the record of its object.
bool changes_record(const Event& event);

/// {"put": {...}, "source": {...}} without the parts of the status that do not last.
std::string put_record(const api::Object& object);
/// {"delete": {"kind", "namespace", "name"}}
std::string delete_record(const api::ObjectKey& key);

/// The objects that are left after all records, in the order in which they first came. Throws
/// netemu::Error for a record that is no such JSON.
std::vector<api::Object> replay(const std::vector<std::string>& records);

} // namespace labctl::store
