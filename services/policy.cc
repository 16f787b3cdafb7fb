#include "services/policy.h"

#include <algorithm>

namespace services {

std::string Policy::label() const {
    return ns.empty() ? kind + " " + name : kind + " " + ns + "/" + name;
}

bool Policy::operator==(const Policy& other) const {
    return tier == other.tier && kind == other.kind && ns == other.ns && name == other.name &&
           priority == other.priority && subject == other.subject && ingress == other.ingress &&
           egress == other.egress;
}

namespace {

bool requirement_holds(const LabelRequirement& requirement, const PolicyLabels& labels) {
    const auto found = std::lower_bound(
        labels.begin(),
        labels.end(),
        requirement.key,
        [](const PolicyLabel& label, const std::string& key) { return label.key < key; });
    const bool present = found != labels.end() && found->key == requirement.key;
    const auto listed = [&] {
        return std::binary_search(
            requirement.values.begin(), requirement.values.end(), found->value);
    };
    switch (requirement.op) {
    case LabelRequirement::Operator::In:
        return present && listed();
    case LabelRequirement::Operator::NotIn:
        return !present || !listed();
    case LabelRequirement::Operator::Exists:
        return present;
    case LabelRequirement::Operator::DoesNotExist:
        return !present;
    }
    return false;
}

} // namespace

bool matches(const LabelSelector& selector, const PolicyLabels& labels) {
    return std::all_of(
        selector.requirements.begin(),
        selector.requirements.end(),
        [&](const LabelRequirement& requirement) {
            return requirement_holds(requirement, labels);
        });
}

bool matches(const PodSelection& selection, const PolicyPod& pod, const PolicyNamespace& ns) {
    if (pod.host_network || !matches(selection.pods, pod.labels)) {
        return false;
    }
    return selection.ns.empty() ? matches(selection.namespaces, ns.labels) : selection.ns == pod.ns;
}

} // namespace services
