#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

struct nlmsghdr;

namespace netemu {

/// Where a message came from: the operation's place in its plan, and the errors that do not matter
/// to it.
struct Origin {
    std::size_t operation = 0;
    std::span<const int> tolerated; // errno values; must outlive the batch (a constant array)
};

/// Netlink messages, one after the other in one buffer, for one sendmsg (netlink(7)). Every message
/// has a sequence number and the origin that was current when it was started, so that an answer
/// leads back to whoever asked. Grows as needed; whoever fills it decides when to send
/// (kBatchBytes).
class Batch {
public:
    /// From this size on a batch should be sent: well under the default send buffer of a socket
    /// (208 KiB).
    static constexpr std::size_t kBatchBytes = 40U << 10U;

    /// The origin of the messages that follow.
    void set_origin(const Origin& origin) noexcept { origin_ = origin; }

    /// Starts a message; NLM_F_REQUEST is added to `flags`. The returned family header (ifinfomsg,
    /// rtmsg,
    /// ...) is zeroed and valid until the next call.
    template <class Header>
    Header& start(unsigned type, unsigned flags) {
        return *static_cast<Header*>(start_raw(type, flags, sizeof(Header)));
    }
    /// Starts a message without a family header, for a library that fills it: the caller may write
    /// up to kMessageBytesMax through the header. `finish_foreign` takes over what was written.
    nlmsghdr* start_foreign(unsigned type, unsigned flags);
    void finish_foreign();
    static constexpr std::size_t kMessageBytesMax = 60U << 10U;

    void put(unsigned type, std::span<const std::uint8_t> bytes);
    void put_u8(unsigned type, std::uint8_t value);
    void put_u16(unsigned type, std::uint16_t value);
    void put_u32(unsigned type, std::uint32_t value);
    void put_be16(unsigned type, std::uint16_t value);
    void put_be32(unsigned type, std::uint32_t value);
    void put_be64(unsigned type, std::uint64_t value);
    void put_text(unsigned type, std::string_view text); // with a terminating zero
    void put_address(unsigned type, const IpAddress& address);
    void put_mac(unsigned type, const MacAddress& mac);
    /// Appends a zeroed plain structure to the nest that is open.
    template <class Header>
    Header& append() {
        return *static_cast<Header*>(append_raw(sizeof(Header)));
    }

    /// An attribute that holds attributes; it ends with this object.
    class Nest {
    public:
        Nest(Batch& batch, unsigned type);
        Nest(const Nest&) = delete;
        Nest& operator=(const Nest&) = delete;
        ~Nest();

    private:
        Batch& batch_;
        std::size_t at_;
    };

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool full() const noexcept { return size_ >= kBatchBytes; }
    [[nodiscard]] std::span<const char> bytes() const noexcept { return {buffer_.get(), size_}; }
    [[nodiscard]] std::size_t messages() const noexcept { return origins_.size(); }
    /// Whether this filling has a message with this sequence number, and where it came from.
    [[nodiscard]] bool owns(std::uint32_t sequence) const noexcept;
    [[nodiscard]] const Origin& origin_of(std::uint32_t sequence) const;
    /// The message itself, or nullptr; valid until the batch changes. Looks at all of them.
    [[nodiscard]] const nlmsghdr* message_of(std::uint32_t sequence) const noexcept;
    [[nodiscard]] std::uint32_t first_sequence() const noexcept { return first_sequence_; }
    /// Forgets the messages; sequence numbers go on.
    void clear() noexcept;

private:
    nlmsghdr* start_message(unsigned type, unsigned flags);
    void* start_raw(unsigned type, unsigned flags, std::size_t header_bytes);
    void* append_raw(std::size_t bytes);
    nlmsghdr* message();
    void reserve(std::size_t more);

    struct Free {
        void operator()(char* memory) const noexcept { std::free(memory); }
    };
    /// By malloc, since realloc moves pages instead of copying what is in them (mremap(2)): the
    /// rules of a large cluster are megabytes in one message.
    std::unique_ptr<char, Free> buffer_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    std::size_t message_ = 0; // offset of the message that is being written
    std::uint32_t first_sequence_ = 1;
    std::vector<Origin> origins_;
    Origin origin_;
};

} // namespace netemu
