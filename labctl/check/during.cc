#include "labctl/check/during.h"

#include <algorithm>

#include "labctl/api/fault.h"
#include "labctl/check/verdict.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

/// Assertions that need the same things broken.
struct FaultGroup {
    std::vector<std::string> faults;
    std::string ns;
    std::vector<std::size_t> members; // indices of assertions
};

std::vector<FaultGroup> fault_groups(const std::vector<Assertion>& assertions) {
    std::vector<FaultGroup> groups(1); // the first one is of those without faults
    for (std::size_t i = 0; i < assertions.size(); ++i) {
        const auto& during = assertions[i].during;
        auto group = during.empty()
                         ? groups.begin()
                         : std::find_if(groups.begin() + 1, groups.end(), [&](const auto& each) {
                               return each.faults == during && each.ns == assertions[i].ns;
                           });
        if (group == groups.end()) {
            groups.push_back({during, assertions[i].ns, {}});
            group = groups.end() - 1;
        }
        group->members.push_back(i);
    }
    return groups;
}

/// The faults of one group, in force as long as this lives.
class BrokenLab {
public:
    explicit BrokenLab(const FaultHooks& hooks) : hooks_(hooks) {}
    BrokenLab(const BrokenLab&) = delete;
    BrokenLab& operator=(const BrokenLab&) = delete;
    ~BrokenLab() {
        try {
            heal();
        } catch (const netemu::Error&) { // NOLINT(bugprone-empty-catch): they heal by themselves
        }
    }

    void inject(const std::string& fault, const std::string& ns) {
        handles_.push_back(hooks_.inject(fault, ns));
    }
    void heal() {
        while (!handles_.empty()) {
            const auto handle = std::move(handles_.back());
            handles_.pop_back();
            hooks_.heal(handle);
        }
    }

private:
    const FaultHooks& hooks_;
    std::vector<std::string> handles_;
};

Record unrun_record(const Assertion& assertion, Verdict verdict, const std::string& reason) {
    auto record = record_of(assertion);
    record.verdict = verdict;
    record.outcome = "not probed";
    record.reason = reason;
    return record;
}

class FaultedRun {
public:
    FaultedRun(
        const std::vector<Assertion>& assertions,
        const Hooks& hooks,
        const FaultHooks& faults,
        const Options& options)
        : assertions_(assertions), hooks_(hooks), faults_(faults), options_(options),
          records_(assertions.size()) {}

    Report run() {
        const auto start = hooks_.now();
        for (const auto& group : fault_groups(assertions_)) {
            if (group.members.empty()) {
                continue;
            }
            if (options_.fail_fast && failed_) {
                refuse(
                    group,
                    Verdict::Inconclusive,
                    "not settled: the run ended at the first failure");
            } else {
                run_group(group);
            }
        }
        report_.records = std::move(records_);
        report_.duration_us = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(hooks_.now() - start).count());
        return std::move(report_);
    }

private:
    void run_group(const FaultGroup& group) {
        BrokenLab broken(faults_);
        try {
            for (const auto& fault : group.faults) {
                broken.inject(with_end(fault, group), group.ns);
            }
        } catch (const netemu::UsageError& error) {
            refuse(
                group,
                Verdict::Error,
                std::string("cannot break it: ") + error.what(),
                error.hint());
            return;
        }
        std::vector<Assertion> chosen;
        for (const auto index : group.members) {
            chosen.push_back(assertions_[index]);
        }
        auto part = evaluate(chosen, hooks_, options_);
        broken.heal();
        report_.probes += part.probes;
        for (std::size_t i = 0; i < part.records.size(); ++i) {
            const auto& record = part.records[i];
            failed_ = failed_ || (record.verdict == Verdict::Fail && record.level == Level::Error);
            records_[group.members[i]] = std::move(part.records[i]);
        }
    }

    void refuse(
        const FaultGroup& group,
        Verdict verdict,
        const std::string& reason,
        const std::string& hint = {}) {
        for (const auto index : group.members) {
            records_[index] = unrun_record(assertions_[index], verdict, reason);
            records_[index].hint = hint;
            if (hooks_.finished) {
                hooks_.finished(records_[index]);
            }
        }
    }

    /// The fault with an end of its own, unless the file gives it one.
    [[nodiscard]] std::string with_end(const std::string& text, const FaultGroup& group) const {
        constexpr std::uint64_t kSpareUs = 60'000'000;
        auto fault = api::parse_fault(text);
        if (fault.heal_after_us == 0) {
            std::uint64_t longest = 0;
            for (const auto index : group.members) {
                const auto& assertion = assertions_[index];
                longest = std::max(longest, assertion.within_us + assertion.for_us);
            }
            fault.heal_after_us = longest + kSpareUs;
        }
        return api::to_string(fault);
    }

    const std::vector<Assertion>& assertions_;
    const Hooks& hooks_;
    const FaultHooks& faults_;
    const Options& options_;
    std::vector<Record> records_;
    Report report_;
    bool failed_ = false;
};

} // namespace

Report evaluate_with_faults(
    const std::vector<Assertion>& assertions,
    const Hooks& hooks,
    const FaultHooks& faults,
    const Options& options) {
    return FaultedRun(assertions, hooks, faults, options).run();
}

} // namespace labctl::check
