#include "labctl/manifest/rules_meta.h"

#include <array>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

constexpr std::size_t kAnnotationBytesMax = 256U << 10U;

using NameRule = std::string (*)(std::string_view);

NameRule name_rule(const api::KindInfo* kind) {
    if (kind == nullptr || !kind->typed) {
        return path_segment; // what the laxest kinds accept
    }
    if (kind->kind == "Service") {
        return dns_service_name;
    }
    return kind->kind == "Namespace" || kind->kind == "Lab" ? dns_label : dns_subdomain;
}

/// The nearest valid name, for the hint; empty if none is near.
std::string repaired(std::string_view name, NameRule rule) {
    auto text = netemu::to_lower(name);
    for (auto& c : text) {
        c = c == '_' || c == ' ' ? '-' : c;
    }
    return text != name && rule(text).empty() ? compose({"for example '", text, "'"})
                                              : std::string{};
}

void check_name(const Cursor& metadata, NameRule rule) {
    const auto name = metadata["name"];
    if (!name.is_text() || name.text().empty()) {
        if (metadata["generateName"].present()) {
            name.error(
                "Required value: name is required",
                "generateName makes a new object at each apply; give it a name");
        } else if (!name.present() || name.is_text()) {
            name.required("name is required");
        }
        return;
    }
    if (const auto why = rule(name.text()); !why.empty()) {
        name.invalid(why, repaired(name.text(), rule));
    }
}

void check_annotations(const Cursor& annotations) {
    std::size_t bytes = 0;
    annotations.each_key([&](std::string_view key, const Cursor& value) {
        bytes += key.size() + value.text().size();
        if (const auto why = qualified_name(netemu::to_lower(key)); !why.empty()) {
            value.error_at_key(
                compose({"Invalid value: ", quoted(api::Json(std::string(key))), ": ", why}));
        }
    });
    if (bytes > kAnnotationBytesMax) {
        annotations.error("Too long: may not be more than 262144 bytes");
    }
}

void check_expression(const Cursor& expression) {
    constexpr std::array<std::string_view, 4> kOperators{"DoesNotExist", "Exists", "In", "NotIn"};
    const auto op = expression["operator"];
    const auto values = expression["values"];
    if (op.is("In") || op.is("NotIn")) {
        if (values.size() == 0) {
            values.required("must be specified when `operator` is 'In' or 'NotIn'");
        }
    } else if (op.is("Exists") || op.is("DoesNotExist")) {
        if (values.size() > 0) {
            values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
    } else if (op.is_text() && !op.text().empty()) {
        op.invalid("not a valid selector operator", did_you_mean(op.text(), kOperators));
    }
    values.each([](const Cursor& value) { value.check(label_value(value.text())); });
}

} // namespace

void check_metadata(const Cursor& object, const api::KindInfo* kind) {
    const auto metadata = object["metadata"];
    if (!metadata.json().is_object()) {
        metadata["name"].required("name is required");
        return;
    }
    check_name(metadata, name_rule(kind));
    const auto ns = metadata["namespace"];
    if (kind != nullptr && !kind->namespaced) {
        if (!ns.text().empty()) {
            ns.forbidden("not allowed on this type");
        }
    } else if (!ns.text().empty()) {
        ns.check(dns_label(ns.text()));
    }
    check_annotations(metadata["annotations"]);
}

void check_label_selector(const Cursor& selector) {
    selector["matchExpressions"].each(check_expression);
}

bool selector_matches(const Cursor& selector, const Cursor& labels) {
    for (const auto& expression : api::at(selector.json(), "matchExpressions")) {
        for (const auto& value : api::at(expression, "values")) {
            if (!value.is_string()) {
                return true; // its type has been reported: say nothing about the match
            }
        }
    }
    const api::Json holder{{"labels", labels.json()}};
    return api::Selector::from_json(selector.json()).matches(api::labels_at(holder, "labels"));
}

void check_workload_selector(const Cursor& spec, std::string_view kind) {
    const auto selector = spec["selector"];
    if (!selector.json().is_object()) {
        return; // its absence has been reported
    }
    if (selector["matchLabels"].size() == 0 && selector["matchExpressions"].size() == 0) {
        selector.invalid(compose({"empty selector is invalid for ", kind}));
        return;
    }
    const auto labels = spec["template"]["metadata"]["labels"];
    if (!selector_matches(selector, labels)) {
        labels.invalid(
            "`selector` does not match template `labels`",
            compose({"the selector is ", quoted(selector.json())}));
    }
}

} // namespace labctl::manifest
