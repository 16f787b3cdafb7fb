#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/report/json_path.h"

namespace labctl::report {

/// Tables of columns that the user names, as `kubectl get -o custom-columns=...` prints them.
class CustomColumns {
public:
    /// "NAME:.metadata.name,IP:.status.podIP"; no path may hold a comma, as in kubectl. Throws
    /// netemu::UsageError.
    static CustomColumns parse(std::string_view spec);
    /// The contents of a file for -o custom-columns-file: a line of titles and a line of paths,
    /// each separated by spaces. Throws netemu::UsageError.
    static CustomColumns parse_file(std::string_view contents);

    /// A line for each object, several values of a cell with a comma between, "<none>" where there
    /// are none. Titles even when there are no objects.
    [[nodiscard]] std::string print(std::span<const api::ObjectPtr> objects, bool headers) const;

private:
    struct Field {
        std::string title;
        JsonPath path;
    };
    std::vector<Field> fields_;
};

} // namespace labctl::report
