#pragma once

#include <functional>
#include <string>
#include <vector>

#include "netemu/base/error.h"

/// What is wrong with one entry of a check, each with its field. Private to the room.
namespace labctl::check {

struct Problem {
    std::string path; // "expect.clientIP"; empty: the entry as a whole
    std::string message;
    std::string hint; // or empty
};

/// All that is wrong with an entry, as one error.
class EntryError : public netemu::UsageError {
public:
    explicit EntryError(std::vector<Problem> problems);
    [[nodiscard]] const std::vector<Problem>& problems() const noexcept { return problems_; }

private:
    std::vector<Problem> problems_;
};

/// Collects them while an entry is read.
class Problems {
public:
    void add(std::string path, std::string message, std::string hint = {});
    /// Takes what `read` throws as said of the field, or of those below it.
    void in(const std::string& field, const std::function<void()>& read);
    /// Whether something is wrong with the field, or with one below it.
    [[nodiscard]] bool about(const std::string& field) const;
    /// Throws EntryError if there are any.
    void raise() const;

private:
    std::vector<Problem> list_; // each once: the cells of a matrix have the same ones
};

} // namespace labctl::check
