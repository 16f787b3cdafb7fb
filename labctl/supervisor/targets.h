#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

namespace labctl::compile {
struct Topology;
}

namespace labctl::supervisor {

/// What a command points at: a pod, a node, "external", "underlay", or a switch, router or host of
/// a lab whose underlay is a topology.
struct Target {
    enum class Kind { Pod, Node, External, Underlay, Device };
    Kind kind = Kind::Pod;
    std::string name;      // as people write it: "default/web-1", "node/node-1", "external"
    std::string ns;        // its network namespace: "pod/default/web-1"; of a hostNetwork pod, the
                           // node's
    std::string interface; // behind a colon, or empty
    api::ObjectPtr object; // of a pod or node
};

/// Reads [NS/]POD, node/NAME, external or underlay, and with a topology host/NAME, router/NAME or
/// switch/NAME, each with :INTERFACE where `with_interface`. Throws netemu::UsageError for what is
/// not there, with a suggestion.
Target find_target(
    const store::Store& store,
    const compile::Topology* topology,
    const std::string& text,
    const std::string& default_ns,
    bool with_interface);

} // namespace labctl::supervisor
