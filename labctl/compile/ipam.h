#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "netemu/base/address.h"

/// Who has which pod address.
namespace labctl::compile {

struct NodePlan;

/// The addresses of one range, handed out from the third one (.2) upwards and round again, so that
/// an address that was just released is the last to be used again, as the CNI plugin host-local
/// does. The network address, the gateway (.1) and, for IPv4, the broadcast address are never
/// handed out.
class AddressPool {
public:
    explicit AddressPool(const netemu::IpPrefix& range);

    std::optional<netemu::IpAddress> allocate(); // nullopt when all are in use
    /// Takes this address. False when it is in use or none of this pool's.
    bool claim(const netemu::IpAddress& address);
    void release(const netemu::IpAddress& address);

    [[nodiscard]] bool full() const { return used_.size() >= capacity_; }
    [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
    [[nodiscard]] std::size_t used() const { return used_.size(); }
    [[nodiscard]] const netemu::IpPrefix& range() const { return range_; }

private:
    [[nodiscard]] std::optional<std::uint64_t> offset_of(const netemu::IpAddress& address) const;

    netemu::IpPrefix range_;
    std::uint64_t capacity_ = 0;
    std::uint64_t next_ = 0; // offset of the address to try first
    std::set<std::uint64_t> used_;
};

/// The pods' addresses of a whole cluster: per node one pool per family. A pod has an address of
/// each family or none. `owner` is any text that names the pod.
class Ipam {
public:
    explicit Ipam(const std::vector<NodePlan>& nodes);

    /// One address per family for `owner` on a node; the same again if it has them already. nullopt
    /// when a pool is exhausted: `exhaustion` says which.
    std::optional<std::vector<netemu::IpAddress>>
    allocate(std::size_t node, const std::string& owner);
    /// Takes these addresses for `owner` (from the journal). False, and nothing taken, when one of
    /// them is another's or is not of this node, or a family is missing. True if they are the
    /// owner's already.
    bool claim(
        std::size_t node,
        const std::string& owner,
        const std::vector<netemu::IpAddress>& addresses);
    void release(const std::string& owner); // no effect if it has none

    [[nodiscard]] bool has_room(std::size_t node) const;
    /// Which range of the node is used up and what to do about it.
    [[nodiscard]] std::string exhaustion(std::size_t node) const;
    [[nodiscard]] std::size_t used(std::size_t node) const; // addresses of the first family

private:
    struct Lease {
        std::size_t node = 0;
        std::vector<netemu::IpAddress> addresses;
    };

    std::vector<std::vector<AddressPool>> pools_; // per node, per family
    std::vector<std::string> names_;
    std::unordered_map<std::string, Lease> leases_;
};

} // namespace labctl::compile
