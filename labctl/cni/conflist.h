#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"

/// A network configuration list, as a container runtime reads it from /etc/cni/net.d (CNI
/// specification 1.1.0, section 1), and what each plugin of it is told (section 3).
namespace labctl::cni {

/// Something wrong in a list, and where: "plugins[1].type".
struct ConflistProblem {
    std::string path;
    std::string message;
    std::string hint;
};

struct Conflist {
    std::string name;
    std::string version;            // cniVersion
    std::vector<api::Json> plugins; // as written
};

/// What is wrong with it; empty: it can be used. With several nodes a fixed subnet is wrong, too:
/// every node would give out the same addresses.
[[nodiscard]] std::vector<ConflistProblem> check_conflist(const api::Json& json, std::size_t nodes);

/// Takes what `check_conflist` has found right; also a single configuration (*.conf).
[[nodiscard]] Conflist read_conflist(const api::Json& json);

/// Where a list applies.
struct PluginPlace {
    std::vector<netemu::IpPrefix> ranges; // of the node
    std::string data_dir;                 // of host-local, for this node
    api::Json capability_arguments;       // {"portMappings": [...], "bandwidth": {...}}
};

/// Standard input of the plugin at `position`: `name` and `cniVersion` of the list, runtimeConfig
/// of the capabilities that it declares, "usePodCidr" and "usePodCidrIPv6" replaced by the node's
/// ranges (as Calico's plugin had it for kubelet), which are also what host-local gets where
/// nothing is said, and host-local's dataDir. `previous`: prevResult, or null.
[[nodiscard]] api::Json plugin_input(
    const Conflist& list,
    std::size_t position,
    const PluginPlace& place,
    const api::Json& previous);

/// Its addresses are of host-local.
[[nodiscard]] bool has_host_local(const api::Json& plugin);

} // namespace labctl::cni
