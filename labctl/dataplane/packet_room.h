#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace labctl::dataplane {

/// Memory for packets, without content at first: the kernel gives each page when something is
/// written to it, so that a data plane without tunnels does not pay for theirs when it starts.
class PacketRoom {
public:
    explicit PacketRoom(std::size_t size)
        : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {} // NOLINT

    [[nodiscard]] std::uint8_t* data() { return bytes_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::unique_ptr<std::uint8_t[]> bytes_; // NOLINT
    std::size_t size_;
};

} // namespace labctl::dataplane
