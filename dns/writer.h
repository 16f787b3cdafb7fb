#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "dns/query.h"
#include "dns/types.h"

namespace dns {

/// Writes a response straight into a buffer, without allocating. Records that do not fit are left
/// out whole; `truncate` then says so in the header. The buffer stays the caller's.
class ResponseWriter {
public:
    /// Starts with header and question of `query`, byte for byte (0x20 case included). Room for an
    /// OPT record is set aside if the query has one. `limit` may be above the buffer's size.
    ResponseWriter(const QueryView& query, std::span<std::uint8_t> buffer, std::size_t limit);

    [[nodiscard]] std::size_t size() const { return at_; }
    [[nodiscard]] std::size_t room() const { return limit_ - at_; }

    /// `bytes` are `count` whole records of the answer section. False, and nothing is written, when
    /// they do not fit.
    bool answers(std::string_view bytes, std::uint16_t count) {
        return append(bytes) && bump(kAnswers, count);
    }
    bool authority(std::string_view bytes, std::uint16_t count) {
        return append(bytes) && bump(kAuthority, count);
    }
    bool additional(std::string_view bytes, std::uint16_t count) {
        return append(bytes) && bump(kAdditional, count);
    }

    /// A required record did not fit (RFC 2181 section 9).
    void truncate() { extra_flags_ |= flag::kTruncated; }
    void set_flags(std::uint16_t flags) { extra_flags_ |= flags; }
    /// A pointer to label `label` of the question's name.
    [[nodiscard]] static std::uint16_t pointer_to(const QueryView& query, std::size_t label) {
        return static_cast<std::uint16_t>(
            0xc000U | (limits::kHeaderBytes + query.label_at[label])); // NOLINT
    }
    /// Completes the message; returns its size.
    std::size_t finish(Rcode rcode);
    [[nodiscard]] bool truncated() const { return (extra_flags_ & flag::kTruncated) != 0; }

private:
    static constexpr std::size_t kAnswers = 6;
    static constexpr std::size_t kAuthority = 8;
    static constexpr std::size_t kAdditional = 10;

    bool append(std::string_view bytes) {
        if (bytes.size() > room()) {
            return false;
        }
        std::memcpy(buffer_.data() + at_, bytes.data(), bytes.size());
        at_ += bytes.size();
        return true;
    }
    bool bump(std::size_t counter, std::uint16_t by);
    void put16(std::size_t at, std::uint16_t value) {
        buffer_[at] = static_cast<std::uint8_t>(value >> 8U);
        buffer_[at + 1] = static_cast<std::uint8_t>(value);
    }

    const QueryView& query_;
    std::span<std::uint8_t> buffer_;
    std::size_t limit_;
    std::size_t at_ = 0;
    std::uint16_t extra_flags_ = 0;
};

/// A response without records. Returns its size, 0 if the buffer holds not even that.
std::size_t write_error(const QueryView& query, Rcode rcode, std::span<std::uint8_t> buffer);

/// Small pieces of records, built on the stack.
template <std::size_t Capacity>
class RecordBuffer {
public:
    void clear() { size_ = 0; }
    void put8(std::uint8_t value) { bytes_[size_++] = static_cast<char>(value); } // NOLINT
    void put16(std::uint16_t value) {
        put8(static_cast<std::uint8_t>(value >> 8U));
        put8(static_cast<std::uint8_t>(value));
    }
    void put32(std::uint32_t value) {
        put16(static_cast<std::uint16_t>(value >> 16U));
        put16(static_cast<std::uint16_t>(value));
    }
    void put(std::string_view bytes) {
        std::memcpy(bytes_ + size_, bytes.data(), bytes.size()); // NOLINT
        size_ += bytes.size();
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::string_view view() const { return {bytes_, size_}; } // NOLINT

private:
    char bytes_[Capacity]; // NOLINT: left uninitialised on purpose
    std::size_t size_ = 0;
};

} // namespace dns
