#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/cli/options.h"
#include "labctl/report/custom_columns.h"
#include "labctl/report/json_path.h"

namespace labctl::cli {

/// What -o asks of `get`.
class GetOutput {
public:
    enum class Form { Table, Wide, Json, Yaml, Name, JsonPath, JsonPathAsJson, CustomColumns };

    /// Reads -o and the file that it may name. Throws netemu::UsageError for an unknown form, which
    /// lists those that exist, for a template that is missing or wrong, and for a file that cannot
    /// be read.
    explicit GetOutput(const Options& options);

    [[nodiscard]] Form form() const { return form_; }
    /// "jsonpath" of "jsonpath={.kind}".
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool table() const { return form_ == Form::Table || form_ == Form::Wide; }

    /// The text of every form but the tables. `single`: the one object itself and no list of it.
    [[nodiscard]] std::string
    print(const std::vector<api::ObjectPtr>& objects, bool single, bool headers) const;

private:
    void read_template(const std::string& text);

    Form form_ = Form::Table;
    std::string name_;
    std::optional<report::JsonPath> path_;
    std::optional<report::CustomColumns> columns_;
};

} // namespace labctl::cli
