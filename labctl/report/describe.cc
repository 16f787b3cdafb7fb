#include "labctl/report/describe.h"

#include <algorithm>
#include <map>

#include "labctl/report/describe_parts.h"
#include "labctl/report/duration.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;
using Describer = void (*)(Description&, const DescribeInput&);

Describer describer_for(const std::string& kind) {
    static const std::map<std::string, Describer> kDescribers{
        {"Pod", describe_pod},
        {"Node", describe_node},
        {"Deployment", describe_workload},
        {"ReplicaSet", describe_workload},
        {"StatefulSet", describe_workload},
        {"DaemonSet", describe_workload},
        {"Job", describe_workload},
        {"Service", describe_service},
        {"Ingress", describe_ingress},
        {"IngressClass", describe_ingress_class},
        {"EndpointSlice", describe_endpoint_slice},
        {"Endpoints", describe_endpoints},
        {"NetworkPolicy", describe_network_policy},
        {"AuthorizationPolicy", describe_authorization_policy},
        {"RequestAuthentication", describe_request_authentication},
        {"PeerAuthentication", describe_peer_authentication},
        {"VirtualService", describe_virtual_service},
        {"DestinationRule", describe_destination_rule},
        {"Server", describe_linkerd_server},
        {"AuthorizationPolicy.policy.linkerd.io", describe_linkerd_authorization}};
    const auto found = kDescribers.find(kind);
    return found == kDescribers.end() ? describe_generic : found->second;
}

const Json& involved(const api::Object& event) {
    const auto& object = at(event.body, "involvedObject");
    return object.is_object() ? object : at(event.body, "regarding");
}

bool is_about(const api::Object& event, const api::Object& object) {
    const auto& about = involved(event);
    const auto uid = string_at(about, "uid");
    return event.kind() == "Event" && string_at(about, "kind") == object.kind() &&
           string_at(about, "name") == object.name() &&
           string_at(about, "namespace", object.ns()) == object.ns() &&
           (uid.empty() || object.uid().empty() || uid == object.uid());
}

std::string first_of(const Json& event, std::initializer_list<const char*> paths) {
    for (const auto* path : paths) {
        if (auto text = string_at(event, path); !text.empty()) {
            return text;
        }
    }
    return {};
}

/// "5s", or "5s (x3 over 2m)" of an event that came several times.
std::string event_age(const Json& event, std::int64_t now) {
    const auto first =
        first_of(event, {"firstTimestamp", "eventTime", "metadata.creationTimestamp"});
    const auto last = first_of(event, {"lastTimestamp", "series.lastObservedTime"});
    const auto count = api::int_at(event, "count", 1);
    return count > 1 ? age(last.empty() ? first : last, now) + " (x" + std::to_string(count) +
                           " over " + age(first, now) + ")"
                     : age(first, now);
}

} // namespace

void Description::line(int level, std::string_view text) {
    std::string indented(static_cast<std::size_t>(level) * 2, ' ');
    indented += text;
    writer_.write(indented + "\n");
}

void Description::field(int level, std::string_view name, std::string_view value) {
    line(level, std::string(name) + ":\t" + visible(value));
}

void Description::pairs(int level, std::string_view name, const std::vector<std::string>& lines) {
    if (lines.empty()) {
        field(level, name, "<none>");
    }
    for (const auto& text : lines) {
        line(
            level, (&text == &lines.front() ? std::string(name) + ":" : "") + "\t" + visible(text));
    }
}

void Description::labels(int level, std::string_view name, const api::Labels& labels) {
    std::vector<std::string> lines;
    for (const auto& [key, value] : labels) {
        lines.push_back(key + "=" + value);
    }
    pairs(level, name, lines);
}

void Description::annotations(int level, std::string_view name, const api::Labels& annotations) {
    constexpr std::size_t kValueMax = 140; // kubectl's own limit
    std::vector<std::string> lines;
    for (const auto& [key, value] : annotations) {
        if (key != "kubectl.kubernetes.io/last-applied-configuration") {
            const bool cut = key.size() + value.size() > kValueMax;
            lines.push_back(key + ": " + (cut ? value.substr(0, kValueMax) + "..." : value));
        }
    }
    pairs(level, name, lines);
}

std::string Description::str() const {
    std::string out;
    const auto text = writer_.str();
    for (const auto line : netemu::split(text, '\n')) {
        out += line.substr(0, line.find_last_not_of(' ') + 1);
        out += '\n';
    }
    out.pop_back(); // the text ends with a line feed, so the last line of the split is empty
    return out;
}

void describe_events(Description& out, const DescribeInput& input) {
    std::vector<const api::Object*> events;
    for (const auto& candidate : input.options.related) {
        if (is_about(*candidate, input.object)) {
            events.push_back(candidate.get());
        }
    }
    if (events.empty()) {
        out.field(0, "Events", "<none>");
        return;
    }
    std::ranges::stable_sort(events, {}, [](const api::Object* event) {
        return first_of(event->body, {"lastTimestamp", "eventTime", "metadata.creationTimestamp"});
    });
    out.line(0, "Events:");
    out.line(1, "Type\tReason\tAge\tFrom\tMessage");
    out.line(1, "----\t------\t----\t----\t-------");
    for (const auto* event : events) {
        const auto& body = event->body;
        out.line(
            1,
            visible(string_at(body, "type")) + "\t" + visible(string_at(body, "reason")) + "\t" +
                event_age(body, input.options.now) + "\t" +
                visible(first_of(body, {"source.component", "reportingComponent"})) + "\t" +
                visible(std::string(netemu::trim(first_of(body, {"message", "note"})))));
    }
}

std::string long_time(const std::string& timestamp) {
    const auto time = parse_time(timestamp);
    return time ? rfc1123(*time) : "<unknown>";
}

std::string join_strings(const Json& list, std::string_view separator) {
    std::vector<std::string> parts;
    for (const auto& entry : list) {
        parts.push_back(plain(entry));
    }
    return netemu::join(parts, separator);
}

bool owned_by(const api::Object& candidate, const api::Object& owner) {
    const auto& references = at(candidate.body, "metadata.ownerReferences");
    return candidate.ns() == owner.ns() &&
           std::any_of(references.begin(), references.end(), [&](const Json& reference) {
               return string_at(reference, "kind") == owner.kind() &&
                      string_at(reference, "name") == owner.name();
           });
}

std::string plain(const Json& value) {
    return value.is_string() ? value.get<std::string>()
           : value.is_null() ? "<nil>"
                             : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string describe_object(const api::Object& object, const DescribeOptions& options) {
    Description out;
    const DescribeInput input{object, options};
    describer_for(object.kind())(out, input);
    describe_events(out, input);
    return out.str();
}

} // namespace labctl::report
