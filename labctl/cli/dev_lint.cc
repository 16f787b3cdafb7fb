#include "labctl/cli/dev_test.h"
#include "labctl/cli/exercise.h"
#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/input.h"
#include "labctl/cli/policies.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/learn/author.h"

namespace labctl::cli {

namespace {

constexpr std::size_t kNodes = 3; // where there is no lab file

void read_all_answers(const std::string& directory, const manifest::ReadOptions& reading) {
    if (learn::has_solution(directory)) {
        learn::read_answer(directory + "/solution", reading);
    }
    for (const auto& path : learn::wrong_answers(directory)) {
        learn::read_answer(path, reading);
    }
}

/// What a learner would find.
learn::Snapshot imagined_start(LabInput input) {
    if (input.lab.body.is_null()) {
        input.lab = compile::ClusterConfig::default_lab("exercise", kNodes);
    }
    const auto store = imagine_cluster(input.lab, input.objects, true);
    std::vector<api::Json> objects;
    for (const auto& kind : store.kinds()) {
        for (const auto& object : store.list(kind)) {
            objects.push_back(object->body);
        }
    }
    return learn::take_snapshot(objects);
}

} // namespace

std::vector<std::string>
lint_exercise(const Context& context, const std::string& directory, std::uint64_t seed) {
    std::vector<std::string> problems;
    const auto name = folder_name(directory);
    supervisor::check_lab_name(name);
    const bool quiz = is_quiz_folder(directory);
    const auto variant =
        learn::variant_of(directory, quiz ? kQuizKind.file : kChallengeKind.file, seed);
    auto options = options_for(context, "", false);
    options.strict = true;
    options.variables = variant.values;
    auto reading = variant.read_options(true);
    const auto read_lab = [&] {
        auto input = read_cluster_input(Context(options), {directory});
        for (const auto& object : input.objects) {
            if (object.kind() == "Namespace") {
                reading.known_namespaces.push_back(object.name());
            }
        }
        return input;
    };
    if (quiz) {
        const auto loaded = learn::load_quiz(variant, name, true);
        if (loaded.has_lab) {
            (void)read_lab();
        }
        for (const auto& question : loaded.questions) {
            if (!question.apply.empty()) {
                learn::read_answer(directory + "/" + question.apply, reading);
            }
        }
    } else {
        const auto loaded = learn::load_challenge(variant, name, true);
        learn::check_protected(loaded, imagined_start(read_lab()));
        read_all_answers(directory, reading);
        problems = learn::answer_problems(loaded.challenge);
    }
    const auto told = learn::spoilers(directory);
    problems.insert(problems.end(), told.begin(), told.end());
    return problems;
}

} // namespace labctl::cli
