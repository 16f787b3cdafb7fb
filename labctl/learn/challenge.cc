#include "labctl/learn/challenge.h"

#include <algorithm>
#include <filesystem>

#include "labctl/check/parse.h"
#include "labctl/learn/json_fields.h"
#include "labctl/manifest/front_matter.h"
#include "labctl/manifest/locate.h"
#include "labctl/manifest/read.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace fs = std::filesystem;
using api::Json;

double Challenge::points() const {
    double sum = 0;
    for (const auto& objective : objectives) {
        sum += objective.points;
    }
    return sum;
}

const Objective* Challenge::find(std::string_view key) const {
    const auto found =
        std::ranges::find_if(objectives, [&](const Objective& o) { return o.key == key; });
    return found == objectives.end() ? nullptr : &*found;
}

namespace {

Objective objective_from(const Json& json) {
    Objective objective;
    objective.key = api::string_at(json, "key");
    objective.title = api::string_at(json, "title");
    objective.points = static_cast<double>(api::int_at(json, "points", 1));
    objective.checks = texts_at(json, "checks");
    objective.needs = texts_at(json, "needs");
    return objective;
}

/// What front matter and checks say of each other.
class Fitting {
public:
    Fitting(const LoadedChallenge& loaded, const api::Source& head)
        : loaded_(loaded), head_(head) {}

    void check() {
        const auto& challenge = loaded_.challenge;
        for (std::size_t i = 0; i < challenge.objectives.size(); ++i) {
            check_patterns(
                challenge.objectives[i].checks, "objectives[" + std::to_string(i) + "].checks");
        }
        check_patterns(challenge.keep, "mustNotBreak");
        for (const auto& assertion : loaded_.assertions) {
            check_assertion(assertion);
        }
        if (findings_.errors > 0) {
            throw manifest::ManifestError(std::move(findings_));
        }
    }

private:
    void check_patterns(const std::vector<std::string>& patterns, const std::string& path) {
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            if (std::ranges::any_of(loaded_.assertions, [&](const auto& assertion) {
                    return selects({patterns[i]}, assertion);
                })) {
                continue;
            }
            std::vector<std::string> names;
            for (const auto& assertion : loaded_.assertions) {
                names.push_back(assertion.title);
            }
            const auto near = netemu::nearest(patterns[i], names);
            const auto place = path + "[" + std::to_string(i) + "]";
            add(locator_.warning(
                head_,
                place,
                place + ": no assertion in checks.yaml has the name or tag '" + patterns[i] + "'",
                near ? "did you mean '" + *near + "'?" : ""));
        }
    }

    void check_assertion(const check::Assertion& assertion) {
        const auto& challenge = loaded_.challenge;
        const bool wanted = std::ranges::any_of(
            challenge.objectives, [&](const Objective& o) { return selects(o.checks, assertion); });
        if (!wanted && !selects(challenge.keep, assertion)) {
            manifest::Diagnostic lost;
            lost.source = assertion.source;
            lost.message = "'" + assertion.title +
                           "' belongs to no objective and not to mustNotBreak, so it counts for "
                           "nothing";
            lost.hint = "name it, or one of its tags, in challenge.md";
            add(std::move(lost));
        }
    }

    void add(manifest::Diagnostic diagnostic) {
        diagnostic.severity = manifest::Severity::Error;
        findings_.add(std::move(diagnostic));
    }

    const LoadedChallenge& loaded_;
    const api::Source& head_;
    manifest::Locator locator_;
    manifest::Findings findings_;
};

} // namespace

Challenge challenge_from(const Json& head, std::string text, const std::string& directory) {
    Challenge challenge;
    challenge.name = fs::path(directory).filename().string();
    challenge.directory = directory;
    challenge.title = api::string_at(head, "title");
    challenge.description = api::string_at(head, "description");
    challenge.difficulty = api::string_at(head, "difficulty", "medium");
    challenge.categories = texts_at(head, "categories");
    challenge.estimated_time = api::string_at(head, "estimatedTime");
    challenge.text = std::move(text);
    for (const auto& objective : api::at(head, "objectives")) {
        challenge.objectives.push_back(objective_from(objective));
    }
    challenge.keep = texts_at(head, "mustNotBreak");
    for (const auto& hint : api::at(head, "hints")) {
        challenge.hints.push_back(
            {api::string_at(hint, "text"),
             static_cast<double>(api::int_at(hint, "cost", 0)),
             api::string_at(hint, "objective")});
    }
    challenge.protect = texts_at(head, "protect");
    challenge.over_permissive = static_cast<double>(api::int_at(head, "overPermissive", 0));
    if (const auto& wrong = api::at(head, "wrong"); wrong.is_object()) {
        for (const auto& [name, missed] : wrong.items()) {
            challenge.wrong[name] = texts_of(missed);
        }
    }
    return challenge;
}

bool selects(const std::vector<std::string>& patterns, const check::Assertion& assertion) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
        return netemu::glob_match(pattern, assertion.title) ||
               std::ranges::find(assertion.tags, pattern) != assertion.tags.end();
    });
}

LoadedChallenge load_challenge(const Variant& variant, const std::string& name, bool strict) {
    const auto& directory = variant.directory;
    const auto file = directory + "/challenge.md";
    if (!fs::exists(file)) {
        throw netemu::UsageError(
            "'" + directory + "' is no challenge: it has no challenge.md",
            "`labctl challenge ls` lists challenges; `labctl dev new DIR` makes one");
    }
    const auto options = variant.read_options(strict);
    auto front = manifest::read_front_matter(file, manifest::FrontMatterKind::Challenge, options);
    LoadedChallenge loaded;
    loaded.challenge = challenge_from(front.head.body, std::move(front.text), directory);
    loaded.challenge.name = name;
    const auto checks =
        manifest::read_checks(std::vector<std::string>{directory + "/checks.yaml"}, options);
    loaded.assertions = check::parse_entries(checks.assertions);
    loaded.head = front.head.source;
    Fitting(loaded, loaded.head).check();
    return loaded;
}

} // namespace labctl::learn
