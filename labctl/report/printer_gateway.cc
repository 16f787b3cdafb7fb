#include <map>

#include "labctl/report/printer_kinds.h"

/// Columns as the CustomResourceDefinitions of the Gateway API have them
/// (additionalPrinterColumns).
namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

using GatewayCells = std::vector<Cell>;

/// Its status: "True", "False"; "" as long as nobody has said anything.
std::string condition_status(const Json& body, const char* type) {
    for (const auto& condition : at(body, "status.conditions")) {
        if (string_at(condition, "type") == type) {
            return string_at(condition, "status");
        }
    }
    return {};
}

GatewayCells gateway_class_row(const Json& body, const PrintOptions& options) {
    return {
        string_at(body, "spec.controllerName"),
        condition_status(body, "Accepted"),
        age_of(body, options),
        string_at(body, "spec.description")};
}

/// Of several addresses, a column shows the first.
GatewayCells gateway_row(const Json& body, const PrintOptions& options) {
    const auto& addresses = at(body, "status.addresses");
    return {
        string_at(body, "spec.gatewayClassName"),
        addresses.is_array() && !addresses.empty() ? string_at(addresses.front(), "value") : "",
        condition_status(body, "Programmed"),
        age_of(body, options)};
}

GatewayCells grant_row(const Json& body, const PrintOptions& options) {
    return {age_of(body, options)};
}

} // namespace

const KindPrinter* gateway_printer(const std::string& kind) {
    static const std::map<std::string, KindPrinter> kPrinters{
        {"GatewayClass",
         {{{"CONTROLLER"}, {"ACCEPTED"}, {"AGE"}, {"DESCRIPTION", true}}, gateway_class_row}},
        {"Gateway", {{{"CLASS"}, {"ADDRESS"}, {"PROGRAMMED"}, {"AGE"}}, gateway_row}},
        {"ReferenceGrant", {{{"AGE"}}, grant_row}},
    };
    const auto found = kPrinters.find(kind);
    return found == kPrinters.end() ? nullptr : &found->second;
}

} // namespace labctl::report
