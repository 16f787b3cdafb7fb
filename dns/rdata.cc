#include "dns/rdata.h"

#include <algorithm>
#include <array>

#include "dns/limits.h"

namespace dns {
namespace {

struct LayoutRow {
    Type type;
    RdataLayout layout;
};

constexpr std::array<LayoutRow, 7> kLayouts{{
    {Type::Ns, {0, 1, 0, true}},
    {Type::Cname, {0, 1, 0, true}},
    {Type::Ptr, {0, 1, 0, true}},
    {Type::Soa, {0, 2, 20, true}},
    {Type::Mx, {2, 1, 0, true}},
    {Type::Srv, {6, 1, 0, false}},
    {Type::Dname, {0, 1, 0, false}},
}};

void put_u32(std::string& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        out += static_cast<char>(value >> static_cast<unsigned>(shift));
    }
}

/// TXT and HINFO: strings with a length byte that fill the data exactly.
bool strings_fill(std::string_view data, std::size_t least) {
    std::size_t at = 0;
    std::size_t count = 0;
    while (at < data.size()) {
        at += 1 + static_cast<std::uint8_t>(data[at]);
        ++count;
    }
    return at == data.size() && count >= least;
}

bool size_is_right(std::uint16_t type, std::string_view data) {
    switch (static_cast<Type>(type)) {
    case Type::A:
        return data.size() == 4;
    case Type::Aaaa:
        return data.size() == 16;
    case Type::Txt:
        return strings_fill(data, 1);
    case Type::Hinfo:
        return strings_fill(data, 2);
    default:
        return true;
    }
}

} // namespace

std::optional<RdataLayout> rdata_layout(std::uint16_t type) {
    for (const auto& row : kLayouts) {
        if (static_cast<std::uint16_t>(row.type) == type) {
            return row.layout;
        }
    }
    return std::nullopt;
}

std::optional<std::string>
read_rdata(Bytes message, std::size_t at, std::size_t length, std::uint16_t type) {
    const auto end = at + length;
    const auto bytes = [&](std::size_t from, std::size_t count) {
        return std::string_view(
            reinterpret_cast<const char*>(message.data()) + from, count); // NOLINT
    };
    const auto layout = rdata_layout(type);
    if (!layout) {
        const auto data = bytes(at, length);
        return size_is_right(type, data) ? std::optional(std::string(data)) : std::nullopt;
    }
    if (length < layout->before) {
        return std::nullopt;
    }
    std::string data(bytes(at, layout->before));
    at += layout->before;
    for (std::size_t i = 0; i < layout->names; ++i) {
        const auto name = Name::read(message, at);
        if (!name || at > end) {
            return std::nullopt;
        }
        data += name->wire();
    }
    if (end - at != layout->after) {
        return std::nullopt;
    }
    data += bytes(at, layout->after);
    return data;
}

std::string address_rdata(const netemu::IpAddress& address) {
    return {reinterpret_cast<const char*>(address.bytes()), address.size()}; // NOLINT
}

std::optional<netemu::IpAddress> rdata_address(const Record& record) {
    const auto* bytes = as_bytes(record.rdata).data();
    if (record.is(Type::A) && record.rdata.size() == 4) {
        return netemu::IpAddress::from_bytes(netemu::Family::V4, bytes);
    }
    if (record.is(Type::Aaaa) && record.rdata.size() == 16) {
        return netemu::IpAddress::from_bytes(netemu::Family::V6, bytes);
    }
    return std::nullopt;
}

std::optional<Name> rdata_target(const Record& record) {
    const auto layout = rdata_layout(record.type);
    if (!layout || layout->names != 1 || record.rdata.size() <= layout->before) {
        return std::nullopt;
    }
    return Name::from_wire(std::string_view(record.rdata).substr(layout->before));
}

std::string soa_rdata(const SoaData& soa) {
    std::string data = soa.primary.wire() + soa.mailbox.wire();
    for (const auto value : {soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum}) {
        put_u32(data, value);
    }
    return data;
}

std::optional<std::uint32_t> soa_minimum(const Record& record) {
    constexpr std::size_t kLeast = 22;
    if (!record.is(Type::Soa) || record.rdata.size() < kLeast) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t i = record.rdata.size() - 4; i < record.rdata.size(); ++i) {
        value = value << 8U | static_cast<std::uint8_t>(record.rdata[i]);
    }
    return value;
}

std::string txt_rdata(std::string_view text) {
    constexpr std::size_t kPiece = 255;
    std::string data;
    do {
        const auto piece = text.substr(0, kPiece);
        data += static_cast<char>(piece.size());
        data += piece;
        text.remove_prefix(piece.size());
    } while (!text.empty());
    return data;
}

} // namespace dns
