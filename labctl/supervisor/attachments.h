#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cni/request.h"
#include "labctl/cni/result.h"
#include "labctl/compile/attached_pod.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/store/store.h"
#include "netemu/model/network.h"
#include "netemu/model/observed.h"

namespace labctl::supervisor {

/// A container of somebody else's runtime that hangs on the lab by one interface.
struct Attachment {
    api::ObjectKey pod;
    std::string uid; // of the pod, once it exists
    std::string network;
    std::string container;
    std::uint64_t netns = 0; // inode number of its network namespace
    compile::AttachedLink link;
};

/// The containers that labctl as a CNI plugin has attached. Each is a Pod of the lab, in a network
/// namespace that it did not make.
class Attachments {
public:
    /// By network, container and interface, as the specification tells attachments apart. Or
    /// nullptr.
    [[nodiscard]] const Attachment* find(const cni::Request& request) const;
    /// The name that the pod of a request gets: with the interface behind it when the container is
    /// a pod already.
    [[nodiscard]] api::ObjectKey pod_for(const cni::Request& request) const;
    /// Of that network, but not in the request's list.
    [[nodiscard]] std::vector<api::ObjectKey> gone(const cni::Request& request) const;

    /// Whether the lab's namespace of this name is a container's.
    [[nodiscard]] bool is_container(const std::string& ns) const;
    void add(Attachment attachment);
    void set_uid(const api::ObjectKey& pod, const std::string& uid);
    /// Those whose pod is not in the store any more.
    void forget_gone(const store::Store& store);
    [[nodiscard]] std::size_t size() const { return attachments_.size(); }

    /// See compile::adapt_attached and forget_foreign.
    void adapt(const compile::ClusterConfig& config, netemu::DesiredState& desired) const;
    void filter(netemu::ObservedState& observed) const;

private:
    std::map<api::ObjectKey, Attachment> attachments_;
};

/// What marks the Pod of an attachment, for people and for a lab that comes up again.
inline constexpr const char* kCniContainer = "labctl.dev/cni-container";
inline constexpr const char* kCniNetwork = "labctl.dev/cni-network";
inline constexpr const char* kCniInterface = "labctl.dev/cni-interface";

/// The Pod of a container, on `node`.
[[nodiscard]] api::Object
attached_pod(const cni::Request& request, const api::ObjectKey& key, const std::string& node);

/// A name, an index and default routes for the pod's end in a namespace with these contents.
/// Throws CniError when the interface is there already.
[[nodiscard]] compile::AttachedLink
free_link(const std::string& ns, const std::string& interface, const netemu::NamespaceInfo& info);

/// The answer to ADD: what the lab wants of this pod. `node_netns` is a path of its node's
/// namespace.
[[nodiscard]] cni::Result attachment_result(
    const Attachment& attachment,
    const netemu::DesiredState& desired,
    const std::string& node,
    const std::string& node_netns,
    const std::string& netns);

/// CHECK: throws CniError for the first thing that the kernel, or `previous`, has otherwise than
/// `desired`.
void check_attachment(
    const Attachment& attachment,
    const netemu::NamespaceSpec& desired,
    const netemu::NamespaceInfo& observed,
    const api::Json& previous);

} // namespace labctl::supervisor
