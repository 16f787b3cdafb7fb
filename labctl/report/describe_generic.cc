#include <algorithm>
#include <cctype>

#include "labctl/report/describe_parts.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;

/// "podCIDR" -> "Pod CIDR", as smartLabelFor of kubectl; keys with dots or slashes stay as they
/// are.
std::string label_for(std::string_view field) {
    if (field.find_first_of("./") != std::string_view::npos) {
        return std::string(field);
    }
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    std::vector<std::string> words;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const bool starts = i == 0 || (is_upper(field[i]) && !is_upper(field[i - 1])) ||
                            (is_upper(field[i]) && i + 1 < field.size() && !is_upper(field[i + 1]));
        if (starts) {
            words.emplace_back();
        }
        words.back() += field[i];
    }
    for (auto& word : words) {
        const auto lower = netemu::to_lower(word);
        const bool acronym = lower == "api" || lower == "url" || lower == "uid";
        for (std::size_t i = 0; i < word.size(); ++i) {
            if (i == 0 || acronym) {
                word[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[i])));
            }
        }
    }
    return netemu::join(words, " ");
}

void describe_fields(Description& out, int level, const Json& fields, bool is_metadata);

void describe_value(Description& out, int level, const std::string& name, const Json& value) {
    const auto label = visible(label_for(name));
    if (value.is_object()) {
        out.line(level, label + ":");
        describe_fields(out, level + 1, value, level == 0 && name == "metadata");
    } else if (value.is_array()) {
        out.line(level, label + ":");
        for (const auto& entry : value) {
            if (entry.is_object()) {
                describe_fields(out, level + 1, entry, false);
            } else {
                out.line(level + 1, visible(plain(entry)));
            }
        }
    } else {
        out.field(level, label, plain(value));
    }
}

void describe_fields(Description& out, int level, const Json& fields, bool is_metadata) {
    for (const auto& [name, value] : fields.items()) {
        const bool shown_above =
            is_metadata && (name == "name" || name == "namespace" || name == "labels" ||
                            name == "annotations" || name == "managedFields");
        const bool head = level == 0 && (name == "apiVersion" || name == "kind");
        if (!shown_above && !head) {
            describe_value(out, level, name, value);
        }
    }
}

/// Whether the object is an EndpointSlice of the Service.
bool is_slice_of(const api::Object& candidate, const api::Object& service) {
    if (candidate.kind() != "EndpointSlice" || candidate.ns() != service.ns()) {
        return false;
    }
    const auto labels = candidate.labels();
    const auto name = labels.find("kubernetes.io/service-name");
    return name != labels.end() && name->second == service.name();
}

/// The addresses of a slice that are ready.
std::vector<std::string> ready_addresses(const Json& slice) {
    std::vector<std::string> addresses;
    for (const auto& endpoint : at(slice, "endpoints")) {
        if (api::bool_at(endpoint, "conditions.ready", true)) {
            for (const auto& address : at(endpoint, "addresses")) {
                addresses.push_back(plain(address));
            }
        }
    }
    return addresses;
}

/// "10.244.1.2:80,..." for one port of a Service, from the EndpointSlices that belong to it;
/// "<none>" when there are none of them, as in kubectl.
std::string port_endpoints(const DescribeInput& input, const Json& port) {
    const auto name = string_at(port, "name");
    std::vector<std::string> found;
    bool any_slice = false;
    for (const auto& candidate : input.options.related) {
        if (!is_slice_of(*candidate, input.object)) {
            continue;
        }
        any_slice = true;
        for (const auto& own : at(candidate->body, "ports")) {
            if (string_at(own, "name") != name) {
                continue;
            }
            for (const auto& ip : ready_addresses(candidate->body)) {
                const bool v6 = ip.find(':') != std::string::npos;
                found.push_back(
                    (v6 ? "[" + ip + "]:" : ip + ":") + std::to_string(int_at(own, "port", 0)));
            }
        }
    }
    return with_more(found, 3, any_slice ? "" : "<none>");
}

std::string port_title(const Json& port, const char* field) {
    const auto name = string_at(port, "name");
    return visible(name.empty() ? "<unset>" : name) + "\t" +
           std::to_string(int_at(port, field, 0)) + "/" + string_at(port, "protocol", "TCP");
}

void describe_service_port(Description& out, const DescribeInput& input, const Json& port) {
    out.line(0, "Port:\t" + port_title(port, "port"));
    const auto& target = at(port, "targetPort");
    out.line(
        0,
        "TargetPort:\t" + visible(target.is_null() ? plain(at(port, "port")) : plain(target)) +
            "/" + string_at(port, "protocol", "TCP"));
    if (int_at(port, "nodePort", 0) > 0) {
        out.line(0, "NodePort:\t" + port_title(port, "nodePort"));
    }
    out.field(0, "Endpoints", port_endpoints(input, port));
}

} // namespace

void describe_service(Description& out, const DescribeInput& input) {
    const auto& service = input.object.body;
    const auto optional_field = [&](const char* name, const char* path) {
        if (const auto text = string_at(service, path); !text.empty()) {
            out.field(0, name, text);
        }
    };
    out.field(0, "Name", input.object.name());
    out.field(0, "Namespace", input.object.ns());
    out.labels(0, "Labels", input.object.labels());
    out.annotations(0, "Annotations", input.object.annotations());
    out.field(0, "Selector", format_labels(at(service, "spec.selector")));
    out.field(0, "Type", string_at(service, "spec.type", "ClusterIP"));
    optional_field("IP Family Policy", "spec.ipFamilyPolicy");
    const auto& families = at(service, "spec.ipFamilies");
    out.field(0, "IP Families", families.empty() ? "<none>" : join_strings(families, ","));
    out.field(0, "IP", string_at(service, "spec.clusterIP"));
    const auto& ips = at(service, "spec.clusterIPs");
    out.field(0, "IPs", ips.empty() ? "<none>" : join_strings(ips, ","));
    optional_field("External Name", "spec.externalName");
    for (const auto& port : at(service, "spec.ports")) {
        describe_service_port(out, input, port);
    }
    out.field(0, "Session Affinity", string_at(service, "spec.sessionAffinity", "None"));
    optional_field("External Traffic Policy", "spec.externalTrafficPolicy");
    optional_field("Internal Traffic Policy", "spec.internalTrafficPolicy");
}

void describe_generic(Description& out, const DescribeInput& input) {
    const auto& object = input.object;
    out.field(0, "Name", object.name());
    out.field(0, "Namespace", object.ns());
    out.labels(0, "Labels", object.labels());
    out.annotations(0, "Annotations", object.annotations());
    out.field(0, "API Version", object.api_version());
    out.field(0, "Kind", object.kind());
    describe_fields(out, 0, object.body, false);
}

} // namespace labctl::report
