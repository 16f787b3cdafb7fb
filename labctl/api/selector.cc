#include <algorithm>

#include "labctl/api/object.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::api {

namespace {

using Operator = Selector::Operator;
using Requirement = Selector::Requirement;

/// Splits at commas outside parentheses.
std::vector<std::string_view> split_requirements(std::string_view text) {
    std::vector<std::string_view> parts;
    int depth = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        if (text[i] == ',' && depth == 0) {
            parts.push_back(netemu::trim(text.substr(start, i - start)));
            start = i + 1;
        }
    }
    parts.push_back(netemu::trim(text.substr(start)));
    return parts;
}

[[noreturn]] void bad_part(std::string_view part) {
    throw netemu::UsageError(
        "bad label selector at '" + std::string(part) + "'",
        "write key=value, key!=value, key, !key, key in (a,b) or key notin (a,b)");
}

Requirement parse_set(std::string_view part, std::string_view key, std::string_view rest) {
    Requirement requirement{std::string(key), Operator::In, {}};
    requirement.op = rest.starts_with("in") ? Operator::In : Operator::NotIn;
    rest = netemu::trim(rest.substr(requirement.op == Operator::In ? 2 : 5));
    if (rest.size() < 2 || rest.front() != '(' || rest.back() != ')') {
        bad_part(part);
    }
    for (const auto value : netemu::split(rest.substr(1, rest.size() - 2), ',')) {
        requirement.values.emplace_back(netemu::trim(value));
    }
    return requirement;
}

bool key_valid(std::string_view key) {
    return !key.empty() && key.find_first_of(" \t()!=,<>") == std::string_view::npos;
}

Requirement parse_requirement(std::string_view part) {
    if (part.starts_with('!')) {
        const auto key = netemu::trim(part.substr(1));
        if (!key_valid(key)) {
            bad_part(part);
        }
        return {std::string(key), Operator::DoesNotExist, {}};
    }
    const auto end = std::min(part.find_first_of(" \t!="), part.size());
    const auto key = part.substr(0, end);
    const auto rest = netemu::trim(part.substr(end));
    if (!key_valid(key)) {
        bad_part(part);
    }
    if (rest.empty()) {
        return {std::string(key), Operator::Exists, {}};
    }
    if (rest.starts_with("in ") || rest.starts_with("in(") || rest.starts_with("notin ") ||
        rest.starts_with("notin(")) {
        return parse_set(part, key, rest);
    }
    for (const std::string_view sign : {"!=", "==", "="}) {
        if (rest.starts_with(sign)) {
            const auto value = netemu::trim(rest.substr(sign.size()));
            if (value.find_first_of(" \t()!=,") != std::string_view::npos) {
                bad_part(part);
            }
            const auto op = sign == "!=" ? Operator::NotIn : Operator::In;
            return {std::string(key), op, {std::string(value)}};
        }
    }
    bad_part(part);
}

bool requirement_matches(const Requirement& requirement, const Labels& labels) {
    const auto found = labels.find(requirement.key);
    const bool present = found != labels.end();
    const auto listed = [&] {
        return std::find(requirement.values.begin(), requirement.values.end(), found->second) !=
               requirement.values.end();
    };
    switch (requirement.op) {
    case Operator::In:
        return present && listed();
    case Operator::NotIn:
        return !present || !listed();
    case Operator::Exists:
        return present;
    case Operator::DoesNotExist:
        return !present;
    }
    return false;
}

} // namespace

Selector Selector::from_labels(const Labels& labels) {
    Selector result;
    for (const auto& [key, value] : labels) {
        result.requirements_.push_back({key, Operator::In, {value}});
    }
    return result;
}

Selector Selector::from_json(const Json& label_selector) {
    auto result = from_labels(labels_at(label_selector, "matchLabels"));
    for (const auto& expression : at(label_selector, "matchExpressions")) {
        Requirement requirement;
        requirement.key = string_at(expression, "key");
        const auto op = string_at(expression, "operator");
        requirement.op = op == "In"       ? Operator::In
                         : op == "NotIn"  ? Operator::NotIn
                         : op == "Exists" ? Operator::Exists
                                          : Operator::DoesNotExist;
        for (const auto& value : at(expression, "values")) {
            requirement.values.push_back(value.get<std::string>());
        }
        result.requirements_.push_back(std::move(requirement));
    }
    return result;
}

Selector Selector::parse(std::string_view text) {
    Selector result;
    if (netemu::trim(text).empty()) {
        return result;
    }
    for (const auto part : split_requirements(text)) {
        result.requirements_.push_back(parse_requirement(part));
    }
    return result;
}

bool Selector::matches(const Labels& labels) const {
    return std::all_of(requirements_.begin(), requirements_.end(), [&](const auto& requirement) {
        return requirement_matches(requirement, labels);
    });
}

std::string Selector::to_string() const {
    std::vector<std::string> parts;
    for (const auto& r : requirements_) {
        switch (r.op) {
        case Operator::In:
            parts.push_back(
                r.values.size() == 1 ? r.key + "=" + r.values[0]
                                     : r.key + " in (" + netemu::join(r.values, ",") + ")");
            break;
        case Operator::NotIn:
            parts.push_back(
                r.values.size() == 1 ? r.key + "!=" + r.values[0]
                                     : r.key + " notin (" + netemu::join(r.values, ",") + ")");
            break;
        case Operator::Exists:
            parts.push_back(r.key);
            break;
        case Operator::DoesNotExist:
            parts.push_back("!" + r.key);
            break;
        }
    }
    return netemu::join(parts, ",");
}

} // namespace labctl::api
