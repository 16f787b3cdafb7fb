#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "labctl/api/object.h"

namespace labctl::report {

/// How much of each object a row of a Table carries (`includeObject` of the API server).
enum class IncludeObject { None, Metadata, Whole };

struct TableOptions {
    IncludeObject include = IncludeObject::Metadata;
    std::int64_t now = 0;                                          // seconds since 1970, for ages
    const std::map<std::string, std::string>* endpoints = nullptr; // as in PrintOptions
};

/// The objects of one kind as a meta.k8s.io/v1 Table, with the columns of `print_table`: what the
/// API server answers kubectl, which prints it. Columns of -o wide have the priority 1.
api::Json table_object(
    const std::string& kind, std::span<const api::ObjectPtr> objects, const TableOptions& options);

} // namespace labctl::report
