#include "netemu/kernel/batch.h"

#include <cstring>
#include <new>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>

namespace netemu {

void Batch::reserve(std::size_t more) {
    if (size_ + more <= capacity_) {
        return;
    }
    const auto capacity = (size_ + more) * 2;
    auto* const memory = static_cast<char*>(std::realloc(buffer_.get(), capacity));
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    (void)buffer_.release();
    buffer_.reset(memory);
    capacity_ = capacity;
}

nlmsghdr* Batch::message() {
    return reinterpret_cast<nlmsghdr*>(buffer_.get() + message_);
}

nlmsghdr* Batch::start_foreign(unsigned type, unsigned flags) {
    reserve(kMessageBytesMax);
    return start_message(type, flags);
}

nlmsghdr* Batch::start_message(unsigned type, unsigned flags) {
    message_ = size_;
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.get() + message_);
    header->nlmsg_type = static_cast<std::uint16_t>(type);
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header->nlmsg_seq = first_sequence_ + static_cast<std::uint32_t>(origins_.size());
    origins_.push_back(origin_);
    finish_foreign();
    return header;
}

void Batch::finish_foreign() {
    size_ = message_ + MNL_ALIGN(message()->nlmsg_len);
}

void* Batch::start_raw(unsigned type, unsigned flags, std::size_t header_bytes) {
    reserve(MNL_NLMSG_HDRLEN + MNL_ALIGN(header_bytes));
    nlmsghdr* header = start_message(type, flags);
    void* family_header = mnl_nlmsg_put_extra_header(header, header_bytes);
    finish_foreign();
    return family_header;
}

void* Batch::append_raw(std::size_t bytes) {
    reserve(MNL_ALIGN(bytes));
    void* extra = mnl_nlmsg_put_extra_header(message(), bytes);
    finish_foreign();
    return extra;
}

void Batch::put(unsigned type, std::span<const std::uint8_t> bytes) {
    reserve(MNL_ATTR_HDRLEN + MNL_ALIGN(bytes.size()));
    mnl_attr_put(message(), static_cast<std::uint16_t>(type), bytes.size(), bytes.data());
    const auto end = size_ + MNL_ATTR_HDRLEN + bytes.size();
    finish_foreign();
    std::memset(buffer_.get() + end, 0, size_ - end); // padding, which libmnl leaves as it is
}

void Batch::put_u8(unsigned type, std::uint8_t value) {
    put(type, {&value, 1});
}

void Batch::put_u16(unsigned type, std::uint16_t value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    put(type, bytes);
}

void Batch::put_u32(unsigned type, std::uint32_t value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    put(type, bytes);
}

void Batch::put_be16(unsigned type, std::uint16_t value) {
    const std::uint16_t swapped = htons(value);
    std::uint8_t bytes[sizeof swapped];
    std::memcpy(bytes, &swapped, sizeof swapped);
    put(type, bytes);
}

void Batch::put_be32(unsigned type, std::uint32_t value) {
    put_u32(type, htonl(value));
}

void Batch::put_be64(unsigned type, std::uint64_t value) {
    std::uint8_t bytes[sizeof value];
    for (std::size_t i = sizeof value; i > 0; --i) {
        bytes[i - 1] = static_cast<std::uint8_t>(value);
        value >>= 8U;
    }
    put(type, bytes);
}

void Batch::put_text(unsigned type, std::string_view text) {
    reserve(MNL_ATTR_HDRLEN + MNL_ALIGN(text.size() + 1));
    const auto type16 = static_cast<std::uint16_t>(type);
    mnl_attr_put(message(), type16, text.size(), text.data());
    auto* attribute = reinterpret_cast<nlattr*>(buffer_.get() + size_);
    // The terminating zero, and what is padded behind it.
    std::memset(
        buffer_.get() + size_ + attribute->nla_len,
        0,
        MNL_ALIGN(attribute->nla_len + 1U) - attribute->nla_len);
    attribute->nla_len = static_cast<std::uint16_t>(attribute->nla_len + 1);
    message()->nlmsg_len =
        static_cast<std::uint32_t>(size_ - message_ + MNL_ALIGN(attribute->nla_len));
    finish_foreign();
}

void Batch::put_address(unsigned type, const IpAddress& address) {
    put(type, {address.bytes(), address.size()});
}

void Batch::put_mac(unsigned type, const MacAddress& mac) {
    put(type, mac.bytes);
}

Batch::Nest::Nest(Batch& batch, unsigned type) : batch_(batch), at_(batch.size_) {
    batch_.put(type, {});
}

Batch::Nest::~Nest() {
    auto* attribute = reinterpret_cast<nlattr*>(batch_.buffer_.get() + at_);
    attribute->nla_len = static_cast<std::uint16_t>(batch_.size_ - at_);
}

bool Batch::owns(std::uint32_t sequence) const noexcept {
    return sequence - first_sequence_ < origins_.size();
}

const Origin& Batch::origin_of(std::uint32_t sequence) const {
    return origins_.at(sequence - first_sequence_);
}

const nlmsghdr* Batch::message_of(std::uint32_t sequence) const noexcept {
    for (std::size_t at = 0; at < size_;) {
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.get() + at);
        if (message->nlmsg_seq == sequence) {
            return message;
        }
        at += MNL_ALIGN(message->nlmsg_len);
    }
    return nullptr;
}

void Batch::clear() noexcept {
    first_sequence_ += static_cast<std::uint32_t>(origins_.size());
    origins_.clear();
    size_ = 0;
    message_ = 0;
}

} // namespace netemu
