#include "labctl/dataplane/link_frame.h"

#include <algorithm>
#include <utility>

#include <net/ethernet.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kFrameTypeAt = 12;
constexpr std::size_t kVlanTag = 4;
constexpr int kVlanTagsMax = 2;
constexpr std::uint16_t kServiceTag = 0x88a8; // IEEE 802.1ad
constexpr std::uint8_t kVnetNeedsChecksum = 1;
constexpr std::uint8_t kVnetDataValid = 2; // VIRTIO_NET_HDR_F_DATA_VALID

/// Bytes of the link's headers; 0 where they are not followed by IP.
std::size_t link_header_size(std::span<const std::uint8_t> frame) {
    std::size_t at = kFrameTypeAt;
    for (int tags = 0; tags <= kVlanTagsMax && at + 2 <= frame.size(); ++tags) {
        const auto type = static_cast<std::uint16_t>(frame[at] << 8U | frame[at + 1]);
        if (type == ETHERTYPE_IP || type == ETHERTYPE_IPV6) {
            return at + 2;
        }
        if (type != ETHERTYPE_VLAN && type != kServiceTag) {
            break;
        }
        at += kVlanTag;
    }
    return 0;
}

} // namespace

FrameShape shape_of(std::span<const std::uint8_t> frame) {
    FrameShape shape;
    if (frame.size() <= kVnetHeader) {
        return shape;
    }
    const auto ethernet = frame.subspan(kVnetHeader);
    shape.vnet = read_vnet(frame);
    shape.wire_bytes = static_cast<std::uint32_t>(ethernet.size());
    shape.link = link_header_size(ethernet);
    if (shape.link == 0) {
        return shape;
    }
    const auto packet = ethernet.subspan(shape.link);
    shape.inner = read_inner(packet);
    if (shape.inner && shape.vnet.cut != VnetHeader::Cut::No) {
        if (const auto cutter = PacketCutter::make(shape.vnet, *shape.inner, packet)) {
            const auto last = cutter->pieces() - 1;
            shape.packets = static_cast<std::uint32_t>(cutter->pieces());
            shape.wire_bytes = static_cast<std::uint32_t>(
                last * cutter->size_of(0) + cutter->size_of(last) + shape.packets * shape.link);
        }
    }
    return shape;
}

void cut_frame(
    std::span<const std::uint8_t> frame,
    const FrameShape& shape,
    const std::function<void(LinkFrame)>& take) {
    const auto head = kVnetHeader + shape.link;
    if (shape.packets <= 1) {
        take({{frame.begin(), frame.end()}, 1, shape.wire_bytes});
        return;
    }
    const auto cutter = PacketCutter::make(shape.vnet, *shape.inner, frame.subspan(head));
    const auto vnet = cutter ? cutter->checksum_left(shape.link) : VnetHeader{};
    for (std::size_t i = 0; cutter && i < cutter->pieces(); ++i) {
        LinkFrame piece;
        piece.bytes.resize(head + cutter->size_of(i));
        write_vnet(vnet, piece.bytes.data());
        std::copy_n(frame.begin() + kVnetHeader, shape.link, piece.bytes.begin() + kVnetHeader);
        cutter->write_without_checksum(i, piece.bytes.data() + head);
        piece.wire_bytes = static_cast<std::uint32_t>(piece.bytes.size() - kVnetHeader);
        take(std::move(piece));
    }
}

void finish_frame(std::vector<std::uint8_t>& frame) {
    if (frame.size() <= kVnetHeader) {
        return;
    }
    const auto vnet = read_vnet(frame);
    if (vnet.needs_checksum) {
        (void)finish_checksum(
            std::span(frame).subspan(kVnetHeader), vnet.checksum_start, vnet.checksum_offset);
    }
    write_vnet({}, frame.data());
}

bool is_sound(std::span<const std::uint8_t> frame) {
    return !frame.empty() && (frame[0] & (kVnetNeedsChecksum | kVnetDataValid)) != 0;
}

} // namespace labctl::dataplane
