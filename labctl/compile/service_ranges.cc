#include "labctl/compile/service_ranges.h"

#include <algorithm>
#include <limits>

namespace labctl::compile {

namespace {

std::uint64_t band_of(std::uint64_t size, std::uint64_t divisor, std::uint64_t most) {
    constexpr std::uint64_t kBandMin = 16;
    return size <= kBandMin ? 0 : std::min(std::max(kBandMin, size / divisor), most);
}

/// The number of addresses from one to another; saturated, as the distance is.
std::uint64_t count_between(const netemu::IpAddress& first, const netemu::IpAddress& last) {
    const auto distance = last.distance_from(first);
    return distance == std::numeric_limits<std::uint64_t>::max() ? distance : distance + 1;
}

} // namespace

std::optional<std::uint64_t> BandedRange::first_free(
    std::uint64_t from, std::uint64_t to, const std::set<std::uint64_t>& except) const {
    auto it = used_.lower_bound(from);
    for (auto number = from; number < to; ++number) {
        if (it != used_.end() && it->first == number) {
            ++it;
        } else if (!except.contains(number)) {
            return number;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> BandedRange::free(const std::set<std::uint64_t>& except) const {
    for (const auto& [from, to] :
         {std::pair(next_, size_), std::pair(band_, next_), std::pair(std::uint64_t{0}, band_)}) {
        if (const auto number = first_free(from, to, except)) {
            return number;
        }
    }
    return std::nullopt;
}

void BandedRange::take(std::uint64_t number, const ServiceOwner& owner) {
    used_[number].insert(owner);
    if (number == next_) {
        next_ = number + 1 < size_ ? number + 1 : band_;
    }
}

void BandedRange::release(std::uint64_t number, const ServiceOwner& owner) {
    const auto found = used_.find(number);
    if (found == used_.end()) {
        return;
    }
    if (const auto one = found->second.find(owner); one != found->second.end()) {
        found->second.erase(one);
    }
    if (found->second.empty()) {
        used_.erase(found);
    }
}

const ServiceOwner* BandedRange::owner(std::uint64_t number) const {
    const auto found = used_.find(number);
    return found == used_.end() ? nullptr : &*found->second.begin();
}

AddressRange::AddressRange(
    const netemu::IpAddress& first, const netemu::IpAddress& last, std::uint64_t band)
    : first_(first), last_(last), numbers_(count_between(first, last), band) {
}

AddressRange AddressRange::of_services(const netemu::IpPrefix& range) {
    const auto base = range.network().address;
    const auto last = range.last();
    if (base == last) {
        return {base, last, 0}; // a range of one address
    }
    const auto size = range.size();
    const bool has_broadcast = base.is_v4() && size > 2;
    const auto end = has_broadcast ? base.plus(size - 2) : last;
    constexpr std::uint64_t kDivisor = 16;
    constexpr std::uint64_t kBandMax = 256;
    return {base.plus(1), end, band_of(size, kDivisor, kBandMax)};
}

bool AddressRange::contains(const netemu::IpAddress& address) const {
    return address.family() == first_.family() && !(address < first_) && !(last_ < address);
}

std::optional<netemu::IpAddress> AddressRange::free() const {
    const auto number = numbers_.free();
    return number ? std::optional(first_.plus(*number)) : std::nullopt;
}

void AddressRange::take(const netemu::IpAddress& address, const ServiceOwner& owner) {
    if (contains(address)) {
        numbers_.take(address.distance_from(first_), owner);
    }
}

void AddressRange::release(const netemu::IpAddress& address, const ServiceOwner& owner) {
    if (contains(address)) {
        numbers_.release(address.distance_from(first_), owner);
    }
}

const ServiceOwner* AddressRange::owner(const netemu::IpAddress& address) const {
    return contains(address) ? numbers_.owner(address.distance_from(first_)) : nullptr;
}

NodePortRange::NodePortRange()
    : numbers_(kLast - kFirst + 1, band_of(kLast - kFirst + 1, 32, 128)) {
}

std::optional<std::int64_t> NodePortRange::free(const std::set<std::int64_t>& except) const {
    std::set<std::uint64_t> numbers;
    for (const auto port : except) {
        if (contains(port)) {
            numbers.insert(static_cast<std::uint64_t>(port - kFirst));
        }
    }
    const auto number = numbers_.free(numbers);
    return number ? std::optional(kFirst + static_cast<std::int64_t>(*number)) : std::nullopt;
}

void NodePortRange::take(std::int64_t port, const ServiceOwner& owner) {
    if (contains(port)) {
        numbers_.take(static_cast<std::uint64_t>(port - kFirst), owner);
    }
}

void NodePortRange::release(std::int64_t port, const ServiceOwner& owner) {
    if (contains(port)) {
        numbers_.release(static_cast<std::uint64_t>(port - kFirst), owner);
    }
}

const ServiceOwner* NodePortRange::owner(std::int64_t port) const {
    return contains(port) ? numbers_.owner(static_cast<std::uint64_t>(port - kFirst)) : nullptr;
}

} // namespace labctl::compile
