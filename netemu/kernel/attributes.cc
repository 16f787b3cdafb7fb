#include "netemu/kernel/attributes.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>

namespace netemu {

namespace {

std::span<const std::uint8_t> behind_header(const nlmsghdr* message, std::size_t header_bytes) {
    const auto* begin =
        static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_offset(message, header_bytes));
    const auto* end = static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_tail(message));
    return begin < end ? std::span(begin, end) : std::span<const std::uint8_t>();
}

template <class Each>
void walk(std::span<const std::uint8_t> data, const Each& each) {
    const auto* attribute = reinterpret_cast<const nlattr*>(data.data());
    const auto left = [&] {
        return static_cast<int>(
            data.data() + data.size() - reinterpret_cast<const std::uint8_t*>(attribute));
    };
    while (mnl_attr_ok(attribute, left())) {
        each(attribute);
        attribute = mnl_attr_next(attribute);
    }
}

} // namespace

Attributes::Attributes(const nlmsghdr* message, std::size_t header_bytes)
    : Attributes(behind_header(message, header_bytes)) {
}

Attributes::Attributes(std::span<const std::uint8_t> data) {
    walk(data, [this](const nlattr* attribute) {
        const std::uint16_t type = mnl_attr_get_type(attribute);
        if (type < by_type_.size()) {
            by_type_[type] = attribute;
        }
    });
}

void for_each_attribute(
    std::span<const std::uint8_t> data,
    const std::function<void(unsigned type, std::span<const std::uint8_t> payload)>& each) {
    walk(data, [&](const nlattr* attribute) {
        const auto* payload = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
        each(mnl_attr_get_type(attribute), {payload, mnl_attr_get_payload_len(attribute)});
    });
}

bool Attributes::has(unsigned type) const noexcept {
    return type < by_type_.size() && by_type_[type] != nullptr;
}

std::span<const std::uint8_t> Attributes::bytes(unsigned type) const {
    if (!has(type)) {
        return {};
    }
    const nlattr* attribute = by_type_[type];
    return {
        static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)),
        mnl_attr_get_payload_len(attribute)};
}

std::optional<std::uint8_t> Attributes::u8(unsigned type) const {
    const auto data = bytes(type);
    return data.empty() ? std::nullopt : std::optional(data[0]);
}

std::optional<std::uint32_t> Attributes::u32(unsigned type) const {
    const auto data = bytes(type);
    std::uint32_t value = 0;
    if (data.size() < sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, data.data(), sizeof value);
    return value;
}

std::optional<std::uint16_t> Attributes::be16(unsigned type) const {
    const auto data = bytes(type);
    std::uint16_t value = 0;
    if (data.size() < sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, data.data(), sizeof value);
    return ntohs(value);
}

std::string Attributes::text(unsigned type) const {
    const auto data = bytes(type);
    const auto end = std::find(data.begin(), data.end(), std::uint8_t{0});
    return {data.begin(), end};
}

std::optional<IpAddress> Attributes::address(unsigned type) const {
    const auto data = bytes(type);
    if (data.size() == 4) {
        return IpAddress::from_bytes(Family::V4, data.data());
    }
    if (data.size() == 16) {
        return IpAddress::from_bytes(Family::V6, data.data());
    }
    return std::nullopt;
}

std::optional<MacAddress> Attributes::mac(unsigned type) const {
    const auto data = bytes(type);
    MacAddress mac;
    if (data.size() != mac.bytes.size()) {
        return std::nullopt;
    }
    std::copy(data.begin(), data.end(), mac.bytes.begin());
    return mac;
}

Attributes Attributes::nested(unsigned type) const {
    return Attributes(bytes(type));
}

} // namespace netemu
