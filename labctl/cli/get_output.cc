#include "labctl/cli/get_output.h"

#include <array>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "labctl/manifest/yaml.h"
#include "labctl/report/printer.h"
#include "netemu/base/error.h"

namespace labctl::cli {

namespace {

using GetForm = GetOutput::Form;

struct GetFormName {
    std::string_view name;
    GetForm form;
    const char* wants = nullptr; // what stands behind the =; null: nothing does
    bool file = false;           // it is the name of a file that holds it
};

constexpr std::array kGetForms{
    GetFormName{"table", GetForm::Table},
    GetFormName{"wide", GetForm::Wide},
    GetFormName{"json", GetForm::Json},
    GetFormName{"yaml", GetForm::Yaml},
    GetFormName{"name", GetForm::Name},
    GetFormName{"jsonpath", GetForm::JsonPath, "'{.metadata.name}'"},
    GetFormName{"jsonpath-as-json", GetForm::JsonPathAsJson, "'{.metadata.name}'"},
    GetFormName{"jsonpath-file", GetForm::JsonPath, "FILE", true},
    GetFormName{"custom-columns", GetForm::CustomColumns, "NAME:.metadata.name,IP:.status.podIP"},
    GetFormName{"custom-columns-file", GetForm::CustomColumns, "FILE", true},
};

std::string get_forms() {
    std::string list;
    for (const auto& known : kGetForms) {
        list += list.empty() ? "" : &known == &kGetForms.back() ? " or " : ", ";
        list += known.name;
        list += known.wants == nullptr ? "" : known.file ? "=FILE" : "=...";
    }
    return list;
}

std::string read_template_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
        throw netemu::UsageError("cannot read '" + path + "' for -o");
    }
    return text.str();
}

} // namespace

GetOutput::GetOutput(const Options& options) {
    const auto& output = options.output;
    const auto equals = output.find('=');
    name_ = output.substr(0, equals);
    for (const auto& known : kGetForms) {
        if (known.name != name_ || (equals != std::string::npos && known.wants == nullptr)) {
            continue;
        }
        form_ = known.form;
        if (known.wants == nullptr) {
            return;
        }
        auto argument = equals == std::string::npos ? std::string() : output.substr(equals + 1);
        if (argument.empty()) {
            throw netemu::UsageError(
                "-o " + name_ + " lacks what is to be printed", "-o " + name_ + "=" + known.wants);
        }
        read_template(known.file ? read_template_file(argument) : argument);
        return;
    }
    throw netemu::UsageError("no output format '" + output + "'", get_forms());
}

void GetOutput::read_template(const std::string& text) {
    if (form_ == Form::CustomColumns) {
        columns_ = name_ == "custom-columns" ? report::CustomColumns::parse(text)
                                             : report::CustomColumns::parse_file(text);
    } else {
        path_ = report::JsonPath::parse(text);
    }
}

std::string
GetOutput::print(const std::vector<api::ObjectPtr>& objects, bool single, bool headers) const {
    if (form_ == Form::Name) {
        return report::print_names(objects);
    }
    if (form_ == Form::CustomColumns) {
        return columns_->print(objects, headers);
    }
    const auto body = single ? objects.at(0)->body : report::list_object(objects);
    switch (form_) {
    case Form::Json:
        return body.dump(2) + "\n";
    case Form::Yaml:
        return manifest::to_yaml(body);
    case Form::JsonPath:
        return path_->print(body, ::isatty(STDOUT_FILENO) == 1);
    case Form::JsonPathAsJson:
        return path_->print_json(body);
    default:
        return {};
    }
}

} // namespace labctl::cli
