#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

namespace labctl::supervisor {

/// What a command points at: a pod, a node, "external" or "underlay".
struct Target {
    enum class Kind { Pod, Node, External, Underlay };
    Kind kind = Kind::Pod;
    std::string name;      // as people write it: "default/web-1", "node/node-1", "external"
    std::string ns;        // its network namespace: "pod/default/web-1"; of a hostNetwork pod, the
                           // node's
    std::string interface; // behind a colon, or empty
    api::ObjectPtr object; // of a pod or node
};

/// Reads [NS/]POD, node/NAME, external or underlay, each with :INTERFACE where `with_interface`.
/// Throws netemu::UsageError for what is not there, with a suggestion.
Target find_target(
    const store::Store& store,
    const std::string& text,
    const std::string& default_ns,
    bool with_interface);

} // namespace labctl::supervisor
