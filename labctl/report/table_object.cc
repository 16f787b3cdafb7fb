#include "labctl/report/table_object.h"

#include "labctl/report/printer_kinds.h"

namespace labctl::report {

namespace {

using api::Json;

Json column(const std::string& title, bool wide) {
    return {
        {"name", title},
        {"type", "string"},
        {"format", title == "NAME" ? "name" : ""},
        {"description", ""},
        {"priority", wide ? 1 : 0}};
}

Json object_of_row(const api::Object& object, IncludeObject include) {
    if (include == IncludeObject::Whole) {
        return object.body;
    }
    return {
        {"kind", "PartialObjectMetadata"},
        {"apiVersion", "meta.k8s.io/v1"},
        {"metadata", api::at(object.body, "metadata")}};
}

} // namespace

Json table_object(
    const std::string& kind, std::span<const api::ObjectPtr> objects, const TableOptions& options) {
    const auto& printer = printer_for(kind);
    PrintOptions print;
    print.wide = true;
    print.now = options.now;
    print.endpoints = options.endpoints;
    Json columns = Json::array();
    if (!printer.name_last) {
        columns.push_back(column("NAME", false));
    }
    for (const auto& each : printer.columns) {
        columns.push_back(column(each.title, each.wide));
    }
    if (printer.name_last) {
        columns.push_back(column("NAME", true));
    }
    Json rows = Json::array();
    for (const auto& object : objects) {
        Json cells = Json::array();
        if (!printer.name_last) {
            cells.push_back(object->name());
        }
        for (auto& cell : printer.row(object->body, print)) {
            cells.push_back(std::move(cell.text));
        }
        if (printer.name_last) {
            cells.push_back(object->name());
        }
        Json row{{"cells", std::move(cells)}};
        if (options.include != IncludeObject::None) {
            row["object"] = object_of_row(*object, options.include);
        }
        rows.push_back(std::move(row));
    }
    return {
        {"kind", "Table"},
        {"apiVersion", "meta.k8s.io/v1"},
        {"metadata", Json::object()},
        {"columnDefinitions", std::move(columns)},
        {"rows", std::move(rows)}};
}

} // namespace labctl::report
