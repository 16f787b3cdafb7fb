#include "labctl/check/selector.h"

#include <array>

#include "labctl/check/parse_common.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

constexpr std::array<std::string_view, 6> kWorkloadKinds{
    "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"};

[[noreturn]] void bad_term(std::string_view text, const std::string& why) {
    throw netemu::UsageError(
        "'" + std::string(text) + "' " + why,
        "write a name, NS/NAME, a glob, {label=value}, deployment/NAME, node/NAME or external");
}

void require_name(std::string_view text, std::string_view name, const char* what) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '*' || c == '?';
    };
    if (name.empty()) {
        bad_term(text, std::string("lacks ") + what);
    }
    for (const char c : name) {
        if (!allowed(c)) {
            bad_term(text, std::string("is not a valid ") + what + ": '" + c + "' cannot be in it");
        }
    }
}

/// The labels inside braces or quotes, if the text is that.
std::optional<std::string_view> label_part(std::string_view text) {
    if (text.size() < 2) {
        return std::nullopt;
    }
    const bool braces = text.front() == '{' && text.back() == '}';
    const bool quotes =
        (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return braces || quotes ? std::optional(text.substr(1, text.size() - 2)) : std::nullopt;
}

Term label_term(std::string_view text, std::string_view ns, std::string_view labels) {
    Term term{Term::Kind::Labels, std::string(ns), {}, {}, {}, std::string(text)};
    if (netemu::trim(labels).empty()) {
        bad_term(text, "is an empty label selector");
    }
    term.labels = api::Selector::parse(labels);
    return term;
}

/// KIND/NAME or KIND/NS/NAME; nullopt when the first part names no kind that can be selected.
std::optional<Term> kind_term(std::string_view text, const std::vector<std::string_view>& parts) {
    if (parts.size() < 2 || parts.size() > 3) {
        return std::nullopt;
    }
    Term term;
    term.text = text;
    const auto* info = api::find_kind(parts[0]);
    const std::string kind = info == nullptr ? "" : info->kind;
    if (kind == "Node" && parts.size() == 2) {
        term.kind = Term::Kind::Node;
    } else if (kind == "Service") {
        term.kind = Term::Kind::Service;
    } else if (std::ranges::find(kWorkloadKinds, kind) != kWorkloadKinds.end()) {
        term.kind = Term::Kind::Workload;
        term.workload_kind = kind;
    } else {
        return std::nullopt;
    }
    if (parts.size() == 3) {
        require_name(text, parts[1], "namespace");
        term.ns = parts[1];
    }
    require_name(text, parts.back(), "name");
    term.name = parts.back();
    return term;
}

} // namespace

Term parse_term(std::string_view text) {
    text = netemu::trim(text);
    if (text.empty()) {
        bad_term(text, "names nobody");
    }
    if (text == "external") {
        return {Term::Kind::External, {}, {}, {}, {}, "external"};
    }
    if (netemu::IpAddress::parse(text)) {
        return {Term::Kind::Address, {}, std::string(text), {}, {}, std::string(text)};
    }
    if (const auto labels = label_part(text)) {
        return label_term(text, {}, *labels);
    }
    // Label keys may hold slashes, so labels are looked for behind the first slash before it is
    // split.
    const auto slash = text.find('/');
    if (slash != std::string_view::npos) {
        if (const auto labels = label_part(text.substr(slash + 1))) {
            require_name(text, text.substr(0, slash), "namespace");
            return label_term(text, text.substr(0, slash), *labels);
        }
    }
    const auto parts = netemu::split(text, '/');
    if (auto term = kind_term(text, parts)) {
        return *std::move(term);
    }
    if (parts.size() > 2) {
        bad_term(text, "has too many parts");
    }
    Term term{Term::Kind::Name, {}, std::string(parts.back()), {}, {}, std::string(text)};
    if (parts.size() == 2) {
        require_name(text, parts[0], "namespace");
        term.ns = parts[0];
    }
    if (netemu::to_lower(text) == "external") {
        throw netemu::UsageError(
            "'" + std::string(text) + "' is not a valid name", "did you mean 'external'?");
    }
    require_name(text, parts.back(), "name");
    return term;
}

std::vector<Term> parse_terms(std::string_view text) {
    std::vector<Term> terms;
    for (const auto part : split_outside(text, ",")) {
        terms.push_back(parse_term(part));
    }
    return terms;
}

} // namespace labctl::check
