#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "labctl/api/object.h"

/// The values of a long form's fields. All of them throw UsageError, which names the field, or an
/// EntryError with everything that is wrong in a list or a mapping. Private to the room.
namespace labctl::check {

std::string text_of(const std::string& field, const api::Json& value);
/// YAML reads `5` as a number and `5s` as a string: both are durations.
std::string scalar_of(const std::string& field, const api::Json& value);
std::int64_t
int_of(const std::string& field, const api::Json& value, std::int64_t low, std::int64_t high);
/// A string, or a list of strings joined with commas.
std::string list_text(const std::string& field, const api::Json& value);
/// The same of what may also be numbers.
std::string scalars_text(const std::string& field, const api::Json& value);
/// By names in lower case.
std::map<std::string, std::string> map_of(const std::string& field, const api::Json& value);
/// What must not be empty, as where a variable is: it would be met by anything.
std::string filled_text(const std::string& field, const api::Json& value);
/// A mapping of which every entry asks for something.
std::map<std::string, std::string> filled_map(const std::string& field, const api::Json& value);
/// A name or the like, which must not be empty: as where a variable is, something else was meant
/// than to leave it out.
std::string given_text(const std::string& field, const api::Json& value);

/// Reads them all before it throws what is wrong with some.
void each_entry(const api::Json& list, const std::function<void(const api::Json& entry)>& read);

using FieldReader = std::function<void(const std::string& field, const api::Json& value)>;
using FieldReaders = std::map<std::string, FieldReader>;
/// Calls the reader of each field. A field without one is an error, since what is misspelt would
/// silently not be tested.
void read_fields(const api::Json& mapping, const char* where, const FieldReaders& readers);

} // namespace labctl::check
