#include "labctl/compile/pod_termination.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::Json;
using std::chrono::milliseconds;

constexpr double kTerminationSecondsMax = 86400;
constexpr double kMillisPerSecond = 1000;

/// "2", "0.5", "10s"; nullopt for anything else.
std::optional<milliseconds> parse_sleep(std::string_view text) {
    if (text.ends_with('s')) {
        text.remove_suffix(1);
    }
    double seconds = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
    if (parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(seconds) || seconds < 0 ||
        seconds > kTerminationSecondsMax) {
        return std::nullopt;
    }
    return milliseconds(std::llround(seconds * kMillisPerSecond));
}

/// How long a command sleeps that does nothing else: `sleep N`, itself or in a shell.
milliseconds sleep_of_command(const Json& command) {
    std::vector<std::string> words;
    for (const auto& word : command) {
        words.push_back(word.is_string() ? word.get<std::string>() : std::string{});
    }
    if (words.size() == 3 && words[1] == "-c" && words[0].ends_with("sh")) {
        const auto script = words[2];
        words.clear();
        for (const auto word : netemu::split(script, ' ')) {
            if (!word.empty()) {
                words.emplace_back(word);
            }
        }
    }
    const bool sleeps = words.size() == 2 && (words[0] == "sleep" || words[0].ends_with("/sleep"));
    return sleeps ? parse_sleep(words[1]).value_or(milliseconds(0)) : milliseconds(0);
}

milliseconds pre_stop_of(const Json& container) {
    const auto& hook = api::at(container, "lifecycle.preStop");
    const std::chrono::seconds sleep(api::int_at(hook, "sleep.seconds", 0));
    return std::max<milliseconds>(sleep, sleep_of_command(api::at(hook, "exec.command")));
}

std::string annotation_of(const Json& pod) {
    const auto& annotations = api::at(pod, "metadata.annotations");
    return annotations.is_object() ? annotations.value(kTerminationAnnotation, std::string{})
                                   : std::string{};
}

} // namespace

Termination termination_of(const Json& pod, bool process) {
    Termination result;
    for (const auto& container : api::at(pod, "spec.containers")) {
        result.pre_stop = std::max(result.pre_stop, pre_stop_of(container));
    }
    if (!process) {
        result.work = parse_sleep(annotation_of(pod)).value_or(milliseconds(0));
    }
    return result;
}

std::optional<std::string> termination_problem(const Json& pod) {
    const auto text = annotation_of(pod);
    if (text.empty() || parse_sleep(text)) {
        return std::nullopt;
    }
    return "metadata.annotations[" + std::string(kTerminationAnnotation) + "]: Invalid value: \"" +
           text + "\": must be a number of seconds from 0 to 86400";
}

std::int64_t grace_seconds(const Json& pod) {
    return api::int_at(pod, "spec.terminationGracePeriodSeconds", kGraceSecondsDefault);
}

const ImageRule* image_rule(const std::vector<ImageRule>& rules, const Json& container) {
    const auto image = api::string_at(container, "image");
    const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) {
        return netemu::glob_match(rule.match, image);
    });
    return found == rules.end() ? nullptr : &*found;
}

bool runs_process(const std::vector<ImageRule>& rules, const Json& pod) {
    for (const auto& container : api::at(pod, "spec.containers")) {
        if (const auto* rule = image_rule(rules, container)) {
            return !rule->idle;
        }
    }
    return false;
}

} // namespace labctl::compile
