#include "labctl/cli/dev_steps.h"

#include <iostream>

#include "labctl/cli/interrupt_guard.h"
#include "labctl/report/text.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"

namespace labctl::cli {

void StepList::run(const std::string& name, const std::function<std::vector<std::string>()>& body) {
    Step step{name, {}, 0};
    const auto start = netemu::Clock::now();
    try {
        step.problems = body();
    } catch (const netemu::Error& error) {
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        if (error.exit_code() != netemu::ExitCode::Usage) {
            throw;
        }
        step.problems.push_back(
            std::string(error.what()) + (error.hint().empty() ? "" : "\n" + error.hint()));
    }
    step.micros = netemu::micros_since(start);
    add(std::move(step));
}

void StepList::add(Step step) {
    failed_ = failed_ || !step.problems.empty();
    if (context_.options().output != "json") {
        print(step);
    }
    steps_.push_back(std::move(step));
}

nlohmann::json StepList::to_json() const {
    auto steps = nlohmann::json::array();
    for (const auto& step : steps_) {
        steps.push_back(
            {{"step", step.name},
             {"passed", step.problems.empty()},
             {"problems", step.problems},
             {"durationMs", static_cast<double>(step.micros) / 1000.0}});
    }
    return {{"exercise", exercise_}, {"passed", !failed_}, {"steps", steps}};
}

void StepList::print(const Step& step) const {
    const bool good = step.problems.empty();
    std::cout << report::paint(
                     good ? "\xe2\x9c\x93" : "\xe2\x9c\x97",
                     good ? report::Colour::Green : report::Colour::Red,
                     context_.console().color())
              << " " << report::visible(exercise_ + ": " + step.name) << " ("
              << netemu::format_duration_us(step.micros) << ")\n";
    for (const auto& problem : step.problems) {
        std::cout << "    " << report::visible_lines(problem) << "\n";
    }
    std::cout << std::flush;
}

} // namespace labctl::cli
