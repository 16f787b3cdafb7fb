#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"

/// What a container runtime asks of labctl as a CNI plugin: its environment and the network
/// configuration on standard input (CNI specification 1.1.0, section 2).
namespace labctl::cni {

using Environment = std::map<std::string, std::string>;

enum class Command { Add, Delete, Check, Collect, Status, Version };

/// The network configuration of the type "labctl".
struct NetworkConfig {
    std::string version; // cniVersion
    std::string name;    // of the network
    std::string lab;
    std::string node;                   // empty: the lab's first
    std::string ns;                     // Kubernetes namespace of the pod, or empty
    std::string run_dir;                // where the lab is, or empty: where this user's labs are
    api::Labels labels;                 // of the pod
    std::vector<netemu::IpAddress> ips; // that the runtime wants the pod to have
    api::Json previous;                 // prevResult, or null
    /// GC: containers and interfaces that are still there; none: not said.
    std::optional<std::set<std::pair<std::string, std::string>>> valid;
};

struct Request {
    Command command = Command::Version;
    std::string container; // CNI_CONTAINERID
    std::string netns;     // CNI_NETNS, a path
    std::string interface; // CNI_IFNAME
    Environment arguments; // CNI_ARGS
    NetworkConfig config;

    /// The pod that is meant: K8S_POD_NAMESPACE and K8S_POD_NAME, or "default" and the container's
    /// ID. The configuration's `namespace` counts more. The name is made one that a Pod can have.
    [[nodiscard]] std::string pod_namespace() const;
    [[nodiscard]] std::string pod_name() const;
};

/// The CNI_* variables and nothing else.
[[nodiscard]] Environment cni_environment(const char* const* environment);

/// Reads and checks both. Throws CniError with the specification's code: IncompatibleVersion,
/// UnsupportedField, InvalidEnvironment, Decoding, InvalidConfig.
[[nodiscard]] Request read_request(const Environment& environment, const std::string& config);

/// The version that an answer to this configuration has, whatever else is wrong with it.
[[nodiscard]] std::string answer_version(const std::string& config);

/// {"cniVersion", "supportedVersions"}.
[[nodiscard]] api::Json version_answer(const std::string& config);

} // namespace labctl::cni
