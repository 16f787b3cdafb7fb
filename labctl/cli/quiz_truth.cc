#include "labctl/cli/quiz_truth.h"

#include "labctl/cli/exercise_lab.h"
#include "labctl/cli/lab_world.h"
#include "labctl/cli/objects.h"
#include "labctl/report/json_path.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

/// What the lab has at the place that the question names.
std::string look_up(Client& client, const learn::Question& question) {
    const auto key = learn::key_of(question.object);
    const auto target = parse_targets(client, {netemu::to_lower(key.kind)}).at(0);
    const auto object = client.request("GET", resource_path(target, key.ns, key.name));
    return report::JsonPath::parse(question.json_path).print(object);
}

} // namespace

learn::Truth find_truth(
    const Context& context,
    const learn::Variant& variant,
    const learn::Question& question,
    const std::string& lab) {
    if (question.type != learn::QuestionType::Prediction && question.object.empty() &&
        question.apply.empty()) {
        return learn::truth_of(question);
    }
    constexpr std::chrono::milliseconds kSettleMax(3000);
    const auto options = options_for(context, lab, true);
    const Context own(options);
    auto client = own.client();
    if (!question.apply.empty()) {
        auto reading = variant.read_options();
        reading.known_namespaces = namespaces_of(client);
        apply_answer(client, learn::read_answer(variant.directory + "/" + question.apply, reading));
    }
    if (question.type == learn::QuestionType::Prediction) {
        wait_until_settled(client, kSettleMax);
        const auto report = judge(own, client, {*question.probe}, false);
        return learn::truth_of(question, report.records.at(0));
    }
    return question.object.empty() ? learn::truth_of(question)
                                   : learn::truth_of(question, look_up(client, question));
}

} // namespace labctl::cli
