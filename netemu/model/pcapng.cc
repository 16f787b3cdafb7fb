#include "netemu/model/pcapng.h"

#include <algorithm>

namespace netemu {

namespace {

constexpr std::uint32_t kSectionHeaderBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kStatisticsBlock = 5;
constexpr std::uint32_t kPacketBlock = 6;
constexpr std::uint16_t kOptionComment = 1;
constexpr std::size_t kOptionBytesMax = 65535;

/// A block that grows. Numbers are in this host's byte order, which the section header's magic
/// tells the reader.
class PcapngBlock {
public:
    explicit PcapngBlock(std::uint32_t type) {
        u32(type);
        u32(0); // the size, when it is known
    }

    template <typename T>
    void number(T value) {
        const auto* bytes = reinterpret_cast<const char*>(&value);
        data_.append(bytes, sizeof value);
    }
    void u16(std::uint16_t value) { number(value); }
    void u32(std::uint32_t value) { number(value); }
    /// Times are written as two halves, the high one first.
    void time(std::uint64_t value) {
        u32(static_cast<std::uint32_t>(value >> 32U));
        u32(static_cast<std::uint32_t>(value));
    }
    void bytes(const void* data, std::size_t size) {
        data_.append(static_cast<const char*>(data), size);
        pad();
    }

    void option(std::uint16_t code, const void* value, std::size_t size) {
        size = std::min(size, kOptionBytesMax);
        u16(code);
        u16(static_cast<std::uint16_t>(size));
        bytes(value, size);
        has_options_ = true;
    }
    void option(std::uint16_t code, const std::string& text) {
        if (!text.empty()) {
            option(code, text.data(), text.size());
        }
    }
    template <typename T>
    void option_number(std::uint16_t code, T value) {
        option(code, &value, sizeof value);
    }

    std::string finish() {
        if (has_options_) {
            u32(0); // opt_endofopt
        }
        const auto size = static_cast<std::uint32_t>(data_.size() + sizeof(std::uint32_t));
        const auto* bytes = reinterpret_cast<const char*>(&size);
        std::copy_n(bytes, sizeof size, data_.begin() + sizeof(std::uint32_t));
        u32(size);
        return std::move(data_);
    }

private:
    void pad() { data_.append((4 - data_.size() % 4) % 4, '\0'); }

    std::string data_;
    bool has_options_ = false;
};

std::string section_block(const PcapngSection& section) {
    constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
    constexpr std::uint64_t kLengthUnknown = ~std::uint64_t{0};
    constexpr std::uint16_t kHardware = 2;
    constexpr std::uint16_t kOs = 3;
    constexpr std::uint16_t kApplication = 4;
    PcapngBlock block(kSectionHeaderBlock);
    block.u32(kByteOrderMagic);
    block.u16(1); // version 1.0
    block.u16(0);
    block.number(kLengthUnknown);
    block.option(kOptionComment, section.comment);
    block.option(kHardware, section.hardware);
    block.option(kOs, section.os);
    block.option(kApplication, section.application);
    return block.finish();
}

std::string interface_block(const CapturePlace& place) {
    constexpr std::uint16_t kName = 2;
    constexpr std::uint16_t kDescription = 3;
    constexpr std::uint16_t kMacAddress = 6;
    constexpr std::uint16_t kTimeResolution = 9;
    constexpr std::uint8_t kNanoseconds = 9;
    PcapngBlock block(kInterfaceBlock);
    block.u16(place.link_type);
    block.u16(0);
    block.u32(place.snap_bytes);
    block.option(kName, place.name);
    block.option(kDescription, place.description);
    if (place.mac) {
        block.option(kMacAddress, place.mac->bytes.data(), place.mac->bytes.size());
    }
    block.option_number(kTimeResolution, kNanoseconds);
    return block.finish();
}

/// Bits 0-1 direction, bits 2-4 reception type (section 4.3.1 of the draft).
std::uint32_t packet_flags(const CapturedPacket& packet) {
    const std::uint32_t direction = packet.direction == PacketDirection::In ? 1 : 2;
    std::uint32_t reception = 0;
    switch (packet.cast) {
    case PacketCast::Unicast:
        reception = 1;
        break;
    case PacketCast::Multicast:
        reception = 2;
        break;
    case PacketCast::Broadcast:
        reception = 3;
        break;
    case PacketCast::Other:
        reception = 4;
        break;
    }
    return direction | reception << 2U;
}

} // namespace

std::string pcapng_head(const PcapngSection& section, const std::vector<CapturePlace>& places) {
    auto bytes = section_block(section);
    for (const auto& place : places) {
        bytes += interface_block(place);
    }
    return bytes;
}

std::string pcapng_names(const std::vector<std::pair<IpAddress, std::string>>& names) {
    constexpr std::uint32_t kNameBlock = 4;
    constexpr std::uint16_t kEnd = 0;
    constexpr std::uint16_t kIpv4 = 1;
    constexpr std::uint16_t kIpv6 = 2;
    if (names.empty()) {
        return {};
    }
    PcapngBlock block(kNameBlock);
    for (const auto& [address, name] : names) {
        std::string record(reinterpret_cast<const char*>(address.bytes()), address.size());
        record += name + '\0';
        if (record.size() <= kOptionBytesMax) {
            block.u16(address.is_v4() ? kIpv4 : kIpv6);
            block.u16(static_cast<std::uint16_t>(record.size()));
            block.bytes(record.data(), record.size());
        }
    }
    block.u16(kEnd);
    block.u16(0);
    return block.finish();
}

std::string pcapng_packet(const CapturedPacket& packet, const std::string& comment) {
    constexpr std::uint16_t kFlags = 2;
    PcapngBlock block(kPacketBlock);
    block.u32(static_cast<std::uint32_t>(packet.place));
    block.time(packet.time_ns);
    block.u32(static_cast<std::uint32_t>(packet.bytes.size()));
    block.u32(packet.size);
    block.bytes(packet.bytes.data(), packet.bytes.size());
    block.option(kOptionComment, comment);
    block.option_number(kFlags, packet_flags(packet));
    return block.finish();
}

std::string pcapng_statistics(const PcapngStatistics& statistics) {
    constexpr std::uint16_t kReceived = 4;
    constexpr std::uint16_t kDropped = 5; // as dumpcap(1) counts what the kernel had no room for
    PcapngBlock block(kStatisticsBlock);
    block.u32(static_cast<std::uint32_t>(statistics.place));
    block.time(statistics.time_ns);
    block.option_number(kReceived, statistics.received);
    block.option_number(kDropped, statistics.dropped);
    return block.finish();
}

} // namespace netemu
