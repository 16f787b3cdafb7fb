#include "labctl/compile/immutable.h"

#include <algorithm>

#include "labctl/api/status_error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::Json;

[[noreturn]] void refuse(const Json& body, const std::string& why) {
    throw api::StatusError::invalid(
        qualified_kind(body), api::string_at(body, "metadata.name"), why);
}

/// metav1.LabelSelector as Go prints it in "Invalid value: ...".
std::string go_selector(const Json& selector) {
    std::vector<std::string> labels;
    for (const auto& [key, value] : api::labels_at(selector, "matchLabels")) {
        labels.push_back('"' + key + "\":\"" + value + '"');
    }
    const auto& expressions = api::at(selector, "matchExpressions");
    return "v1.LabelSelector{MatchLabels:map[string]string{" + netemu::join(labels, ", ") +
           "}, MatchExpressions:[]v1.LabelSelectorRequirement" +
           (expressions.empty() ? "(nil)" : expressions.dump()) + "}";
}

void check_selector(const Json& before, const Json& after) {
    if (api::at(before, "spec.selector") != api::at(after, "spec.selector")) {
        refuse(
            after,
            "spec.selector: Invalid value: " + go_selector(api::at(after, "spec.selector")) +
                ": field is immutable");
    }
}

void forget_images(Json& spec) {
    for (const auto* list : {"containers", "initContainers"}) {
        if (spec.contains(list)) {
            for (auto& container : spec[list]) {
                container.erase("image");
            }
        }
    }
}

bool only_adds(const Json& before, const Json& after) {
    return std::all_of(before.begin(), before.end(), [&](const Json& item) {
        return std::find(after.begin(), after.end(), item) != after.end();
    });
}

void check_pod(const Json& before, const Json& after) {
    if (api::at(before, "spec") == api::at(after, "spec")) {
        return;
    }
    auto old_spec = api::at(before, "spec");
    auto new_spec = api::at(after, "spec");
    bool allowed = only_adds(api::at(old_spec, "tolerations"), api::at(new_spec, "tolerations"));
    for (auto* spec : {&old_spec, &new_spec}) {
        forget_images(*spec);
        for (const auto* field :
             {"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"}) {
            spec->erase(field);
        }
    }
    if (!allowed || old_spec != new_spec) {
        refuse(
            after,
            "spec: Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`"
            ","
            "`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)");
    }
}

/// Whether the specs differ in more than these fields.
bool differs_beyond(const Json& before, const Json& after, const std::vector<std::string>& fields) {
    auto old_spec = api::at(before, "spec");
    auto new_spec = api::at(after, "spec");
    for (auto* spec : {&old_spec, &new_spec}) {
        for (const auto& field : fields) {
            if (spec->is_object()) {
                spec->erase(field);
            }
        }
    }
    return old_spec != new_spec;
}

void check_stateful_set(const Json& before, const Json& after) {
    if (differs_beyond(
            before,
            after,
            {"replicas",
             "ordinals",
             "template",
             "updateStrategy",
             "revisionHistoryLimit",
             "persistentVolumeClaimRetentionPolicy",
             "minReadySeconds"})) {
        refuse(
            after,
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
            "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
    }
}

void check_job(const Json& before, const Json& after) {
    for (const auto* field : {"completions", "completionMode", "selector", "template"}) {
        const auto& value = api::at(api::at(after, "spec"), field);
        if (api::at(api::at(before, "spec"), field) != value) {
            const auto text = value.is_object() ? "core.PodTemplateSpec{...}" : value.dump();
            refuse(
                after,
                std::string("spec.") + field + ": Invalid value: " + text + ": field is immutable");
        }
    }
}

void check_config_map(const Json& before, const Json& after) {
    if (api::bool_at(before, "immutable", false) &&
        (api::at(before, "data") != api::at(after, "data") ||
         api::at(before, "binaryData") != api::at(after, "binaryData"))) {
        refuse(after, "data: Forbidden: field is immutable when `immutable` is set");
    }
}

} // namespace

std::string qualified_kind(const Json& body) {
    const auto version = api::string_at(body, "apiVersion");
    const auto slash = version.find('/');
    const auto kind = api::string_at(body, "kind");
    return slash == std::string::npos ? kind : kind + "." + version.substr(0, slash);
}

void check_lab_unchanged(const Json& before, const Json& after) {
    if (api::at(before, "spec") == api::at(after, "spec")) {
        return;
    }
    auto error = api::StatusError::invalid(
        qualified_kind(after),
        api::string_at(after, "metadata.name"),
        "spec: Forbidden: a lab is for as long as it is up what it came up as");
    error.set_hint("`labctl set proxy-mode MODE` changes the proxy mode; write all else into the "
                   "lab file, then "
                   "`labctl down` and `labctl up`");
    throw error;
}

void check_immutable(const Json& before, const Json& after) {
    const auto kind = api::string_at(after, "kind");
    if (kind == "Pod") {
        check_pod(before, after);
    } else if (kind == "Deployment" || kind == "ReplicaSet" || kind == "DaemonSet") {
        check_selector(before, after);
    } else if (kind == "StatefulSet") {
        check_stateful_set(before, after);
    } else if (kind == "Job") {
        check_job(before, after);
    } else if (kind == "ConfigMap") {
        check_config_map(before, after);
    } else if (kind == "Node" && differs_beyond(before, after, {"taints", "unschedulable"})) {
        refuse(after, "spec: Forbidden: node updates may only change labels, taints, or capacity");
    }
}

} // namespace labctl::compile
