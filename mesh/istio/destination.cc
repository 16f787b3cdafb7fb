#include "mesh/istio/destination.h"

namespace mesh::istio {

namespace {

PolicyFields fields_at(const TrafficPolicy& policy, std::uint16_t port, bool& of_port) {
    const auto found = policy.ports.find(port);
    of_port = found != policy.ports.end();
    return of_port ? found->second : policy.all;
}

/// FNV-1a, stirred once more: similar names shall not get similar numbers.
std::uint64_t hash_of(std::string_view key, std::string_view name) {
    constexpr std::uint64_t kOffset = 0xcbf29ce484222325;
    constexpr std::uint64_t kPrime = 0x100000001b3;
    constexpr std::uint64_t kStir = 0xff51afd7ed558ccd; // murmur3's finalizer
    constexpr unsigned kHalf = 33;
    auto hash = kOffset;
    for (const auto part : {key, std::string_view("\0", 1), name}) {
        for (const char c : part) {
            hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
        }
    }
    hash = (hash ^ (hash >> kHalf)) * kStir;
    return hash ^ (hash >> kHalf);
}

} // namespace

PolicyFields
effective_policy(const DestinationRule& rule, const Subset* subset, std::uint16_t port) {
    bool of_port = false;
    auto fields = fields_at(rule.policy, port, of_port);
    if (subset == nullptr) {
        return fields;
    }
    auto own = fields_at(subset->policy, port, of_port);
    if (of_port) {
        return own;
    }
    const auto prefer = [](auto& to, const auto& from) {
        if (from) {
            to = from;
        }
    };
    prefer(fields.balancing, own.balancing);
    prefer(fields.pool, own.pool);
    prefer(fields.outliers, own.outliers);
    prefer(fields.tls, own.tls);
    return fields;
}

DestinationRule merged_rules(const std::vector<DestinationRule>& rules) {
    auto merged = rules.front();
    for (std::size_t i = 1; i < rules.size(); ++i) {
        const auto& more = rules[i].subsets;
        merged.subsets.insert(merged.subsets.end(), more.begin(), more.end());
    }
    return merged;
}

/// Rendezvous hashing: each name draws a number for the key, and the highest one has it.
std::size_t owner_of_key(std::string_view key, const std::vector<std::string>& names) {
    std::size_t owner = 0;
    std::uint64_t highest = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto drawn = hash_of(key, names[i]);
        if (i == 0 || drawn > highest) {
            owner = i;
            highest = drawn;
        }
    }
    return owner;
}

} // namespace mesh::istio
