#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "netemu/base/unique_fd.h"
#include "netemu/model/connection.h"
#include "netemu/model/ipvs.h"
#include "netemu/model/nft_info.h"
#include "netemu/model/observed.h"
#include "netemu/model/plan.h"

/// The one door to the kernel. Everything above it is pure; everything below it is netlink.
namespace netemu {

class Kernel {
public:
    /// Called from time to time during `apply` with the number of operations done so far.
    using Progress = std::function<void(std::size_t done)>;

    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    virtual ~Kernel() = default;

    /// Carries out the operations in order. Throws SysError or UnsupportedError that names the
    /// operation and the kernel's own words; what was done before it stays done, `observe` tells.
    virtual void apply(const Plan& plan, const Progress& progress) = 0;
    void apply(const Plan& plan) { apply(plan, {}); }

    /// Reads back every namespace that this object made.
    virtual ObservedState observe() = 0;

    /// The same of one namespace. Throws Error when there is none of that name.
    virtual NamespaceInfo observe_namespace(const std::string& ns) = 0;

    /// Takes in a namespace that somebody else has made, as if it had been created for a pod under
    /// that name. Whatever is in it is left alone, and DeleteNamespace lets go of it only. Throws
    /// Error when there is one of that name, SysError when it cannot be entered: its user namespace
    /// must be ours or below it (setns(2)).
    virtual void adopt_namespace(const std::string& ns, UniqueFd fd) = 0;

    /// The UDP connections of a namespace that were sent to another destination (DNAT), as its
    /// connection tracking has them. Throws Error when there is no such namespace, SysError and
    /// UnsupportedError when the kernel refuses or has no connection tracking.
    virtual std::vector<Connection> udp_connections(const std::string& ns) = 0;
    /// All connections of the namespace, of every protocol and family. Errors as above.
    virtual std::vector<Connection> connections(const std::string& ns) = 0;
    /// Forgets them, so that their next packets meet the rules of today. One that is gone already
    /// is not an error. Call it when the new rules are in place. Returns how many were there.
    virtual std::size_t
    delete_connections(const std::string& ns, const std::vector<Connection>& connections) = 0;

    /// The rules of a table with their counters, chain by chain in order; empty when there is no
    /// such table. Errors as above.
    virtual std::vector<NftRuleInfo>
    read_rules(const std::string& ns, NftFamily family, const std::string& table) = 0;
    /// The elements of a named set or map that are there now, in no order. Throws Error when there
    /// is no such set.
    virtual std::vector<NftElementInfo> read_elements(
        const std::string& ns,
        NftFamily family,
        const std::string& table,
        const std::string& set) = 0;

    /// The virtual servers of a namespace with their counters, sorted. Throws UnsupportedError when
    /// the kernel has no IPVS. Errors as above.
    virtual std::vector<VirtualServerInfo> virtual_servers(const std::string& ns) = 0;

    /// The routes of the main table that `protocol` has made (RTPROT_* of rtnetlink(7)), sorted:
    /// one for each next hop. Errors as above.
    virtual std::vector<RouteSpec> read_routes(const std::string& ns, std::uint8_t protocol) = 0;
    /// A socket that does not wait and can be read whenever a route of the namespace has changed.
    /// What is read says no more than that, and nothing is lost by not reading it. Errors as above.
    virtual UniqueFd watch_routes(const std::string& ns) = 0;

    /// A socket made in that namespace; it stays there. `type` takes SOCK_NONBLOCK too;
    /// close-on-exec is always set. Throws Error when there is no such namespace.
    virtual UniqueFd open_socket(const std::string& ns, int domain, int type, int protocol) = 0;

    /// A descriptor of a TUN or TAP device (TunSpec) that this object made: non-blocking, one
    /// packet for each read and write. It shares the packets with all others of that device, and
    /// keeps the namespace alive. Throws Error when there is no such device.
    virtual UniqueFd tun_descriptor(const std::string& ns, const std::string& link) = 0;

    /// Keeps the private half of a pair of keys for the devices whose plans name the public one. It
    /// is nowhere else to be had: what is observed and planned has public keys only.
    virtual void keep_wireguard_key(
        const WireguardKey& public_key,
        std::span<const std::uint8_t, WireguardKey::kBytes> private_key) = 0;

    /// The descriptor of the namespace, owned by this object, or -1. For setns(2) and for links
    /// under the run directory; the namespace lives as long as this object holds it.
    [[nodiscard]] virtual int namespace_fd(const std::string& ns) const = 0;
};

/// The kernel of this host. The calling process must hold CAP_NET_ADMIN and CAP_SYS_ADMIN in its
/// user namespace. Not thread-safe: one thread owns it, and that thread is back in its own network
/// namespace whenever a member returns.
std::unique_ptr<Kernel> make_linux_kernel();

} // namespace netemu
