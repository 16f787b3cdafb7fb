#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "netemu/base/unique_fd.h"
#include "netemu/kernel/namespace_scope.h"
#include "netemu/kernel/netlink_socket.h"
#include "netemu/kernel/nft_known.h"
#include "netemu/kernel/wireguard_keys.h"
#include "netemu/model/network.h"

namespace netemu {

/// A TUN or TAP device that we made. It lives as long as a descriptor of it.
struct LiveTun {
    UniqueFd fd;
    bool up = false; // as it was last wanted; of a TAP that is the end of a cable
};

/// A namespace that we made. It lives as long as `fd` (or a socket in it) is open.
struct LiveNamespace {
    NamespaceRole role = NamespaceRole::Pod;
    UniqueFd fd;
    NetlinkSocket route;                // opened when needed
    NetlinkSocket nft;                  // opened when needed
    NetlinkSocket ipvs;                 // opened when needed
    std::uint16_t ipvs_family = 0;      // the number of IPVS's messages, once `ipvs` is open
    NetlinkSocket wireguard;            // opened when needed
    std::uint16_t wireguard_family = 0; // the number of WireGuard's messages, likewise
    bool shaped = false;                // some link has had a queueing discipline of ours
    std::unordered_map<std::string, std::uint32_t> link_indices; // by name, as far as known
    KnownTables tables;
    std::map<std::string, LiveTun> tuns; // by name
};

/// All namespaces of one Kernel, by name, and the way into them.
class NamespaceTable {
public:
    NamespaceTable() : home_(current_namespace()) {}

    /// The namespace that the owning thread lives in.
    [[nodiscard]] int home() const noexcept { return home_.get(); }

    LiveNamespace& add(const std::string& name, NamespaceRole role, FreshNamespace fresh);
    /// Throws Error when there is no such namespace.
    LiveNamespace& at(const std::string& name);
    [[nodiscard]] const LiveNamespace* find(const std::string& name) const;
    [[nodiscard]] bool contains(const std::string& name) const { return find(name) != nullptr; }
    /// Closes everything of it; the kernel takes it apart in the background.
    void remove(const std::string& name);
    [[nodiscard]] std::map<std::string, LiveNamespace>& all() noexcept { return namespaces_; }

    NetlinkSocket& route(LiveNamespace& ns);
    NetlinkSocket& nft(LiveNamespace& ns);
    /// Throws UnsupportedError when the kernel has no IPVS.
    NetlinkSocket& ipvs(LiveNamespace& ns);
    /// Throws UnsupportedError when the kernel has no WireGuard.
    NetlinkSocket& wireguard(LiveNamespace& ns);
    /// Of the WireGuard devices in all namespaces.
    [[nodiscard]] WireguardKeys& keys() noexcept { return keys_; }
    /// Closes the netlink sockets in pods: there are many, and most are never needed again.
    void close_pod_sockets() noexcept;

    /// The index of a link, or nullopt when there is none; asks the kernel when it is not known.
    std::optional<std::uint32_t> find_index(LiveNamespace& ns, const std::string& link);
    /// The same, but throws Error when there is none.
    std::uint32_t index_of(LiveNamespace& ns, const std::string& link);

private:
    NetlinkSocket& open(LiveNamespace& ns, NetlinkSocket& socket, int protocol);

    UniqueFd home_;
    std::map<std::string, LiveNamespace> namespaces_;
    WireguardKeys keys_;
};

} // namespace netemu
