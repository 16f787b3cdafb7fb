#include "labctl/check/problems.h"

#include <algorithm>

#include "netemu/base/text.h"

namespace labctl::check {

namespace {

std::string messages_of(const std::vector<Problem>& problems) {
    std::vector<std::string> messages;
    std::ranges::transform(problems, std::back_inserter(messages), &Problem::message);
    return netemu::join(messages, "; ");
}

} // namespace

EntryError::EntryError(std::vector<Problem> problems)
    : UsageError(messages_of(problems)), problems_(std::move(problems)) {
}

void Problems::add(std::string path, std::string message, std::string hint) {
    const bool known = std::ranges::any_of(list_, [&](const Problem& other) {
        return other.path == path && other.message == message;
    });
    if (!known) {
        list_.push_back({std::move(path), std::move(message), std::move(hint)});
    }
}

void Problems::in(const std::string& field, const std::function<void()>& read) {
    try {
        read();
    } catch (const EntryError& error) {
        for (const auto& [path, message, hint] : error.problems()) {
            add(path.empty() ? field : field.empty() ? path : field + "." + path, message, hint);
        }
    } catch (const netemu::UsageError& error) {
        add(field, error.what(), error.hint());
    }
}

bool Problems::about(const std::string& field) const {
    return std::ranges::any_of(list_, [&field](const Problem& problem) {
        return problem.path == field || problem.path.starts_with(field + ".");
    });
}

void Problems::raise() const {
    if (!list_.empty()) {
        throw EntryError(list_);
    }
}

} // namespace labctl::check
