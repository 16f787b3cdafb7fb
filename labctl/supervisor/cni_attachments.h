#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cni/conflist.h"
#include "labctl/cni/request.h"

/// What a runtime remembers of a container for as long as it owes the plugins a DEL: the
/// configuration that ADD was given and its result (CNI specification 1.1.0, "Lifecycle & Ordering"
/// and "DEL"; libcni has it in /var/lib/cni/results). It outlives the lab, which a kill can end at
/// any moment.
namespace labctl::supervisor {

struct CniAttachment {
    api::ObjectKey pod;
    std::string uid;
    std::string node;
    cni::Conflist list;     // as it was when ADD began
    std::string bin_dir;    // CNI_PATH
    cni::PluginPlace place; // of the node
    api::Json result;       // of the last ADD; null: none has succeeded
};

/// Environment of a call for it. `netns`: of the pod; empty: it is gone, which DEL must put up
/// with.
[[nodiscard]] cni::Environment
cni_environment(const CniAttachment& attachment, const char* command, const std::string& netns);

/// Attachments in a folder, a file for each, by the pod's uid. One process at a time uses it.
class CniAttachments {
public:
    explicit CniAttachments(std::string directory) : directory_(std::move(directory)) {}
    /// That of a lab.
    [[nodiscard]] static std::string directory_of(const std::string& state_dir) {
        return state_dir + "/attachments";
    }

    /// Throws SysError when it cannot be written.
    void remember(const CniAttachment& attachment) const;
    void forget(const std::string& uid) const;
    /// In order of the uids. Files that cannot be read are left out.
    [[nodiscard]] std::vector<CniAttachment> all() const;

private:
    std::string directory_;
};

/// DEL for all that is in a folder, where the lab and its namespaces are gone: each program runs in
/// an empty network namespace of its own. Waits for them. What is done is forgotten. Returns what
/// plugins have complained of.
std::vector<std::string> release_attachments(const std::string& directory);

} // namespace labctl::supervisor
