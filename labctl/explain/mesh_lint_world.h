#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/istio/scope.h"
#include "mesh/sidecar/table.h"

/// What the lint of mesh policies compares them with. Internal to this folder.
namespace labctl::explain {

struct MeshLintPod {
    std::string ns;
    std::string name;
    mesh::istio::Labels labels;
    std::map<std::uint16_t, mesh::SidecarProtocol> served; // ports that Services lead to
    std::set<std::uint16_t> declared;
    struct Service {
        std::string name;         // "NS/NAME"
        std::uint16_t target = 0; // the pod's port
    };
    std::map<std::uint16_t, Service> services; // by their own port
    [[nodiscard]] bool has(std::uint16_t port) const {
        return served.contains(port) || declared.contains(port);
    }
};

struct MeshLintWorld {
    std::vector<MeshLintPod> pods;  // but those of the lab itself
    std::set<std::string> accounts; // "NS/NAME"

    /// Those of a policy; of one of the root namespace in every namespace.
    [[nodiscard]] std::vector<const MeshLintPod*>
    selected(const std::string& ns, const mesh::istio::Labels& selector) const;
};

[[nodiscard]] MeshLintWorld mesh_lint_world(const store::Store& store);

} // namespace labctl::explain
