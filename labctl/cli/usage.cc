#include "labctl/cli/usage.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

using netemu::UsageError;

/// Words that people bring from kubectl(1), from other tools, or from a pod's shell.
struct Elsewhere {
    std::string_view words; // each between spaces
    std::string_view instead;
};

constexpr std::array kElsewhere{
    Elsewhere{
        " create replace patch edit annotate run expose autoscale ",
        "`labctl apply -f FILE` creates and changes objects"},
    Elsewhere{
        " rollout ",
        "`labctl apply -f FILE` changes a workload, and `labctl delete pod NAME` has a pod "
        "replaced"},
    Elsewhere{
        " port-forward ",
        "`labctl exec external -- curl ADDRESS:PORT` calls a Service from outside, "
        "`labctl exec POD -- curl SERVICE:PORT` from a pod"},
    Elsewhere{" attach debug ssh ", "`labctl shell POD` opens a shell in a pod or a node"},
    Elsewhere{" wait ", "`labctl check` waits for what a check wants `within` some seconds"},
    Elsewhere{" cordon drain ", "`labctl fault stop node/NAME` takes a node out of the lab"},
    Elsewhere{" start ", "`labctl up` brings a lab up"},
    Elsewhere{" stop ", "`labctl down` takes a lab down, and `labctl fault stop` a node"},
    Elsewhere{" list ps ", "`labctl ls` lists labs, and `labctl get pods` what runs in one"},
    Elsewhere{" cluster-info top ", "`labctl status` shows what runs in the lab"},
    Elsewhere{" tcpdump tshark wireshark ", "`labctl capture TARGET` shows or saves packets"},
    Elsewhere{
        " arp bash bridge conntrack curl dig host ip ipset iptables ipvsadm nc nft ping sh ss "
        "wget ",
        "`labctl exec TARGET -- COMMAND` runs a command in a pod, a node or the external host"},
};

std::optional<std::string> said_elsewhere(const std::string& word) {
    const bool one_word = word.find(' ') == std::string::npos;
    for (const auto& [words, instead] : kElsewhere) {
        if (one_word && words.find(" " + word + " ") != std::string_view::npos) {
            return std::string(instead);
        }
    }
    return std::nullopt;
}

std::string did_you_mean(
    const std::string& word, const std::vector<std::string>& known, const std::string& otherwise) {
    const auto near = netemu::nearest(word, known);
    return near ? "did you mean '" + *near + "'?" : otherwise;
}

UsageError no_such_command(const CLI::App& app, const std::string& word) {
    if (const auto instead = said_elsewhere(word)) {
        return UsageError("there is no command '" + word + "'", *instead);
    }
    std::vector<std::string> known;
    for (const CLI::App* sub : app.get_subcommands({})) {
        known.push_back(sub->get_name());
        const auto& aliases = sub->get_aliases();
        known.insert(known.end(), aliases.begin(), aliases.end());
    }
    return UsageError(
        "there is no command '" + word + "'",
        did_you_mean(word, known, "`labctl --help` lists the commands"));
}

/// As it is typed: "--filename", "-f".
std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            names.push_back("--" + name);
        }
        for (const auto& name : option->get_snames()) {
            names.push_back("-" + name);
        }
    }
    return names;
}

bool is_option(const std::string& word) {
    return word.size() > 1 && word[0] == '-';
}

UsageError not_taken(const CLI::App& app, const CLI::App* sub, const std::string& word) {
    const std::string command = sub == nullptr ? "labctl" : "labctl " + sub->get_name();
    const std::string help = "`" + command + " --help` shows how it is written";
    if (!is_option(word)) {
        return UsageError("`" + command + "` does not know what '" + word + "' is for", help);
    }
    const auto option = word.substr(0, word.find('='));
    auto known = option_names(app);
    if (sub != nullptr) {
        const auto own = option_names(*sub);
        known.insert(known.end(), own.begin(), own.end());
    }
    const bool letter = option.size() == 2; // any other letter is as near
    return UsageError(
        "`" + command + "` has no option '" + option + "'",
        letter ? help : did_you_mean(option, known, help));
}

} // namespace

UsageError usage_error(const CLI::App& app, const CLI::ParseError& error) {
    const auto commands = app.get_subcommands();
    const CLI::App* sub = commands.empty() ? nullptr : commands.back();
    const auto rest = app.remaining(true);
    if (sub == nullptr) {
        const auto word = std::find_if_not(rest.begin(), rest.end(), is_option);
        if (word != rest.end()) {
            return no_such_command(app, *word);
        }
        if (rest.empty()) {
            return UsageError(
                "no command", "`labctl up` is the one to start with; `labctl --help` lists them");
        }
    }
    if (!rest.empty()) { // an option first: the word behind it may be its value
        const auto option = std::find_if(rest.begin(), rest.end(), is_option);
        return not_taken(app, sub, option != rest.end() ? *option : rest.front());
    }
    const std::string command = sub == nullptr ? "labctl" : "labctl " + sub->get_name();
    return UsageError(
        "`" + command + "`: " + error.what(), "`" + command + " --help` shows how it is written");
}

} // namespace labctl::cli
