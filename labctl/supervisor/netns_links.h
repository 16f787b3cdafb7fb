#pragma once

#include <map>
#include <string>

#include <sys/types.h>

namespace labctl::supervisor {

/// The files by which `ip netns` finds the namespaces of a lab: links in the netns directory to the
/// descriptors that the supervisor holds. Whoever removes the run files of a lab removes them.
class NamespaceLinks {
public:
    /// `prefix` begins every file's name; `holder` is the supervisor's pid as the host sees it.
    NamespaceLinks(std::string directory, std::string prefix, pid_t holder);

    /// Makes the links what they should be: namespace ("node/node-1", "pod/default/web-1",
    /// "external") to descriptor. A link that cannot be made costs a line at debug and nothing
    /// else.
    void update(const std::map<std::string, int>& namespaces);

private:
    std::string directory_;
    std::string prefix_;
    pid_t holder_;
    std::map<std::string, int> links_; // file -> descriptor that it points at
};

} // namespace labctl::supervisor
