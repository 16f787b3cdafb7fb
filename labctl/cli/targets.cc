#include <algorithm>

#include "labctl/api/object.h"
#include "labctl/cli/objects.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

KindTarget target_of(const json& entry) {
    return {
        entry.at("kind"), entry.at("apiVersion"), entry.at("plural"), entry.at("namespaced"), {}};
}

/// Kinds that the lab serves, asked for once per command and only when a word is not one of ours.
class KindTable {
public:
    explicit KindTable(Client& client) : client_(client) {}

    KindTarget find(const std::string& word) {
        const auto known = api::find_kinds(word);
        if (known.size() == 1) {
            const auto& info = *known.front();
            return {info.kind, info.api_version, info.plural, info.namespaced, {}};
        }
        if (kinds_.is_null()) {
            kinds_ = client_.request("GET", "/apis/labctl.dev/v1/kinds").at("kinds");
        }
        for (const auto& entry : kinds_) { // of several, the lab's first
            for (const auto* info : known) {
                if (entry.at("kind") == info->kind) {
                    return target_of(entry);
                }
            }
        }
        std::vector<std::string> candidates;
        for (const auto& entry : kinds_) {
            const std::string plural = entry.at("plural");
            if (netemu::to_lower(word) == plural ||
                netemu::to_lower(word) == netemu::to_lower(entry.at("kind").get<std::string>())) {
                return target_of(entry);
            }
            candidates.push_back(plural);
        }
        const auto near = netemu::nearest(word, candidates);
        throw netemu::UsageError(
            "the lab has no kind '" + word + "'",
            near ? "did you mean '" + *near + "'?" : "`labctl get all` lists what there is");
    }

private:
    Client& client_;
    json kinds_;
};

} // namespace

std::vector<KindTarget> parse_targets(Client& client, const std::vector<std::string>& words) {
    KindTable table(client);
    std::vector<KindTarget> targets;
    if (words.at(0).find('/') != std::string::npos) {
        for (const auto& word : words) {
            const auto slash = word.find('/');
            if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
                throw netemu::UsageError("'" + word + "' is not of the form KIND/NAME");
            }
            targets.push_back(table.find(word.substr(0, slash)));
            targets.back().names = {word.substr(slash + 1)};
        }
        return targets;
    }
    const auto list = words[0] == "all" ? netemu::join(api::plurals_of_all(), ",") : words[0];
    for (const auto word : netemu::split(list, ',')) {
        targets.push_back(table.find(std::string(word)));
        targets.back().names = {words.begin() + 1, words.end()};
    }
    if (targets.size() > 1 && words.size() > 1) {
        throw netemu::UsageError(
            "names can be given for one kind only", "use KIND/NAME KIND/NAME ...");
    }
    return targets;
}

std::string
resource_path(const KindTarget& target, const std::string& ns, const std::string& name) {
    auto path = (target.api_version.find('/') == std::string::npos ? "/api/" : "/apis/") +
                target.api_version;
    if (target.namespaced && !ns.empty()) {
        path += "/namespaces/" + url_encode(ns);
    }
    path += "/" + target.plural;
    return name.empty() ? path : path + "/" + url_encode(name);
}

} // namespace labctl::cli
