#include "netemu/kernel/features.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <functional>

#include <sched.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/kernel/feature_probes.h"
#include "netemu/kernel/throwaway.h"

namespace netemu {

namespace {

constexpr auto kPatience = std::chrono::seconds(60); // a slow machine that loads every module

std::string read_sysctl(const char* path) {
    std::ifstream file(path);
    std::string value;
    std::getline(file, value);
    return value;
}

Feature feature(std::string name, bool required) {
    Feature result;
    result.name = std::move(name);
    result.required = required;
    result.available = true;
    return result;
}

void refuse(Feature& result, std::string why_not, std::string remedy) {
    result.available = false;
    result.why_not = std::move(why_not);
    result.remedy = std::move(remedy);
}

/// The reasons that distributions have for refusing namespaces, and their own switches.
void refuse_namespaces(Feature& result, int error) {
    const std::string words = errno_text(error);
    if (error == ENOSPC || error == EUSERS) {
        refuse(
            result,
            words + ": the limit of user.max_user_namespaces or user.max_net_namespaces is reached",
            "sudo sysctl user.max_user_namespaces=10000 user.max_net_namespaces=20000");
    } else if (read_sysctl("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
        refuse(
            result,
            words + ": kernel.unprivileged_userns_clone is 0",
            "sudo sysctl kernel.unprivileged_userns_clone=1, or run labctl as root");
    } else if (read_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
        refuse(
            result,
            words + ": kernel.apparmor_restrict_unprivileged_userns is 1",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run labctl as root");
    } else if (error == EPERM) {
        refuse(
            result,
            words + ": a container or a security policy forbids it",
            "run labctl as root; in a container, add --privileged (or --cap-add=SYS_ADMIN "
            "--cap-add=NET_ADMIN and a seccomp profile that allows unshare)");
    } else {
        refuse(result, words, "use a kernel with CONFIG_NET_NS=y and CONFIG_USER_NS=y");
    }
}

/// What the child found out: an errno each, 0 for "yes".
struct Findings {
    int alone = EACCES;    // a network namespace without a user namespace
    int isolated = EACCES; // a network namespace one way or the other
    std::vector<int> probes;

    /// EACCES where a number is missing: the child did not get so far.
    [[nodiscard]] int probe(std::size_t at) const {
        return at < probes.size() ? probes[at] : EACCES;
    }
};

/// Runs in the child.
std::string run_probes(FeatureScope scope) {
    const int alone = ::unshare(CLONE_NEWNET) == 0 ? 0 : errno;
    int isolated = alone;
    if (alone == EPERM) {
        isolated = ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;
    }
    std::string report = std::to_string(alone) + ' ' + std::to_string(isolated);
    for (const FeatureProbe& probe : feature_probes()) {
        if (isolated == 0 && (probe.required || scope == FeatureScope::All)) {
            report += ' ' + std::to_string(probe.run());
        }
    }
    return report;
}

std::vector<int> numbers_of(const std::function<std::string()>& body) {
    const std::string report = run_in_child(body, Clock::now() + kPatience).value_or("");
    std::vector<int> numbers;
    for (const std::string_view word : split(report, ' ')) {
        int number = EACCES;
        (void)std::from_chars(word.data(), word.data() + word.size(), number);
        numbers.push_back(number);
    }
    return numbers;
}

Findings find_out(FeatureScope scope) {
    const auto numbers = numbers_of([scope] { return run_probes(scope); });
    Findings findings;
    if (numbers.size() >= 2) {
        findings.alone = numbers[0];
        findings.isolated = numbers[1];
        findings.probes.assign(numbers.begin() + 2, numbers.end());
    }
    return findings;
}

int try_user_namespace() {
    return numbers_of([] {
               return std::to_string(::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno);
           })
        .front();
}

Feature namespace_feature(std::string name, bool required, int error) {
    Feature result = feature(std::move(name), required);
    if (error != 0) {
        refuse_namespaces(result, error);
    }
    return result;
}

} // namespace

std::vector<Feature> detect_features(FeatureScope scope) {
    const Findings findings = find_out(scope);
    const bool privileged = findings.alone == 0;
    std::vector<Feature> features;
    if (!privileged) {
        features.push_back(namespace_feature("user namespaces", true, findings.isolated));
    } else if (scope == FeatureScope::All) {
        features.push_back(namespace_feature("user namespaces", false, try_user_namespace()));
    }
    features.push_back(namespace_feature("network namespaces", true, findings.isolated));
    std::size_t at = 0;
    for (const FeatureProbe& probe : feature_probes()) {
        if (!probe.required && scope == FeatureScope::Required) {
            continue;
        }
        Feature result = feature(probe.name, probe.required);
        const int error = findings.probe(at++);
        if (findings.isolated != 0) {
            refuse(result, "cannot be tried without a network namespace", "see above");
        } else if (error != 0) {
            refuse(result, errno_text(error), probe.remedy);
        }
        features.push_back(std::move(result));
    }
    return features;
}

bool has_dummy_devices() {
    const auto& probes = feature_probes();
    const auto dummy = std::find_if(
        probes.begin(), probes.end(), [](const auto& probe) { return probe.name == "dummy"; });
    return dummy != probes.end() && dummy->run() == 0;
}

} // namespace netemu
