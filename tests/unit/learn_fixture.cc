#include "tests/unit/learn_fixture.h"

#include "labctl/check/parse.h"

namespace labctl::learn::testing {

ExerciseFolder::ExerciseFolder(const Files& files) {
    for (const auto& [file, text] : files) {
        write(file, text);
    }
}

void ExerciseFolder::write(const std::string& file, const std::string& text) const {
    const auto target = std::filesystem::path(path()) / file;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target) << text;
}

LoadedChallenge three_objectives() {
    LoadedChallenge loaded;
    loaded.challenge.name = "three";
    loaded.challenge.title = "Three things";
    loaded.challenge.objectives = {
        {"a", "The first", 2, {"first"}, {}},
        {"b", "The second", 4, {"second-*"}, {}},
        {"c", "The third", 1, {"late"}, {"a"}}};
    loaded.challenge.keep = {"kept"};
    const std::vector<std::pair<std::string, double>> assertions{
        {"first", 1}, {"second-1", 3}, {"second-2", 1}, {"third", 1}, {"kept", 2}};
    for (const auto& [name, points] : assertions) {
        auto assertion = check::parse_assertion(
            {{"name", name},
             {"from", "x"},
             {"to", "y:80"},
             {"expect", "allow"},
             {"points", points}},
            {"checks.yaml", 1, 1},
            "default");
        if (name == "third") {
            assertion.tags = {"late"};
        }
        loaded.assertions.push_back(std::move(assertion));
    }
    return loaded;
}

check::Report report_of(const LoadedChallenge& loaded, const std::string& verdicts) {
    check::Report report;
    for (std::size_t i = 0; i < loaded.assertions.size(); ++i) {
        const auto& assertion = loaded.assertions[i];
        check::Record record;
        record.title = assertion.title;
        record.points = assertion.points;
        record.expected = assertion.expect.text;
        record.flows = 1;
        record.outcome = verdicts.at(i) == 'p' ? "ok" : "timeout";
        record.verdict = verdicts.at(i) == 'p'   ? check::Verdict::Pass
                         : verdicts.at(i) == 'f' ? check::Verdict::Fail
                         : verdicts.at(i) == 'e' ? check::Verdict::Error
                                                 : check::Verdict::Inconclusive;
        report.records.push_back(std::move(record));
    }
    return report;
}

} // namespace labctl::learn::testing
