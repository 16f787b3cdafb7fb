#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace labctl::manifest {

/// The place of a value inside an object, as the API server writes it: spec.ports[0].name,
/// data[key]. A value without allocation; the names it refers to must outlive it. Steps beyond
/// kDepthMax are dropped (no API type is nested so deeply).
// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions): to move is to copy
class Path {
public:
    static constexpr std::size_t kDepthMax = 20;
    static constexpr std::int32_t kField = -1;
    static constexpr std::int32_t kKey = -2;
    struct Step {
        const char* name;
        std::uint32_t size;
        std::int32_t index; // of a list, or kField, or kKey for the key of a map
        [[nodiscard]] std::string_view text() const { return {name, size}; }
    };

    Path() = default;
    Path(const Path& other) { *this = other; }
    Path& operator=(const Path& other) {
        size_ = other.size_;
        for (std::size_t i = 0; i < size_; ++i) {
            steps_[i] = other.steps_[i];
        }
        return *this;
    }
    ~Path() = default;

    [[nodiscard]] Path field(std::string_view name) const { return with(name, kField); }
    [[nodiscard]] Path key(std::string_view name) const { return with(name, kKey); }
    [[nodiscard]] Path item(std::size_t index) const {
        return with({}, static_cast<std::int32_t>(index));
    }

    [[nodiscard]] std::span<const Step> steps() const { return {steps_.data(), size_}; }
    [[nodiscard]] std::string to_string() const;

private:
    [[nodiscard]] Path with(std::string_view name, std::int32_t index) const {
        Path result(*this);
        if (size_ < kDepthMax) {
            result.steps_[result.size_++] = {
                name.data(), static_cast<std::uint32_t>(name.size()), index};
        }
        return result;
    }

    std::array<Step, kDepthMax> steps_; // only the first size_ are set: copies stay cheap
    std::size_t size_ = 0;
};

} // namespace labctl::manifest
