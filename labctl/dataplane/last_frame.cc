#include "labctl/dataplane/last_frame.h"

#include <algorithm>
#include <cstring>

namespace labctl::dataplane {

bool LastFrame::note(
    std::uint32_t tunnel,
    const netemu::IpAddress& from,
    std::span<const std::uint8_t> datagram,
    std::size_t head,
    const InnerPacket& inner) {
    noted_ = false;
    if (head > head_.size() || !is_plain_udp_of(inner, datagram.subspan(head))) {
        return false;
    }
    std::copy_n(datagram.begin(), head, head_.begin());
    size_ = head;
    tunnel_ = tunnel;
    from_ = from;
    inner_ = inner;
    noted_ = true;
    return true;
}

std::span<const std::uint8_t> LastFrame::take(
    std::uint32_t tunnel,
    const netemu::IpAddress& from,
    std::span<const std::uint8_t> datagram) const {
    if (!noted_ || tunnel != tunnel_ || datagram.size() <= size_ || !same_head(datagram) ||
        from != from_) {
        return {};
    }
    const auto packet = datagram.subspan(size_);
    if (!is_plain_udp_of(inner_, packet)) {
        return {};
    }
    const auto size = ip_size(packet);
    if (size < inner_.transport || size > packet.size()) {
        return {};
    }
    return packet.first(size);
}

bool LastFrame::same_head(std::span<const std::uint8_t> datagram) const {
    const auto* bytes = datagram.data();
    if (length_at_ == 0) {
        return std::memcmp(bytes, head_.data(), size_) == 0;
    }
    const auto behind = length_at_ + 2;
    const std::size_t length = bytes[length_at_] * std::size_t{256} + bytes[length_at_ + 1];
    return length == datagram.size() - size_ + counted_ &&
           std::memcmp(bytes, head_.data(), length_at_) == 0 &&
           std::memcmp(bytes + behind, head_.data() + behind, size_ - behind) == 0;
}

} // namespace labctl::dataplane
