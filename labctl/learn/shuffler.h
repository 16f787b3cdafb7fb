#pragma once

#include <cstddef>
#include <cstdint>

namespace labctl::learn {

/// A generator of numbers that is the same everywhere and for ever, unlike the distributions of
/// <random>: what somebody was given must be derivable again. splitmix64.
class Shuffler {
public:
    /// `stream` keeps apart what one seed is used for.
    Shuffler(std::uint64_t seed, std::uint64_t stream) : state_(seed * kStep + stream + 1) {}

    /// From 0 to `limit` - 1; `limit` is not 0.
    std::size_t below(std::size_t limit) {
        state_ += kStep;
        auto value = state_;
        value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
        value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
        return static_cast<std::size_t>((value ^ (value >> 31U)) % limit);
    }

private:
    static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15ULL;
    std::uint64_t state_;
};

} // namespace labctl::learn
