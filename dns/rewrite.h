#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"

namespace dns {

/// Rewrites questions by rules, and turns the answers back (coredns plugin/rewrite): the question
/// of the answer is always the client's own; names in the answer are turned back by `answer`.
class Rewriter {
public:
    explicit Rewriter(const std::vector<RewriteRule>& rules);
    ~Rewriter();
    Rewriter(const Rewriter&) = delete;
    Rewriter& operator=(const Rewriter&) = delete;

    struct Result {
        Question question;
        std::vector<std::size_t> applied; // rules, in order
        [[nodiscard]] bool changed() const { return !applied.empty(); }
    };
    [[nodiscard]] Result rewrite(const Question& question) const;
    /// Turns `response` into one to `original`.
    void revert(
        Message& response, const Question& original, const std::vector<std::size_t>& applied) const;

private:
    struct Compiled;
    std::vector<std::unique_ptr<Compiled>> rules_;
};

} // namespace dns
