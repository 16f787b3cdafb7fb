#include <algorithm>
#include <array>

#include "labctl/api/object.h"
#include "labctl/probe/probe.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::probe {
namespace {

using netemu::UsageError;
using nlohmann::json;

constexpr std::uint64_t kTimeoutMsMax = 600000;
constexpr std::uint64_t kCountMax = netemu::limits::kProbesMax;
constexpr std::uint64_t kConcurrencyMax = netemu::limits::kProbesInFlightMax;

/// One object of the input: typed access to its fields, and an error for those that nobody knows.
class Fields {
public:
    Fields(const json& object, std::string path) : object_(object), path_(std::move(path)) {
        if (!object.is_object()) {
            throw UsageError(path_ + ": an object is wanted, not " + object.type_name());
        }
    }

    [[nodiscard]] std::string where(const std::string& name) const {
        return path_.empty() ? name : path_ + "." + name;
    }

    void allow_only(std::span<const std::string> names) const {
        for (const auto& [name, value] : object_.items()) {
            if (std::find(names.begin(), names.end(), name) != names.end()) {
                continue;
            }
            const auto near = netemu::nearest(name, names);
            throw UsageError(
                where(name) + ": unknown field" + (near ? ", did you mean \"" + *near + "\"?" : ""),
                "known are " + netemu::join(names, ", "));
        }
    }

    [[nodiscard]] const json* find(const std::string& name) const {
        const auto found = object_.find(name);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }

    void read(const std::string& name, std::string& into) const {
        if (const auto* value = find(name); value != nullptr) {
            into = text(*value, where(name));
        }
    }

    void read(const std::string& name, bool& into) const {
        if (const auto* value = find(name); value != nullptr) {
            if (!value->is_boolean()) {
                throw UsageError(
                    where(name) + ": true or false is wanted, not " + value->type_name());
            }
            into = value->get<bool>();
        }
    }

    template <typename Number>
    void read(
        const std::string& name, Number& into, std::uint64_t minimum, std::uint64_t maximum) const {
        const auto* value = find(name);
        if (value == nullptr) {
            return;
        }
        if (!value->is_number_unsigned() || value->get<std::uint64_t>() < minimum ||
            value->get<std::uint64_t>() > maximum) {
            throw UsageError(
                where(name) + ": a whole number from " + std::to_string(minimum) + " to " +
                std::to_string(maximum) + " is wanted, not " + value->dump());
        }
        into = static_cast<Number>(value->get<std::uint64_t>());
    }

    void read(const std::string& name, std::map<std::string, std::string>& into) const {
        const auto* value = find(name);
        if (value == nullptr) {
            return;
        }
        if (!value->is_object()) {
            throw UsageError(
                where(name) + ": an object of strings is wanted, not " + value->type_name());
        }
        for (const auto& [key, entry] : value->items()) {
            into[key] = text(entry, where(name) + "." + key);
        }
    }

    static std::string text(const json& value, const std::string& where) {
        if (!value.is_string()) {
            throw UsageError(where + ": a string is wanted, not " + value.type_name());
        }
        return value.get<std::string>();
    }

private:
    const json& object_;
    std::string path_;
};

const std::array<std::string, 17> kFields = {
    "id",
    "from",
    "to",
    "via",
    "method",
    "headers",
    "body",
    "timeoutMs",
    "count",
    "concurrency",
    "reuseConnection",
    "samples",
    "sourcePort",
    "evidence",
    "identify",
    "size",
    "ca"};

bool is_header_name(std::string_view name) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !name.empty() && name.find_first_not_of(kToken) == std::string_view::npos;
}

bool is_header_value(std::string_view value) {
    return std::none_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
}

void check_http(const Request& request, const Fields& fields) {
    if (!is_header_name(request.method)) {
        throw UsageError(
            fields.where("method") + ": \"" + request.method + "\" is not an HTTP method");
    }
    for (const auto& [name, value] : request.headers) {
        if (!is_header_name(name) || !is_header_value(value)) {
            throw UsageError(fields.where("headers") + "." + name + ": not an HTTP field");
        }
    }
}

void check_source(const std::string& from, const Fields& fields) {
    const auto slashes = std::count(from.begin(), from.end(), '/');
    const auto first = from.find('/');
    const auto last = from.rfind('/');
    const bool of_workload = // NAMESPACE/KIND/NAME
        slashes == 2 && !api::find_kinds(from.substr(first + 1, last - first - 1)).empty();
    if (from.empty() || (slashes > 1 && !of_workload) || from.front() == '/' ||
        from.back() == '/') {
        throw UsageError(
            fields.where("from") + ": \"" + from + "\" is not a source",
            "write NAMESPACE/POD, NAMESPACE/KIND/NAME of a workload, node/NAME or external");
    }
}

void read_id(const Fields& fields, Request& request) {
    const auto* id = fields.find("id");
    if (id != nullptr && id->is_number_integer()) {
        request.id = id->dump();
    } else {
        fields.read("id", request.id);
    }
}

void require(const Fields& fields, const std::string& name) {
    if (fields.find(name) == nullptr) {
        throw UsageError(fields.where(name) + ": missing");
    }
}

Request parse_request(const json& object, std::size_t index) {
    const Fields fields(object, "probes[" + std::to_string(index) + "]");
    fields.allow_only(kFields);
    Request request;
    request.id = std::to_string(index + 1);
    read_id(fields, request);
    require(fields, "from");
    fields.read("from", request.from);
    check_source(request.from, fields);
    require(fields, "to");
    try {
        request.to = Target::parse(Fields::text(*fields.find("to"), fields.where("to")));
    } catch (netemu::Error& error) {
        error.add_context(fields.where("to"));
        throw;
    }
    fields.read("via", request.via);
    fields.read("method", request.method);
    fields.read("headers", request.headers);
    fields.read("body", request.body);
    fields.read("timeoutMs", request.timeout_ms, 1, kTimeoutMsMax);
    fields.read("count", request.count, 1, kCountMax);
    fields.read("concurrency", request.concurrency, 1, kConcurrencyMax);
    fields.read("reuseConnection", request.reuse_connection);
    fields.read("samples", request.samples);
    fields.read("sourcePort", request.source_port, 0, 65535);
    fields.read("evidence", request.evidence);
    fields.read("identify", request.identify);
    fields.read("size", request.size, kPacketBytesMin, kPacketBytesMax);
    if (request.size != 0 && request.to.scheme != Scheme::Icmp) {
        throw UsageError(fields.where("size") + ": only icmp:// has one");
    }
    fields.read("ca", request.ca);
    if (fields.find("ca") != nullptr && request.ca.empty()) {
        throw UsageError(
            fields.where("ca") + ": there is nothing in it",
            "leave it out, and any certificate will do");
    }
    if (!request.ca.empty() && request.to.scheme != Scheme::Https) {
        throw UsageError(fields.where("ca") + ": only https:// has a certificate to verify");
    }
    if (request.ca.size() > kCaBytesMax) {
        throw UsageError(
            fields.where("ca") + ": " + std::to_string(request.ca.size()) + " bytes; at most " +
            std::to_string(kCaBytesMax) + " are taken");
    }
    check_http(request, fields);
    if (request.to.scheme == Scheme::Grpc && request.method != "GET" && request.method != "POST") {
        throw UsageError(
            fields.where("method") + ": every call of gRPC is a POST",
            "the method of gRPC is in `to`: grpc://NAME:PORT/package.Service/Method");
    }
    return request;
}

json to_json(const Request& request) {
    const Request defaults;
    json object = {{"id", request.id}, {"from", request.from}, {"to", request.to.text}};
    const auto add = [&object](const char* name, const auto& value, const auto& default_value) {
        if (value != default_value) {
            object[name] = value;
        }
    };
    add("via", request.via, defaults.via);
    add("method", request.method, defaults.method);
    add("headers", request.headers, defaults.headers);
    add("body", request.body, defaults.body);
    add("timeoutMs", request.timeout_ms, defaults.timeout_ms);
    add("count", request.count, defaults.count);
    add("concurrency", request.concurrency, defaults.concurrency);
    add("reuseConnection", request.reuse_connection, defaults.reuse_connection);
    add("samples", request.samples, defaults.samples);
    add("sourcePort", request.source_port, defaults.source_port);
    add("evidence", request.evidence, defaults.evidence);
    add("identify", request.identify, defaults.identify);
    add("size", request.size, defaults.size);
    add("ca", request.ca, defaults.ca);
    return object;
}

} // namespace

RequestList parse_requests(const json& document) {
    static const std::array<std::string, 3> kTopFields = {"probes", "sequential", "schemaVersion"};
    const Fields fields(document, "");
    fields.allow_only(kTopFields);
    require(fields, "probes");
    const auto& probes = *fields.find("probes");
    if (!probes.is_array()) {
        throw UsageError(std::string("probes: an array is wanted, not ") + probes.type_name());
    }
    RequestList list;
    fields.read("sequential", list.sequential);
    std::uint64_t exchanges = 0;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        list.probes.push_back(parse_request(probes[i], i));
        exchanges += list.probes.back().count;
    }
    if (exchanges > netemu::limits::kProbesMax) {
        throw UsageError(
            "probes: " + std::to_string(exchanges) + " exchanges in all; at most " +
            std::to_string(netemu::limits::kProbesMax) + " go in one run");
    }
    return list;
}

json to_json(const RequestList& requests) {
    json probes = json::array();
    for (const auto& request : requests.probes) {
        probes.push_back(to_json(request));
    }
    json document = {{"probes", std::move(probes)}};
    if (requests.sequential) {
        document["sequential"] = true;
    }
    return document;
}

} // namespace labctl::probe
