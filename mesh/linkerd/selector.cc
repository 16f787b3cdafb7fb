#include "mesh/linkerd/selector.h"

#include <algorithm>

namespace mesh::linkerd {

namespace {

bool holds(const LabelSelector::Requirement& requirement, const Labels& labels) {
    using Operator = LabelSelector::Requirement::Operator;
    const auto found = labels.find(requirement.key);
    const bool present = found != labels.end();
    const bool among =
        present && std::find(requirement.values.begin(), requirement.values.end(), found->second) !=
                       requirement.values.end();
    switch (requirement.op) {
    case Operator::In:
        return among;
    case Operator::NotIn:
        return !among;
    case Operator::Exists:
        return present;
    case Operator::DoesNotExist:
        return !present;
    }
    return false;
}

} // namespace

bool LabelSelector::selects(const Labels& labels) const {
    const auto has = [&](const auto& wanted) {
        const auto found = labels.find(wanted.first);
        return found != labels.end() && found->second == wanted.second;
    };
    return std::all_of(match_labels.begin(), match_labels.end(), has) &&
           std::all_of(expressions.begin(), expressions.end(), [&](const auto& requirement) {
               return holds(requirement, labels);
           });
}

} // namespace mesh::linkerd
