#include "labctl/dataplane/frame_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kFramesPerTrain = 64; // UDP_MAX_SEGMENTS of older kernels
constexpr std::size_t kTrainBytesMax = 65000;
constexpr std::size_t kBatchBytes = 1U << 20U;
constexpr int kUdpSegment = 103; // UDP_SEGMENT of linux/udp.h

msghdr datagram_of(iovec& data, sockaddr_storage& address, socklen_t length) {
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = length;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    return message;
}

/// The error number, or 0. An error that waits at the socket belongs to an earlier datagram.
int try_send_datagram(int socket, const msghdr& message) {
    for (int tries = 0; tries < 2; ++tries) {
        if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH &&
            errno != EINTR) {
            break;
        }
    }
    return errno;
}

} // namespace

FrameBatch::FrameBatch(Failed failed) : failed_(std::move(failed)), bytes_(kBatchBytes) {
}

bool FrameBatch::fits(const FrameTarget& target, std::size_t size) const {
    if (trains_.empty()) {
        return false;
    }
    const auto& last = trains_.back();
    const bool even = last.size == last.frame * last.frames; // a shorter one ends it
    return even && size <= last.frame && last.frames < kFramesPerTrain &&
           last.size + size <= kTrainBytesMax && last.target == target;
}

std::uint8_t* FrameBatch::add(const FrameTarget& target, std::size_t size) {
    if (used_ + size > bytes_.size()) {
        flush();
    }
    if (!fits(target, size)) {
        trains_.push_back({target, used_, 0, size, 0});
    }
    auto& train = trains_.back();
    train.size += size;
    ++train.frames;
    used_ += size;
    return bytes_.data() + used_ - size;
}

void FrameBatch::flush() {
    for (const auto& train : trains_) {
        send(train);
    }
    trains_.clear();
    used_ = 0;
}

void FrameBatch::send(const Train& train) {
    if (train.frames > 1 && segments_) {
        const int error = send_at_once(train);
        if (error == 0) {
            return;
        }
        if (error != EINVAL && error != EIO && error != EOPNOTSUPP && error != ENOPROTOOPT) {
            failed_(train.target, train.frames, error);
            return;
        }
        segments_ = error == EINVAL; // that may be the one frame's fault
    }
    for (std::size_t at = 0; at < train.size; at += train.frame) {
        const auto size = std::min(train.frame, train.size - at);
        if (const int error = send_datagram(train, train.begin + at, size); error != 0) {
            failed_(train.target, 1, error);
        }
    }
}

int FrameBatch::send_at_once(const Train& train) {
    sockaddr_storage address{};
    const auto length = train.target.to.to_sockaddr(address);
    iovec data{bytes_.data() + train.begin, train.size};
    auto message = datagram_of(data, address, length);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(std::uint16_t))] = {};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = kUdpSegment;
    header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto frame = static_cast<std::uint16_t>(train.frame);
    std::memcpy(CMSG_DATA(header), &frame, sizeof frame);
    return try_send_datagram(train.target.socket, message);
}

int FrameBatch::send_datagram(const Train& train, std::size_t at, std::size_t size) {
    sockaddr_storage address{};
    const auto length = train.target.to.to_sockaddr(address);
    iovec data{bytes_.data() + at, size};
    return try_send_datagram(train.target.socket, datagram_of(data, address, length));
}

} // namespace labctl::dataplane
