#pragma once

#include <functional>
#include <string>
#include <vector>

#include "labctl/check/evaluate.h"

/// Assertions that must hold while something is broken: their field `during`.
namespace labctl::check {

/// Breaks something and heals it. What these throw as netemu::UsageError becomes the verdict of the
/// assertions; anything else ends the run.
struct FaultHooks {
    /// `fault` as api::parse_fault reads it, names of `ns`. Returns a handle.
    std::function<std::string(const std::string& fault, const std::string& ns)> inject;
    std::function<void(const std::string& handle)> heal;
};

/// `evaluate`, first for the assertions without a fault, then for those of each set of faults in
/// the order of the file, between breaking and healing. Each fault also heals by itself some time
/// after the last moment at which its assertions could be waiting, should this process die. Records
/// are in the order of the assertions.
Report evaluate_with_faults(
    const std::vector<Assertion>& assertions,
    const Hooks& hooks,
    const FaultHooks& faults,
    const Options& options = {});

} // namespace labctl::check
