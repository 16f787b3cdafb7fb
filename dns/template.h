#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"

namespace dns {

/// Answers made of patterns (coredns plugin/template). Of Go's templates: {{ .Name }}, .Class,
/// .Type, .Zone, .Match.N or index .Match N, .Group.NAME, .Question.Name.
class TemplatePlugin {
public:
    /// Throws netemu::UsageError when an expression or a pattern is malformed.
    explicit TemplatePlugin(const TemplateConfig& config);
    ~TemplatePlugin();
    TemplatePlugin(TemplatePlugin&&) noexcept;
    TemplatePlugin& operator=(TemplatePlugin&&) noexcept;
    TemplatePlugin(const TemplatePlugin&) = delete;
    TemplatePlugin& operator=(const TemplatePlugin&) = delete;

    /// nullopt: not ours, or it falls through; the next plugin's turn. A name of our zones that no
    /// expression matches is SERVFAIL without fallthrough (coredns), as is a pattern that makes no
    /// record.
    [[nodiscard]] std::optional<Message> answer(const Question& question) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace dns
