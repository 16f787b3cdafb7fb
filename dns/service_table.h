#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dns/records.h"

namespace dns {

/// Hash of a key's bytes, for tables of this room. Not for keys that a stranger may choose to be
/// stored: it is fast, not keyed.
std::uint64_t hash_key(std::string_view key);

/// The Services of a zone by key (ServiceRecords::key). Open addressing with linear probing: a
/// question for a name that is not there, the most frequent kind under ndots, costs one miss of the
/// cache instead of one for each link of a chain. At most half of the places are taken. Records
/// stay where they are as long as their Service has any.
class ServiceTable {
public:
    ServiceTable();

    /// Null if there is none. The next change of that Service changes what it points at.
    [[nodiscard]] const ServiceRecords* find(std::string_view key) const;
    /// Has the processor fetch what `find` of keys with these hashes will look at, for all of them
    /// at the same time. At most limits::kUdpBatch.
    void prefetch(std::span<const std::uint64_t> hashes) const;
    /// Makes `records` those of their key and returns where they lie.
    ServiceRecords& put(std::unique_ptr<ServiceRecords> records);
    /// Without effect if there is none.
    void erase(std::string_view key);

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    struct Place {
        std::uint64_t hash = 0;
        std::unique_ptr<ServiceRecords> records; // null: free
    };

    [[nodiscard]] std::size_t next(std::size_t index) const { return (index + 1) & mask_; }
    /// Where the key is, or else the free place where it would be.
    [[nodiscard]] std::size_t seek(std::string_view key, std::uint64_t hash) const;
    void grow();

    std::vector<Place> places_; // a power of two of them
    std::size_t mask_;
    std::size_t size_ = 0;
};

} // namespace dns
