#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "labctl/cli/context.h"

/// What `labctl dev` tells of an exercise, step by step.
namespace labctl::cli {

/// One thing that an exercise has to prove, and what speaks against it.
struct Step {
    std::string name;
    std::vector<std::string> problems;
    std::uint64_t micros = 0;
};

class StepList {
public:
    StepList(const Context& context, std::string exercise)
        : context_(context), exercise_(std::move(exercise)) {}

    /// Runs a step and takes its time. What an exercise gets wrong, a netemu::UsageError, is a
    /// problem of the step; throws InterruptedError, and what is no fault of the exercise.
    void run(const std::string& name, const std::function<std::vector<std::string>()>& body);
    /// Prints it at once, unless everything is printed as JSON in the end.
    void add(Step step);
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] nlohmann::json to_json() const;

private:
    void print(const Step& step) const;

    const Context& context_;
    std::string exercise_;
    std::vector<Step> steps_;
    bool failed_ = false;
};

} // namespace labctl::cli
