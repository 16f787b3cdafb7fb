#include "labctl/report/describe_parts.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr const char* kUnset = "<unset>";

std::string or_unset(const std::string& text) {
    return text.empty() ? kUnset : text;
}

void describe_head(Description& out, const api::Object& object) {
    out.field(0, "Name", object.name());
    out.field(0, "Namespace", object.ns());
    out.labels(0, "Labels", object.labels());
    out.annotations(0, "Annotations", object.annotations());
}

void describe_port_table(Description& out, int level, const Json& ports) {
    out.line(level, "Name\tPort\tProtocol");
    out.line(level, "----\t----\t--------");
    for (const auto& port : ports) {
        const auto number = api::int_at(port, "port", 0);
        out.line(
            level,
            visible(or_unset(string_at(port, "name"))) + "\t" +
                (number > 0 ? std::to_string(number) : kUnset) + "\t" +
                visible(string_at(port, "protocol", "TCP")));
    }
}

std::string names_of(const Json& list) {
    std::vector<std::string> names;
    for (const auto& entry : list) {
        names.push_back(string_at(entry, "name"));
    }
    return netemu::join(names, ",");
}

std::string flag_text(const Json& conditions, const char* name) {
    const auto& value = at(conditions, name);
    return value.is_boolean() ? value.dump() : kUnset;
}

/// kubectl shows Ready alone; the two others follow where they say something else.
void describe_conditions(Description& out, const Json& endpoint) {
    const auto& conditions = at(endpoint, "conditions");
    out.line(2, "Conditions:");
    out.field(3, "Ready", flag_text(conditions, "ready"));
    const bool ready = api::bool_at(conditions, "ready", true);
    const bool terminating = api::bool_at(conditions, "terminating", false);
    if (terminating || api::bool_at(conditions, "serving", ready) != ready) {
        out.field(3, "Serving", flag_text(conditions, "serving"));
        out.field(3, "Terminating", flag_text(conditions, "terminating"));
    }
}

void describe_endpoint(Description& out, const Json& endpoint) {
    out.line(1, "- Addresses:\t" + visible(join_strings(at(endpoint, "addresses"), ", ")));
    describe_conditions(out, endpoint);
    out.field(2, "Hostname", or_unset(string_at(endpoint, "hostname")));
    if (const auto kind = string_at(endpoint, "targetRef.kind"); !kind.empty()) {
        out.field(2, "TargetRef", kind + "/" + string_at(endpoint, "targetRef.name"));
    }
    out.field(2, "NodeName", or_unset(string_at(endpoint, "nodeName")));
    out.field(2, "Zone", or_unset(string_at(endpoint, "zone")));
    if (const auto& zones = at(endpoint, "hints.forZones"); !zones.empty()) {
        out.field(2, "For Zones", names_of(zones));
    }
    if (const auto& nodes = at(endpoint, "hints.forNodes"); !nodes.empty()) {
        out.field(2, "For Nodes", names_of(nodes));
    }
}

std::string address_list(const Json& addresses) {
    std::vector<std::string> list;
    for (const auto& address : addresses) {
        list.push_back(string_at(address, "ip"));
    }
    return list.empty() ? "<none>" : netemu::join(list, ",");
}

} // namespace

void describe_endpoint_slice(Description& out, const DescribeInput& input) {
    const auto& slice = input.object.body;
    describe_head(out, input.object);
    out.field(0, "AddressType", string_at(slice, "addressType"));
    if (const auto& ports = at(slice, "ports"); ports.empty()) {
        out.line(0, "Ports: <unset>");
    } else {
        out.line(0, "Ports:");
        describe_port_table(out, 1, ports);
    }
    if (const auto& endpoints = at(slice, "endpoints"); endpoints.empty()) {
        out.line(0, "Endpoints: <none>");
    } else {
        out.line(0, "Endpoints:");
        for (const auto& endpoint : endpoints) {
            describe_endpoint(out, endpoint);
        }
    }
}

void describe_endpoints(Description& out, const DescribeInput& input) {
    describe_head(out, input.object);
    out.line(0, "Subsets:");
    for (const auto& subset : at(input.object.body, "subsets")) {
        out.field(1, "Addresses", address_list(at(subset, "addresses")));
        out.field(1, "NotReadyAddresses", address_list(at(subset, "notReadyAddresses")));
        if (const auto& ports = at(subset, "ports"); !ports.empty()) {
            out.line(1, "Ports:");
            describe_port_table(out, 2, ports);
        }
        out.line(0, "");
    }
}

} // namespace labctl::report
