#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "netemu/base/address.h"

/// The numbers that Services are given: addresses of the service range, node ports, addresses of
/// the load balancer.
namespace labctl::compile {

/// Who has a number: "namespace/name" of the Service.
using ServiceOwner = std::string;

/// Numbers 0 to `size` - 1 with an owner each. Dynamic allocation takes them in turn from the end
/// of the static band upwards and round again, so that one that was just released is the last to be
/// used again, and the band only when all others are taken; an explicit request may take any.
/// Source: KEP-3070, KEP-3668; Kubernetes chooses at random where this one counts.
class BandedRange {
public:
    BandedRange(std::uint64_t size, std::uint64_t band) : size_(size), band_(band), next_(band) {}

    /// The next number for who asks for any; none of `except`.
    [[nodiscard]] std::optional<std::uint64_t>
    free(const std::set<std::uint64_t>& except = {}) const;
    /// Records that the owner has it; several owners, or one several times, are kept apart, so that
    /// a release gives back only what that one took.
    void take(std::uint64_t number, const ServiceOwner& owner);
    void release(std::uint64_t number, const ServiceOwner& owner);
    /// Who has it; of several the first by name; nullptr when it is free.
    [[nodiscard]] const ServiceOwner* owner(std::uint64_t number) const;
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] std::size_t used() const { return used_.size(); }

private:
    [[nodiscard]] std::optional<std::uint64_t>
    first_free(std::uint64_t from, std::uint64_t to, const std::set<std::uint64_t>& except) const;

    std::uint64_t size_;
    std::uint64_t band_;
    std::uint64_t next_;
    std::map<std::uint64_t, std::multiset<ServiceOwner>> used_;
};

/// Addresses from `first` to `last`, both included.
class AddressRange {
public:
    AddressRange(const netemu::IpAddress& first, const netemu::IpAddress& last, std::uint64_t band);
    /// The usable addresses of a service range: without the network address and, for IPv4, the
    /// broadcast address; with the band of KEP-3070: min(max(16, size/16), 256), or none in a range
    /// of 16 or less.
    static AddressRange of_services(const netemu::IpPrefix& range);

    [[nodiscard]] bool contains(const netemu::IpAddress& address) const;
    [[nodiscard]] std::optional<netemu::IpAddress> free() const;
    void take(const netemu::IpAddress& address, const ServiceOwner& owner);    // if inside
    void release(const netemu::IpAddress& address, const ServiceOwner& owner); // if inside
    [[nodiscard]] const ServiceOwner* owner(const netemu::IpAddress& address) const;
    [[nodiscard]] const netemu::IpAddress& first() const { return first_; }
    [[nodiscard]] const netemu::IpAddress& last() const { return last_; }

private:
    netemu::IpAddress first_;
    netemu::IpAddress last_;
    BandedRange numbers_;
};

/// `--service-node-port-range`: 30000-32767, its first min(max(16, size/32), 128) = 86 static.
class NodePortRange {
public:
    static constexpr std::int64_t kFirst = 30000;
    static constexpr std::int64_t kLast = 32767;

    NodePortRange();
    [[nodiscard]] static bool contains(std::int64_t port) {
        return port >= kFirst && port <= kLast;
    }
    [[nodiscard]] std::optional<std::int64_t> free(const std::set<std::int64_t>& except = {}) const;
    void take(std::int64_t port, const ServiceOwner& owner);    // if inside
    void release(std::int64_t port, const ServiceOwner& owner); // if inside
    [[nodiscard]] const ServiceOwner* owner(std::int64_t port) const;

private:
    BandedRange numbers_;
};

} // namespace labctl::compile
