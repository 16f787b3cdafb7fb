#include "labctl/learn/hints.h"

#include <algorithm>
#include <array>

namespace labctl::learn {

using check::Evidence;
using check::Record;
using check::Verdict;

namespace {

/// How a connection can fail, as a learner should think of it.
struct Sort {
    std::string_view category;
    const char* where;
    const char* kind;
};

constexpr std::array kSorts{
    Sort{
        "names",
        "The connection is never begun: {from} cannot find out the address of {to}.",
        "It is about a name: what is asked for, where it is looked for, and whether the object "
        "that the name stands for exists in that namespace."},
    Sort{
        "policy",
        "Packets from {from} are thrown away on their way to {to}, before anything could answer.",
        "It is a policy: what selects the pod in question, in which direction, and what its rules "
        "let through."},
    Sort{
        "refused",
        "Packets from {from} arrive, and are refused at the end of their way to {to}.",
        "Nothing listens there: compare the port that is asked for, the port that the Service "
        "leads to, and the one that the container has; and whether there are endpoints at all."},
    Sort{
        "identity",
        "The connection from {from} to {to} is made, and ended by who looks at certificates.",
        "It is about who {from} can prove to be, and whom {to} lets in."},
    Sort{
        "path",
        "Packets from {from} to {to} get lost on their way, and no policy was seen to drop them.",
        "It is the way: addresses, routes, links, tunnels, and the way back."},
    Sort{
        "answer",
        "{from} gets an answer from {to}, but not the one that is asked for.",
        "Look at who answers, with which status and content, and why that one was chosen."},
    Sort{
        "too open",
        "Nothing stands between {from} and {to}.",
        "A policy is missing, or one lets through more than it should: they add up, and one that "
        "allows is enough."},
    Sort{
        "nothing there",
        "There is nothing that could be asked: one of the two sides does not exist.",
        "Look at which pods there are, with which labels, in which namespace."},
};

const Sort& sort_named(std::string_view category) {
    return *std::ranges::find_if(
        kSorts, [&](const Sort& sort) { return sort.category == category; });
}

bool wants_denial(const Record& record) {
    return record.expected.starts_with("deny") || record.expected == "timeout" ||
           record.expected == "refused";
}

/// The first exchange that was not as it should be.
const Evidence* first_bad(const Record& record) {
    const auto found = std::ranges::find_if(record.evidence, [](const Evidence& evidence) {
        return !evidence.control && evidence.verdict != Verdict::Pass;
    });
    return found == record.evidence.end() ? nullptr : &*found;
}

std::string filled(std::string text, const std::string& from, const std::string& to) {
    for (const auto& [mark, value] : {std::pair("{from}", from), std::pair("{to}", to)}) {
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
            text.replace(at, std::string_view(mark).size(), value);
            at += value.size();
        }
    }
    return text;
}

} // namespace

std::string category_of(const Record& record) {
    if (record.verdict == Verdict::Error || record.flows == 0) {
        return "nothing there";
    }
    const auto* bad = first_bad(record);
    const std::string outcome = bad == nullptr ? record.outcome : bad->outcome;
    if (outcome == "ok") {
        return wants_denial(record) ? "too open" : "answer";
    }
    if (outcome == "dns-error") {
        return "names";
    }
    if (record.decided_by.starts_with("authorizationpolicy/") ||
        record.decided_by.starts_with("peerauthentication/") || outcome == "tls-error" ||
        outcome == "reset") {
        return "identity";
    }
    if (!record.decided_by.empty()) {
        return "policy";
    }
    return outcome == "refused" ? "refused" : "path";
}

std::vector<std::string> hints_from(const check::Assertion& assertion, const Record& record) {
    if (record.verdict == Verdict::Pass) {
        return {};
    }
    const auto& sort = sort_named(category_of(record));
    const auto* bad = first_bad(record);
    const auto from = bad == nullptr ? assertion.from.text : bad->from;
    const auto to = bad == nullptr        ? assertion.to.text
                    : bad->target.empty() ? assertion.to.text
                                          : bad->target;
    std::vector<std::string> hints{filled(sort.where, from, to), filled(sort.kind, from, to)};
    if (!record.decided_by.empty()) {
        hints.push_back("It is " + record.decided_by + " that decides here.");
    } else if (!record.reason.empty()) {
        hints.push_back(record.reason + (record.hint.empty() ? "" : ". " + record.hint));
    }
    return hints;
}

std::string veiled_title(std::size_t number) {
    return "hidden check " + std::to_string(number);
}

} // namespace labctl::learn
