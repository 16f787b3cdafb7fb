#include "labctl/cli/trial.h"

#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/lifecycle.h"

namespace labctl::cli {

ScratchLab::ScratchLab(
    const Context& context, const learn::Variant& variant, const std::string& name, bool quiet)
    : options_(options_for(context, name, quiet)), context_(options_),
      paths_(supervisor::LabPaths::of(name)) {
    if (!start_exercise_lab(context_, variant, name)) {
        throw InterruptedError();
    }
}

ScratchLab::~ScratchLab() {
    if (kept_) {
        return;
    }
    try {
        end_lab(context_, paths_, false);
    } catch (const std::exception& error) {
        context_.console().warn(error.what());
    }
}

Client ScratchLab::connect() const {
    return Client::connect(paths_.socket);
}

Trial::Trial(
    const Context& context,
    const learn::LoadedChallenge& loaded,
    const learn::Variant& variant,
    const std::string& name)
    : loaded_(loaded), variant_(variant), lab_(context, variant, name) {
    auto client = connect();
    baseline_ = snapshot_of(client);
}

void Trial::apply(const learn::Answer& answer) {
    auto client = connect();
    apply_answer(client, answer);
}

void Trial::judge(learn::Grade& grade) {
    constexpr std::chrono::milliseconds kSettleMax(3000);
    auto client = connect();
    grade.loaded = {&loaded_, [](const auto*) {}}; // which outlives the trial and its grade
    wait_until_settled(client, kSettleMax);
    learn::ScoreInput input;
    input.tampered =
        learn::protected_changes(baseline_, snapshot_of(client), loaded_.challenge.protect);
    input.opened = opened_flows(lab_.context(), loaded_.challenge, variant_);
    input.hint_cost = grade.score.input.hint_cost;
    grade.report = cli::judge(lab_.context(), client, loaded_.assertions, false);
    grade.score = learn::score(loaded_, grade.report, std::move(input));
}

} // namespace labctl::cli
