#pragma once

#include <string>

#include "labctl/cli/client.h"
#include "labctl/cli/context.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/learn/answer.h"
#include "labctl/learn/grade.h"
#include "labctl/learn/snapshot.h"
#include "labctl/learn/variant.h"

/// Labs that are there only to try something.
namespace labctl::cli {

/// An exercise's lab that goes with this, unless it is kept; until then an interrupt ends it at
/// once. The kernel may still be at work afterwards: wait_for_kernel.
class ScratchLab {
public:
    /// Throws for what the lab cannot be, and InterruptedError.
    ScratchLab(
        const Context& context,
        const learn::Variant& variant,
        const std::string& name,
        bool quiet = true);
    ScratchLab(const ScratchLab&) = delete;
    ScratchLab& operator=(const ScratchLab&) = delete;
    ~ScratchLab();

    [[nodiscard]] Client connect() const;
    /// It outlives this.
    void keep() { kept_ = true; }
    /// That works on this lab, as quietly.
    [[nodiscard]] const Context& context() const { return context_; }

private:
    Options options_;
    Context context_;
    supervisor::LabPaths paths_;
    InterruptGuard guard_;
    bool kept_ = false;
};

/// One answer to a challenge in a lab of its own. `loaded` and `variant` must live as long.
class Trial {
public:
    Trial(
        const Context& context,
        const learn::LoadedChallenge& loaded,
        const learn::Variant& variant,
        const std::string& name);

    [[nodiscard]] Client connect() const { return lab_.connect(); }
    void apply(const learn::Answer& answer);
    /// Judges the lab as it is.
    void judge(learn::Grade& grade);

private:
    const learn::LoadedChallenge& loaded_;
    const learn::Variant& variant_;
    ScratchLab lab_;
    learn::Snapshot baseline_;
};

} // namespace labctl::cli
