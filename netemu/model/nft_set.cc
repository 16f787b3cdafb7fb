#include "netemu/model/nft_set.h"

#include <bit>
#include <cstring>
#include <utility>

#include "netemu/base/error.h"
#include "netemu/model/nft_text.h"

namespace netemu {

namespace {

constexpr std::size_t kRegisterBytes = 4;
constexpr std::size_t kInterfaceBytes = 16; // IFNAMSIZ
constexpr std::size_t kMacBytes = 6;

constexpr std::size_t padded(std::size_t bytes) {
    return (bytes + kRegisterBytes - 1) / kRegisterBytes * kRegisterBytes;
}

std::string_view type_name(NftType type) {
    static constexpr std::array<std::string_view, 9> kNames{
        "",
        "ipv4_addr",
        "ipv6_addr",
        "inet_proto",
        "inet_service",
        "mark",
        "ifname",
        "ether_addr",
        "integer"};
    return kNames.at(static_cast<std::size_t>(type));
}

template <class Number>
Number number_in(std::string_view bytes) {
    Number value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::uint16_t port_in(std::string_view bytes) {
    return static_cast<std::uint16_t>(
        static_cast<unsigned>(static_cast<std::uint8_t>(bytes[0])) << 8U |
        static_cast<std::uint8_t>(bytes[1]));
}

std::string part_text(NftType type, std::string_view bytes) {
    const auto* raw = reinterpret_cast<const std::uint8_t*>(bytes.data());
    switch (type) {
    case NftType::Ipv4:
        return IpAddress::from_bytes(Family::V4, raw).to_string();
    case NftType::Ipv6:
        return IpAddress::from_bytes(Family::V6, raw).to_string();
    case NftType::Protocol:
        return protocol_text(*raw);
    case NftType::Port:
        return std::to_string(port_in(bytes));
    case NftType::Mark:
        return mark_text(number_in<std::uint32_t>(bytes));
    case NftType::Number:
        return std::to_string(number_in<std::uint32_t>(bytes));
    case NftType::Interface:
        return '"' + std::string(bytes.substr(0, bytes.find('\0'))) + '"';
    case NftType::Mac: {
        MacAddress mac;
        std::copy_n(raw, kMacBytes, mac.bytes.begin());
        return mac.to_string();
    }
    case NftType::None:
        break;
    }
    throw Error("a part of an nftables key has no type");
}

} // namespace

NftBytes& NftBytes::add(const void* bytes, std::size_t size) {
    bytes_.append(static_cast<const char*>(bytes), size);
    bytes_.resize(padded(bytes_.size()), '\0');
    return *this;
}

NftBytes& NftBytes::address(const IpAddress& value) {
    return add(value.bytes(), value.size());
}

NftBytes& NftBytes::protocol(std::uint8_t value) {
    return add(&value, sizeof value);
}

NftBytes& NftBytes::port(std::uint16_t value) {
    const std::array<std::uint8_t, 2> bytes{
        static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value & 0xffU)};
    return add(bytes.data(), bytes.size());
}

NftBytes& NftBytes::mark(std::uint32_t value) {
    return add(&value, sizeof value);
}

NftBytes& NftBytes::number(std::uint32_t value) {
    return add(&value, sizeof value);
}

NftBytes& NftBytes::interface(std::string_view name) {
    std::array<char, kInterfaceBytes> bytes{};
    name.copy(bytes.data(), bytes.size() - 1);
    return add(bytes.data(), bytes.size());
}

NftBytes& NftBytes::mac(const MacAddress& value) {
    return add(value.bytes.data(), value.bytes.size());
}

std::size_t nft_bytes(NftType type) {
    static constexpr std::array<std::size_t, 9> kBytes{
        0, 4, 16, 1, 2, 4, kInterfaceBytes, kMacBytes, 4};
    return kBytes.at(static_cast<std::size_t>(type));
}

std::size_t nft_padded_bytes(const NftKeyType& type) {
    std::size_t bytes = 0;
    for (const auto part : type) {
        bytes += padded(nft_bytes(part));
    }
    return bytes;
}

std::string to_text(const NftKeyType& type, std::string_view bytes) {
    if (bytes.size() != nft_padded_bytes(type)) {
        throw Error("a key of " + std::to_string(bytes.size()) + " bytes is no " + to_text(type));
    }
    std::string text;
    for (const auto part : type) {
        text += (text.empty() ? "" : " . ") + part_text(part, bytes);
        bytes.remove_prefix(padded(nft_bytes(part)));
    }
    return text;
}

std::string to_text(const NftKeyType& type) {
    std::string text;
    for (const auto part : type) {
        text += text.empty() ? "" : " . ";
        text += type_name(part);
    }
    return text;
}

NftElement nft_member(const NftBytes& key, std::string comment) {
    return {key.str(), {}, std::move(comment)}; // a copy has no room to grow, an assignment has
}

NftElement nft_member(const IpPrefix& prefix, std::string comment) {
    NftElement element;
    element.key = NftBytes().address(prefix.network().address).address(prefix.last()).str();
    element.range = true;
    if (prefix.length == prefix.address.bits()) {
        element.key.resize(prefix.address.size());
        element.range = false;
    }
    element.comment = std::move(comment);
    return element;
}

NftElement
nft_verdict(const NftBytes& key, NftVerdict verdict, std::string chain, std::string comment) {
    NftElement element = nft_member(key, std::move(comment));
    element.verdict = verdict;
    element.value = std::move(chain);
    return element;
}

NftElement nft_data(const NftBytes& key, const NftBytes& data, std::string comment) {
    NftElement element = nft_member(key, std::move(comment));
    element.value = data.str();
    return element;
}

} // namespace netemu
