#include "labctl/supervisor/iptables_rules.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/stat.h>

#include "labctl/compile/network.h"
#include "labctl/supervisor/iptables_text.h"
#include "labctl/supervisor/netns_command.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/kernel/namespace_scope.h"
#include "netemu/kernel/sysctl.h"

namespace labctl::supervisor {

using compile::RestoreInput;
using netemu::Family;

namespace {

std::string tool_name(Family family, const char* action) {
    return std::string(family == Family::V4 ? "iptables-" : "ip6tables-") + action;
}

std::string iptables_tool(Family family, const char* action) {
    const auto name = tool_name(family, action);
    auto path = find_program(name);
    if (path.empty()) {
        throw netemu::UnsupportedError(
            "this proxy mode needs " + name + ", which is not installed",
            "apt-get install iptables");
    }
    return path;
}

/// Whether the tool's words mean that this host lacks something, as opposed to a mistake of ours.
bool host_lacks(const std::string& words) {
    constexpr std::array kWords{
        "Couldn't load",
        "No such file or directory",
        "not supported",
        "ermission denied",
        "Operation not permitted",
        "Extension"};
    return std::any_of(kWords.begin(), kWords.end(), [&](const char* each) {
        return words.find(each) != std::string::npos;
    });
}

/// Lines of a transaction that an ordinary user can send, with twice the room that it takes.
constexpr std::size_t kLinesAtOnce = 250;

/// netlink(7): what is sent at once has to fit into the socket's buffer, which only the host's
/// administrator may enlarge (socket(7), SO_SNDBUFFORCE).
bool is_too_large(const NetnsResult& result) {
    return result.status != 0 && result.err.find("Message too long") != std::string::npos;
}

/// Carries out each command. Input with a transaction that is too large is replaced by what is left
/// of it, in parts.
std::vector<NetnsResult> restore_each(std::vector<NetnsCommand>& commands) {
    auto results = run_in_namespaces(commands);
    std::vector<std::size_t> again;
    std::vector<NetnsCommand> smaller;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (is_too_large(results[i])) {
            commands[i].input =
                iptables_in_parts(iptables_left(commands[i].input, results[i].err), kLinesAtOnce);
            smaller.push_back(commands[i]);
            again.push_back(i);
        }
    }
    auto later = run_in_namespaces(smaller);
    for (std::size_t i = 0; i < again.size(); ++i) {
        results[again[i]] = std::move(later[i]);
    }
    return results;
}

[[noreturn]] void throw_failure(const std::string& text) {
    if (host_lacks(text)) {
        throw netemu::UnsupportedError(
            text, "`labctl set proxy-mode nftables` needs nothing but the kernel");
    }
    throw netemu::Error(text);
}

} // namespace

void IptablesRules::require_tools(bool ipv6) {
    for (const auto* action : {"restore", "save"}) {
        (void)iptables_tool(Family::V4, action);
        if (ipv6) {
            (void)iptables_tool(Family::V6, action);
        }
    }
}

ino_t IptablesRules::namespace_of(const std::string& node) const {
    struct stat info {};
    const int fd = kernel_.namespace_fd(compile::node_namespace(node));
    return fd >= 0 && ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

bool IptablesRules::loaded(const std::string& node) const {
    const auto found = loaded_.find(node);
    return found != loaded_.end() && found->second == namespace_of(node);
}

std::vector<IptablesRules::Failure>
IptablesRules::restore(const std::vector<RestoreInput>& inputs) const {
    std::vector<NetnsCommand> commands;
    for (const auto& input : inputs) {
        const auto ns = compile::node_namespace(input.node);
        // The old kind of iptables has one lock for the whole host.
        commands.push_back(
            {kernel_.namespace_fd(ns),
             {iptables_tool(input.family, "restore"), "--noflush", "-w", "10"},
             input.text});
    }
    const auto results = restore_each(commands);
    std::vector<Failure> failures;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (results[i].status != 0) {
            failures.push_back(
                {inputs[i].node,
                 compile::node_namespace(inputs[i].node) + ": " +
                     tool_name(inputs[i].family, "restore") + ": " +
                     iptables_complaint(results[i].err, commands[i].input)});
        }
    }
    return failures;
}

/// What iptables-save prints for each of the inputs' nodes and families.
std::vector<std::string>
IptablesRules::saved(const std::vector<RestoreInput>& inputs, bool counters) const {
    std::vector<NetnsCommand> commands;
    for (const auto& input : inputs) {
        std::vector<std::string> words{iptables_tool(input.family, "save")};
        if (counters) {
            words.emplace_back("-c");
        }
        commands.push_back(
            {kernel_.namespace_fd(compile::node_namespace(input.node)), std::move(words), {}});
    }
    std::vector<std::string> texts;
    auto results = run_in_namespaces(commands);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i].status != 0) {
            throw_failure(
                compile::node_namespace(inputs[i].node) + ": " +
                tool_name(inputs[i].family, "save") + ": " +
                iptables_complaint(results[i].err, {}));
        }
        texts.push_back(std::move(results[i].out));
    }
    return texts;
}

void IptablesRules::update(
    const std::vector<RestoreInput>& changes, const compile::Proxies& proxies) {
    std::vector<RestoreInput> inputs;
    for (const auto& change : changes) {
        if (loaded(change.node)) {
            inputs.push_back(change);
        }
    }
    const auto failures = restore(inputs);
    for (const auto& failure : failures) {
        netemu::log_debug("supervisor", failure.text + "; all of its rules anew");
        distrust(failure.node);
    }
    if (!failures.empty()) {
        complete(proxies);
    }
}

std::string IptablesRules::counted(const std::string& node, Family family) const {
    return saved({{node, family, {}}}, true).front();
}

void IptablesRules::distrust(const std::string& node) {
    loaded_.erase(node);
    distrusted_.insert(node);
}

void IptablesRules::complete(const compile::Proxies& proxies) {
    std::vector<RestoreInput> inputs;
    std::vector<RestoreInput> distrusted;
    for (const auto& node : proxies.nodes()) {
        if (namespace_of(node.name) == 0 || loaded(node.name)) {
            continue;
        }
        for (auto& input : proxies.restores_of(node.name)) {
            auto& list = distrusted_.contains(node.name) ? distrusted : inputs;
            list.push_back(std::move(input));
        }
    }
    const auto texts = saved(distrusted);
    for (std::size_t i = 0; i < distrusted.size(); ++i) {
        distrusted[i].text.insert(0, iptables_removal(texts[i]));
        inputs.push_back(std::move(distrusted[i]));
    }
    if (inputs.empty()) {
        return;
    }
    for (const auto& input : inputs) {
        set_route_localnet(input.node, proxies.mode() == "iptables" ? "1" : "0");
        loaded_[input.node] = namespace_of(input.node);
        distrusted_.erase(input.node);
    }
    const auto failures = restore(inputs);
    for (const auto& failure : failures) {
        distrust(failure.node);
    }
    if (!failures.empty()) {
        throw_failure(failures.front().text);
    }
}

void IptablesRules::replace(const compile::Proxies& before, const compile::Proxies& next) {
    std::vector<RestoreInput> inputs;
    for (const auto& node : next.nodes()) {
        const auto of_node = next.restores_of(node.name);
        inputs.insert(inputs.end(), of_node.begin(), of_node.end());
    }
    const auto texts = saved(inputs);
    auto failures = restore(inputs);
    if (failures.empty()) {
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            inputs[i].text = iptables_removal(texts[i]);
        }
        failures = restore(inputs);
    }
    const auto& now = failures.empty() ? next : before;
    for (const auto& input : inputs) {
        set_route_localnet(input.node, now.mode() == "iptables" ? "1" : "0");
        if (failures.empty()) {
            loaded_[input.node] = namespace_of(input.node);
        } else {
            distrust(input.node);
        }
    }
    if (!failures.empty()) {
        complete(before);
        throw_failure(failures.front().text);
    }
}

void IptablesRules::remove(const compile::Proxies& proxies) {
    std::vector<RestoreInput> inputs;
    for (const auto& node : proxies.nodes()) {
        if (namespace_of(node.name) != 0) {
            const auto of_node = proxies.restores_of(node.name);
            inputs.insert(inputs.end(), of_node.begin(), of_node.end());
            set_route_localnet(node.name, "0");
        }
    }
    const auto texts = saved(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        inputs[i].text = iptables_removal(texts[i]);
        distrust(inputs[i].node);
    }
    const auto failures = restore(inputs);
    if (!failures.empty()) {
        throw_failure(failures.front().text);
    }
    distrusted_.clear();
}

std::map<std::string, std::vector<std::string>>
IptablesRules::drift(const compile::Proxies& proxies) const {
    std::map<std::string, std::vector<std::string>> drift;
    std::vector<RestoreInput> inputs;
    for (const auto& node : proxies.nodes()) {
        if (namespace_of(node.name) != 0) {
            const auto of_node = proxies.restores_of(node.name);
            inputs.insert(inputs.end(), of_node.begin(), of_node.end());
        }
    }
    const auto texts = saved(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto wanted = iptables_rule_counts(inputs[i].text);
        const auto there = iptables_rule_counts(texts[i]);
        const auto report = [&](const std::string& chain, std::size_t has, std::size_t should) {
            drift[inputs[i].node].push_back(
                compile::node_namespace(inputs[i].node) + ": " +
                tool_name(inputs[i].family, "restore") + ": " + chain + " has " +
                std::to_string(has) + " rules instead of " + std::to_string(should));
        };
        for (const auto& [chain, count] : wanted) {
            const auto found = there.find(chain);
            if (found == there.end() || found->second != count) {
                report(chain, found == there.end() ? 0 : found->second, count);
            }
        }
        for (const auto& [chain, count] : there) {
            if (!wanted.contains(chain)) {
                report(chain, count, 0);
            }
        }
    }
    return drift;
}

/// Node ports on 127.0.0.1: a packet from there has to be routed, once its destination is a pod.
/// KUBE-FIREWALL guards what this opens (k/k#90259).
void IptablesRules::set_route_localnet(const std::string& node, const char* value) const {
    constexpr std::array kNoIpv4{ENOENT};
    const auto home = netemu::current_namespace();
    netemu::NamespaceScope scope(home.get());
    scope.enter(kernel_.namespace_fd(compile::node_namespace(node)));
    netemu::write_sysctl({"net/ipv4/conf/all/route_localnet", value}, kNoIpv4);
}

} // namespace labctl::supervisor
