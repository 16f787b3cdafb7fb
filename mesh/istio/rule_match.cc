#include "mesh/istio/rule_match.h"

#include <algorithm>

#include "mesh/istio/field_match.h"

namespace mesh::istio {

namespace {

constexpr std::size_t kValuesTold = 3;

template <class Part>
bool part_holds(const Part& part, const Facts& facts) {
    const auto fields = fields_of(part);
    return std::all_of(
        fields.begin(), fields.end(), [&](const Field& field) { return holds(field, facts); });
}

template <class Part>
bool part_has_unusable(const Part& part, const Facts& facts) {
    const auto fields = fields_of(part);
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
        return has_unusable(field, facts);
    });
}

bool rule_has_unusable(const Rule& rule, const Facts& facts) {
    const auto unusable = [&](const auto& part) { return part_has_unusable(part, facts); };
    return std::any_of(rule.from.begin(), rule.from.end(), unusable) ||
           std::any_of(rule.to.begin(), rule.to.end(), unusable) ||
           std::any_of(rule.when.begin(), rule.when.end(), [&](const Condition& condition) {
               return has_unusable(field_of(condition), facts);
           });
}

/// The first part that holds, or nullptr.
template <class Part>
const Part* first_that_holds(const std::vector<Part>& parts, const Facts& facts) {
    const auto found = std::find_if(
        parts.begin(), parts.end(), [&](const Part& part) { return part_holds(part, facts); });
    return found == parts.end() ? nullptr : &*found;
}

std::string some_of(const std::vector<std::string>& values) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i == kValuesTold) {
            return text + ", ...";
        }
        text += (i == 0 ? "" : ", ") + values[i];
    }
    return text;
}

void tell_field(const Field& field, const Facts& facts, std::string& text) {
    const auto add = [&](std::string_view name, const std::string& what) {
        text.append(text.empty() ? "" : "; ").append(name).append(" ").append(what);
    };
    const auto& [values, not_values] = *field.values;
    if (field.values->absent()) {
        return;
    }
    if (std::none_of(
            values.begin(),
            values.end(),
            [&](const auto& value) { return is_usable(field, value, facts); }) &&
        std::none_of(not_values.begin(), not_values.end(), [&](const auto& value) {
            return is_usable(field, value, facts);
        })) {
        add(values.empty() && !field.not_name.empty() ? field.not_name : field.name,
            facts.request == nullptr ? "(not looked at on TCP)" : "(not looked at)");
        return;
    }
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) {
        return is_usable(field, value, facts) && matches_value(field, value, facts);
    });
    if (found != values.end()) {
        add(field.name, *found);
    }
    if (!not_values.empty()) {
        const bool named = !field.not_name.empty();
        add(named ? field.not_name : field.name, (named ? "" : "not ") + some_of(not_values));
    }
}

/// "methods POST: it is GET", "notPaths /a*: it is /ab"; "" where the field holds.
std::string tell_failure(const Field& field, const Facts& facts) {
    if (holds(field, facts)) {
        return {};
    }
    const auto& [values, not_values] = *field.values;
    const bool unwanted = std::any_of(not_values.begin(), not_values.end(), [&](const auto& value) {
        return is_usable(field, value, facts) && matches_value(field, value, facts);
    });
    const bool named = !field.not_name.empty();
    return std::string(unwanted && named ? field.not_name : field.name) +
           (unwanted && !named ? " not " : " ") + some_of(unwanted ? not_values : values) + ": " +
           describe_fact(field, facts);
}

/// Of each part what does not hold; "" if one holds, or there are none.
template <class Part>
std::string tell_parts(const std::vector<Part>& parts, const Facts& facts) {
    std::string text;
    for (const auto& part : parts) {
        std::string failures;
        for (const auto& field : fields_of(part)) {
            if (const auto failure = tell_failure(field, facts); !failure.empty()) {
                failures += (failures.empty() ? "" : ", ") + failure;
            }
        }
        if (failures.empty()) {
            return {};
        }
        text += (text.empty() ? "" : " or ") + failures;
    }
    return text;
}

/// Whether a field of the rule, wherever it is, fits.
template <class Fits>
bool any_field(const Rule& rule, Fits fits) {
    const auto any = [&](const auto& part) {
        const auto fields = fields_of(part);
        return std::any_of(fields.begin(), fields.end(), fits);
    };
    return std::any_of(rule.from.begin(), rule.from.end(), any) ||
           std::any_of(rule.to.begin(), rule.to.end(), any) ||
           std::any_of(rule.when.begin(), rule.when.end(), [&](const Condition& condition) {
               return fits(field_of(condition));
           });
}

} // namespace

RuleMatch match_rule(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const ConnectionFacts& connection,
    const RequestFacts* request) {
    const Facts facts{policy.ns, connection, request};
    RuleMatch match;
    for (const auto& condition : rule.when) {
        const auto field = field_of(condition);
        if (field.kind == FieldKind::Unknown) {
            return match;
        }
    }
    match.left_out =
        policy.action == AuthorizationPolicy::Action::Allow && rule_has_unusable(rule, facts);
    if (match.left_out ||
        !std::all_of(rule.when.begin(), rule.when.end(), [&](const Condition& condition) {
            return holds(field_of(condition), facts);
        })) {
        return match;
    }
    match.source = first_that_holds(rule.from, facts);
    match.operation = first_that_holds(rule.to, facts);
    match.matches = (rule.from.empty() || match.source != nullptr) &&
                    (rule.to.empty() || match.operation != nullptr);
    return match;
}

std::string describe_match(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const RuleMatch& match,
    const ConnectionFacts& connection,
    const RequestFacts* request) {
    const Facts facts{policy.ns, connection, request};
    std::string text;
    if (match.source != nullptr) {
        for (const auto& field : fields_of(*match.source)) {
            tell_field(field, facts, text);
        }
    }
    if (match.operation != nullptr) {
        for (const auto& field : fields_of(*match.operation)) {
            tell_field(field, facts, text);
        }
    }
    for (const auto& condition : rule.when) {
        tell_field(field_of(condition), facts, text);
    }
    return text.empty() ? "it matches everything" : text;
}

std::string describe_mismatch(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const ConnectionFacts& connection,
    const RequestFacts* request) {
    const Facts facts{policy.ns, connection, request};
    std::string text;
    const auto add = [&text](const std::string& more) {
        text += (text.empty() || more.empty() ? "" : ", ") + more;
    };
    if (policy.action == AuthorizationPolicy::Action::Allow && rule_has_unusable(rule, facts)) {
        return request == nullptr && asks_for_http(rule)
                   ? "left out, as it asks for what only HTTP has"
                   : "left out, as a value of it cannot be read";
    }
    add(tell_parts(rule.from, facts));
    add(tell_parts(rule.to, facts));
    for (const auto& condition : rule.when) {
        const auto field = field_of(condition);
        add(field.kind == FieldKind::Unknown ? "there is no key " + condition.key
                                             : tell_failure(field, facts));
    }
    return text;
}

bool asks_for_http(const Rule& rule) {
    return any_field(rule, [](const Field& field) {
        return is_http_only(field.kind) && !field.values->absent();
    });
}

bool needs_token(const Rule& rule) {
    return any_field(rule, [](const Field& field) {
        return field.kind == FieldKind::Token && !field.values->absent();
    });
}

bool needs_identity(const Rule& rule) {
    return any_field(rule, [](const Field& field) {
        return !field.values->values.empty() &&
               (field.kind == FieldKind::Principal || field.kind == FieldKind::Namespace ||
                field.kind == FieldKind::ServiceAccount || field.kind == FieldKind::TrustDomain);
    });
}

} // namespace mesh::istio
