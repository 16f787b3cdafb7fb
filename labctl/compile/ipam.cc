#include "labctl/compile/ipam.h"

#include <algorithm>
#include <limits>

#include "labctl/compile/address_plan.h"

namespace labctl::compile {

namespace {

constexpr std::uint64_t kFirstOffset = 2; // behind the network address and the gateway

std::uint64_t usable(const netemu::IpPrefix& range) {
    const std::uint64_t reserved = kFirstOffset + (range.address.is_v4() ? 1 : 0);
    const auto size = range.size();
    return size > reserved ? size - reserved : 0;
}

} // namespace

AddressPool::AddressPool(const netemu::IpPrefix& range)
    : range_(range.network()), capacity_(usable(range)), next_(kFirstOffset) {
}

std::optional<std::uint64_t> AddressPool::offset_of(const netemu::IpAddress& address) const {
    if (address.family() != range_.address.family() || !range_.contains(address)) {
        return std::nullopt;
    }
    const auto offset = address.distance_from(range_.address);
    if (offset < kFirstOffset || offset - kFirstOffset >= capacity_) {
        return std::nullopt;
    }
    return offset;
}

std::optional<netemu::IpAddress> AddressPool::allocate() {
    if (full()) {
        return std::nullopt;
    }
    const auto end = kFirstOffset + capacity_;
    auto offset = next_;
    auto taken = used_.lower_bound(offset);
    // Walks the run of used addresses that starts at `offset`, once around at most.
    while (taken != used_.end() && *taken == offset) {
        ++offset;
        ++taken;
        if (offset == end) {
            offset = kFirstOffset;
            taken = used_.begin();
        }
    }
    used_.insert(taken, offset);
    next_ = offset + 1 == end ? kFirstOffset : offset + 1;
    return range_.address.plus(offset);
}

bool AddressPool::claim(const netemu::IpAddress& address) {
    const auto offset = offset_of(address);
    if (!offset || !used_.insert(*offset).second) {
        return false;
    }
    if (*offset >= next_) {
        next_ = *offset + 1 == kFirstOffset + capacity_ ? kFirstOffset : *offset + 1;
    }
    return true;
}

void AddressPool::release(const netemu::IpAddress& address) {
    if (const auto offset = offset_of(address)) {
        used_.erase(*offset);
    }
}

Ipam::Ipam(const std::vector<NodePlan>& nodes) {
    for (const auto& node : nodes) {
        auto& pools = pools_.emplace_back();
        names_.push_back(node.name);
        for (const auto& range : node.pod_cidrs) {
            pools.emplace_back(range);
        }
    }
}

bool Ipam::has_room(std::size_t node) const {
    const auto& pools = pools_.at(node);
    return std::none_of(pools.begin(), pools.end(), [](const auto& pool) { return pool.full(); });
}

std::optional<std::vector<netemu::IpAddress>>
Ipam::allocate(std::size_t node, const std::string& owner) {
    if (const auto found = leases_.find(owner); found != leases_.end()) {
        if (found->second.node == node) {
            return found->second.addresses;
        }
        release(owner);
    }
    if (!has_room(node)) {
        return std::nullopt;
    }
    std::vector<netemu::IpAddress> addresses;
    for (auto& pool : pools_.at(node)) {
        addresses.push_back(*pool.allocate());
    }
    leases_[owner] = {node, addresses};
    return addresses;
}

bool Ipam::claim(
    std::size_t node, const std::string& owner, const std::vector<netemu::IpAddress>& addresses) {
    if (const auto found = leases_.find(owner);
        found != leases_.end() && !pools_.at(node).empty()) {
        return found->second.node == node && found->second.addresses == addresses;
    }
    auto& pools = pools_.at(node);
    if (pools.empty()) { // somebody else gives them out
        leases_[owner] = {node, addresses};
        return true;
    }
    if (addresses.size() != pools.size()) {
        return false;
    }
    for (std::size_t i = 0; i < pools.size(); ++i) {
        if (!pools[i].claim(addresses[i])) {
            for (std::size_t taken = 0; taken < i; ++taken) {
                pools[taken].release(addresses[taken]);
            }
            return false;
        }
    }
    leases_[owner] = {node, addresses};
    return true;
}

void Ipam::release(const std::string& owner) {
    const auto found = leases_.find(owner);
    if (found == leases_.end()) {
        return;
    }
    auto& pools = pools_.at(found->second.node);
    for (std::size_t i = 0; i < pools.size(); ++i) {
        pools[i].release(found->second.addresses[i]);
    }
    leases_.erase(found);
}

std::string Ipam::exhaustion(std::size_t node) const {
    for (const auto& pool : pools_.at(node)) {
        if (pool.full()) {
            return "range " + pool.range().to_string() + " of " + names_.at(node) + " holds " +
                   std::to_string(pool.capacity()) +
                   " pod addresses and all are in use: delete pods, scale down, or start the lab "
                   "with more nodes";
        }
    }
    return {};
}

std::size_t Ipam::used(std::size_t node) const {
    const auto& pools = pools_.at(node);
    return pools.empty() ? 0 : pools.front().used();
}

} // namespace labctl::compile
