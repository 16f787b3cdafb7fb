#include <map>

#include "labctl/report/printer_kinds.h"

/// Columns as linkerd/linkerd2 charts/linkerd-crds has them, and the age.
namespace labctl::report {

using api::at;
using api::Json;
using api::string_at;

namespace {

using Cells = std::vector<Cell>;

Cells server_row(const Json& body, const PrintOptions& options) {
    const auto& port = at(body, "spec.port");
    return {
        port.is_string() ? port.get<std::string>() : port.dump(),
        string_at(body, "spec.proxyProtocol", "unknown"),
        string_at(body, "spec.accessPolicy", "deny"),
        age_of(body, options)};
}

Cells server_authorization_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "spec.server.name"), age_of(body, options)};
}

Cells target_row(const Json& body, const PrintOptions& options) {
    return {
        string_at(body, "spec.targetRef.kind") + "/" + string_at(body, "spec.targetRef.name"),
        age_of(body, options)};
}

Cells route_row(const Json& body, const PrintOptions& options) {
    const auto& hostnames = at(body, "spec.hostnames");
    return {hostnames.is_array() ? hostnames.dump() : std::string(), age_of(body, options)};
}

} // namespace

const KindPrinter* linkerd_printer(const std::string& kind) {
    static const std::map<std::string, KindPrinter> kPrinters{
        {"Server", {{{"PORT"}, {"PROTOCOL"}, {"ACCESS POLICY"}, {"AGE"}}, server_row}},
        {"ServerAuthorization", {{{"SERVER"}, {"AGE"}}, server_authorization_row}},
        {"AuthorizationPolicy.policy.linkerd.io", {{{"TARGET"}, {"AGE"}}, target_row}},
        {"HTTPRoute", {{{"HOSTNAMES"}, {"AGE"}}, route_row}},
        {"HTTPRoute.policy.linkerd.io", {{{"HOSTNAMES"}, {"AGE"}}, route_row}},
    };
    const auto found = kPrinters.find(kind);
    return found == kPrinters.end() ? nullptr : &found->second;
}

} // namespace labctl::report
