#include "labctl/api/field_selector.h"

#include <algorithm>
#include <map>
#include <set>

#include "labctl/api/status_error.h"
#include "netemu/base/text.h"

namespace labctl::api {

namespace {

using Fields = std::set<std::string, std::less<>>;
using FieldRequirement = FieldSelector::Requirement;

/// AddFieldLabelConversionFunc of k8s.io/kubernetes/pkg/apis/*/v1/conversion.go (1.32): what can be
/// selected by, besides metadata.name and metadata.namespace.
const Fields* fields_of(std::string_view kind) {
    static const std::map<std::string, Fields, std::less<>> kFields{
        {"Pod",
         {"spec.nodeName",
          "spec.host",
          "spec.restartPolicy",
          "spec.schedulerName",
          "spec.serviceAccountName",
          "spec.hostNetwork",
          "status.phase",
          "status.podIP",
          "status.podIPs",
          "status.nominatedNodeName"}},
        {"Event",
         {"involvedObject.kind",
          "involvedObject.namespace",
          "involvedObject.name",
          "involvedObject.uid",
          "involvedObject.apiVersion",
          "involvedObject.resourceVersion",
          "involvedObject.fieldPath",
          "reason",
          "reportingComponent",
          "source",
          "type"}},
        {"Node", {"spec.unschedulable"}},
        {"Namespace", {"status.phase"}},
        {"Service", {"spec.clusterIP", "spec.type"}},
        {"ReplicaSet", {"status.replicas"}},
        {"Job", {"status.successful"}},
    };
    const auto found = kFields.find(kind);
    return found == kFields.end() ? nullptr : &found->second;
}

/// What a field that is absent is worth: Go's zero value of its type.
std::string zero_of(std::string_view field) {
    if (field == "spec.hostNetwork" || field == "spec.unschedulable") {
        return "false";
    }
    return field == "status.replicas" || field == "status.successful" ? "0" : "";
}

std::string text_of(const Json& value, std::string_view field) {
    return value.is_null()     ? zero_of(field)
           : value.is_string() ? value.get<std::string>()
                               : value.dump();
}

std::string field_of(const Object& object, std::string_view field) {
    if (field == "source") { // of an Event
        const auto component = string_at(object.body, "source.component");
        return component.empty() ? string_at(object.body, "reportingComponent") : component;
    }
    if (field == "spec.host") {
        field = "spec.nodeName";
    } else if (field == "status.successful") {
        field = "status.succeeded";
    } else if (field == "status.podIPs") {
        std::vector<std::string> addresses;
        for (const auto& entry : at(object.body, field)) {
            addresses.push_back(string_at(entry, "ip"));
        }
        return netemu::join(addresses, ",");
    }
    return text_of(at(object.body, field), field);
}

/// Splits at commas that no backslash stands in front of.
std::vector<std::string_view> split_terms(std::string_view text) {
    std::vector<std::string_view> terms;
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == ',') {
            terms.push_back(text.substr(start, i - start));
            start = i + 1;
        }
    }
    terms.push_back(text.substr(start));
    return terms;
}

std::string unescape(std::string_view value, std::string_view selector) {
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const bool escaped = value[i] == '\\';
        i += escaped ? 1 : 0;
        if (i == value.size() ||
            (escaped && std::string_view("\\,=").find(value[i]) == value.npos) ||
            (!escaped && (value[i] == ',' || value[i] == '='))) {
            throw StatusError::bad_request(
                "invalid field selector: '" + std::string(selector) +
                "'; can't understand value: '" + std::string(value) + "'");
        }
        text += value[i];
    }
    return text;
}

FieldRequirement parse_term(std::string_view term, std::string_view selector) {
    const auto sign = term.find_first_of("!=");
    for (const std::string_view op : {"!=", "==", "="}) {
        if (sign != std::string_view::npos && term.substr(sign).starts_with(op)) {
            const auto value = unescape(term.substr(sign + op.size()), selector);
            return {std::string(term.substr(0, sign)), op != "!=", value};
        }
    }
    throw StatusError::bad_request(
        "invalid selector: '" + std::string(selector) + "'; can't understand '" +
        std::string(term) + "'");
}

void check_field(const std::string& field, const std::string& kind, const std::string& plural) {
    const auto* known = fields_of(kind);
    if (field == "metadata.name" || field == "metadata.namespace" ||
        (known != nullptr && known->contains(field))) {
        return;
    }
    auto error = StatusError::bad_request("field label not supported: " + field);
    std::string hint = "metadata.name, metadata.namespace";
    for (const auto& name : known == nullptr ? Fields() : *known) {
        hint += ", " + name;
    }
    error.set_hint(plural + " can be selected by " + hint);
    throw error;
}

} // namespace

FieldSelector
FieldSelector::parse(std::string_view text, const std::string& kind, const std::string& plural) {
    FieldSelector result;
    for (const auto term : split_terms(text)) {
        if (term.empty()) {
            continue; // as the API server does
        }
        result.requirements_.push_back(parse_term(term, text));
        check_field(result.requirements_.back().field, kind, plural);
    }
    return result;
}

bool FieldSelector::matches(const Object& object) const {
    return std::ranges::all_of(requirements_, [&](const auto& requirement) {
        return (field_of(object, requirement.field) == requirement.value) == requirement.equal;
    });
}

} // namespace labctl::api
