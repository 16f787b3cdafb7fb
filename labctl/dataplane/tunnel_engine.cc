#include "labctl/dataplane/tunnel_engine.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr int kPacketsPerTurn = 128;
/// After so many small packets at once more will come: they are waited for, so that each datagram
/// train and each write carries many of them (what a network card calls interrupt moderation). It
/// goes on for as long as a rest brings some. Half of what a small packet costs is the kernel's for
/// the train that it is in, at ten to a train; the rest is as long as a link's delay may be off.
constexpr int kBusyPackets = 8;
constexpr int kStillBusyPackets = 4;
constexpr std::size_t kSmallPacket = 512;
constexpr int kBulkTurns = 16; // not while large ones pass: they would have left the cache by then
constexpr std::int64_t kRestNanos = 150'000;
constexpr std::size_t kDatagramsAtOnce = 16;
constexpr int kReceivesPerTurn = 8;
constexpr auto kTellInterval = 5ms;
constexpr std::uint32_t kDropsTold = 100; // in one interval; all are counted
constexpr std::size_t kHeadBytes = 128;   // of a packet that is told of
constexpr int kUdpGro = 104;              // UDP_GRO of linux/udp.h

bool is_multicast(const netemu::IpAddress& address) {
    constexpr std::uint8_t kMulticast4 = 0xe0;
    constexpr std::uint8_t kMulticast6 = 0xff;
    const auto first = address.bytes()[0];
    return address.is_v4() ? (first & 0xf0U) == kMulticast4 : first == kMulticast6;
}

/// Lets packets gather.
void rest() {
    const timespec pause{0, kRestNanos};
    (void)::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
}

/// The size of each frame of a datagram that the kernel has put together (UDP_GRO).
std::size_t frame_size(msghdr& message, std::size_t otherwise) {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == kUdpGro) {
            int size = 0;
            std::memcpy(&size, CMSG_DATA(header), sizeof size);
            return size > 0 ? static_cast<std::size_t>(size) : otherwise;
        }
    }
    return otherwise;
}

} // namespace

/// A datagram, which may be many frames in a row.
struct TunnelEngine::Receiving {
    netemu::IpAddress from;
    std::span<const std::uint8_t> bytes;
    std::size_t frame = 0;
};

/// What comes out of the datagrams of one tunnel.
class TunnelEngine::Sink : public TunnelSink {
public:
    Sink(TunnelEngine& engine, Tunnel& tunnel) : engine_(engine), tunnel_(tunnel) {}

    void deliver(const InnerPacket& inner, std::span<const std::uint8_t> packet) override {
        engine_.writer_.write(tunnel_.tun.get(), inner, packet);
        ++tunnel_.counters.received;
        tunnel_.counters.received_bytes += packet.size();
        engine_.count(tunnel_);
    }
    void
    drop(TunnelDrop reason, std::uint32_t identity, std::span<const std::uint8_t> packet) override {
        engine_.drop(tunnel_, reason, identity, packet);
    }

private:
    TunnelEngine& engine_;
    Tunnel& tunnel_;
};

TunnelEngine::TunnelEngine(netemu::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)),
      batch_([this](const FrameTarget& target, std::size_t frames, int error) {
          const auto found = tunnels_.find(target.tunnel);
          if (found != tunnels_.end()) {
              auto& counters = found->second->counters;
              counters.sent -= std::min<std::uint64_t>(counters.sent, frames);
              if (error == EMSGSIZE) {
                  drop(*found->second, TunnelDrop::TooBig, 0, {}, frames);
              }
          }
      }),
      packet_(kVnetHeader + kTunPacketMax) {
    for (std::size_t i = 0; i < kDatagramsAtOnce; ++i) {
        datagrams_.emplace_back(kTunPacketMax);
    }
}

TunnelEngine::~TunnelEngine() {
    loop_.cancel(tell_timer_);
    while (!tunnels_.empty()) {
        remove_tunnel(tunnels_.begin()->first);
    }
}

void TunnelEngine::handle(std::string_view message, std::vector<netemu::UniqueFd>& fds) {
    WireReader record(message);
    std::size_t next_fd = 0;
    while (!record.done()) {
        const auto op = record.op();
        switch (op) {
        case Op::AddTunnel:
            add_tunnel(record, fds, next_fd);
            break;
        case Op::RemoveTunnel:
            remove_tunnel(record.u32());
            break;
        default:
            fill(op, record);
        }
    }
}

void TunnelEngine::add_tunnel(
    WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd) {
    auto tunnel = std::make_unique<Tunnel>();
    auto& added = *tunnel;
    added.id = record.u32();
    const auto senders = record.u32();
    added.tun = std::move(fds.at(next_fd++));
    added.socket = std::move(fds.at(next_fd++));
    for (std::uint32_t i = 0; i < senders; ++i) {
        added.senders.push_back(std::move(fds.at(next_fd++)));
    }
    if (const auto before = tunnels_.find(added.id); before != tunnels_.end()) {
        added.counters = before->second->counters; // only its device is another one
        remove_tunnel(added.id);
    }
    tunnels_.emplace(added.id, std::move(tunnel));
    loop_.add(added.tun.get(), EPOLLIN, [this, &added](std::uint32_t) { read_tun(added); });
    loop_.add(added.socket.get(), EPOLLIN, [this, &added](std::uint32_t) { read_socket(added); });
}

void TunnelEngine::remove_tunnel(std::uint32_t id) {
    const auto found = tunnels_.find(id);
    if (found == tunnels_.end()) {
        return;
    }
    for (const int fd : {found->second->tun.get(), found->second->socket.get()}) {
        if (loop_.watches(fd)) {
            loop_.remove(fd);
        }
    }
    tunnels_.erase(found);
}

// --- tables

void TunnelEngine::fill(Op op, WireReader& record) {
    if (op == Op::TunnelBegin) {
        next_ = TunnelFraming::begin(record, flows_);
        return;
    }
    if (next_ == nullptr) {
        throw netemu::Error("a record of tables that were not begun");
    }
    if (op == Op::TunnelCommit) {
        framing_ = std::move(next_);
        return;
    }
    next_->fill(op, record);
}

// --- out

void TunnelEngine::read_tun(Tunnel& tunnel) {
    int packets = 0;
    route_.reset(); // another tunnel's, or of tables that have gone
    for (int i = 0; i < kPacketsPerTurn; ++i) {
        // read(2) itself: glibc's has to be ready to be cancelled, which costs as much as a header.
        const auto size = ::syscall(SYS_read, tunnel.tun.get(), packet_.data(), packet_.size());
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                loop_.remove(tunnel.tun.get()); // somebody has deleted the device
            }
            break;
        }
        ++packets;
        if (static_cast<std::size_t>(size) > kSmallPacket) {
            bulk_turns_ = kBulkTurns;
        }
        encapsulate(tunnel, {packet_.data(), static_cast<std::size_t>(size)});
    }
    batch_.flush();
    flows_.age(netemu::Clock::now());
    if (bulk_turns_ > 0) {
        --bulk_turns_;
        busy_ = false;
        return;
    }
    busy_ = packets >= (busy_ ? kStillBusyPackets : kBusyPackets);
    if (busy_ && packets < kPacketsPerTurn) {
        rest();
    }
}

void TunnelEngine::encapsulate(Tunnel& tunnel, std::span<std::uint8_t> bytes) {
    if (bytes.size() <= kVnetHeader || framing_ == nullptr) {
        return;
    }
    const auto packet = bytes.subspan(kVnetHeader);
    if (route_ && is_plain_udp_of(route_->inner, packet)) {
        send_packet(tunnel, read_vnet(bytes), route_->inner, packet);
        return;
    }
    const auto inner = read_inner(packet);
    if (!inner) {
        return;
    }
    if ((route_ && same_flow(route_->inner, *inner)) || find_route(tunnel, *inner, packet)) {
        send_packet(tunnel, read_vnet(bytes), *inner, packet);
    }
}

bool TunnelEngine::find_route(
    Tunnel& tunnel, const InnerPacket& inner, std::span<const std::uint8_t> packet) {
    route_.reset();
    const auto* self = framing_->nodes().node(tunnel.id);
    if (self == nullptr || is_multicast(inner.destination)) {
        return false; // what the stack says to its link, which has no neighbours
    }
    const auto* peer = framing_->nodes().owner_of(inner.destination);
    if (peer == nullptr || peer == self) {
        drop(tunnel, TunnelDrop::Unroutable, 0, packet);
        return false;
    }
    const auto& sender = tunnel.senders.empty()
                             ? tunnel.socket
                             : tunnel.senders.at(flow_hash(inner) % tunnel.senders.size());
    route_ = {
        inner,
        framing_->head_of(*self, *peer, inner),
        {sender.get(), {peer->local, framing_->port()}, tunnel.id}};
    return true;
}

void TunnelEngine::send_packet(
    Tunnel& tunnel,
    const VnetHeader& vnet,
    const InnerPacket& inner,
    std::span<std::uint8_t> packet) {
    const auto& [flow, head, target] = *route_;
    if (vnet.cut != VnetHeader::Cut::No) {
        const auto cutter = PacketCutter::make(vnet, inner, packet);
        const auto pieces = cutter ? cutter->pieces() : 0;
        for (std::size_t i = 0; i < pieces; ++i) {
            auto* frame = batch_.add(target, head.size + cutter->size_of(i));
            head.write(cutter->size_of(i), frame);
            cutter->write(i, frame + head.size);
        }
        tunnel.counters.sent += pieces;
        tunnel.counters.sent_bytes += packet.size();
        count(tunnel);
        return;
    }
    if (packet.size() + head.size > FrameBatch::kFrameMax) {
        drop(tunnel, TunnelDrop::TooBig, head.identity, packet);
        return;
    }
    if (vnet.needs_checksum &&
        !finish_checksum(packet, vnet.checksum_start, vnet.checksum_offset)) {
        return;
    }
    auto* frame = batch_.add(target, head.size + packet.size());
    head.write(packet.size(), frame);
    std::copy(packet.begin(), packet.end(), frame + head.size);
    ++tunnel.counters.sent;
    tunnel.counters.sent_bytes += packet.size();
    count(tunnel);
}

// --- in

void TunnelEngine::read_socket(Tunnel& tunnel) {
    struct Slot {
        sockaddr_storage from;
        iovec data;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    };
    std::array<Slot, kDatagramsAtOnce> slots{};
    std::array<mmsghdr, kDatagramsAtOnce> messages{};
    if (framing_ != nullptr) {
        framing_->begin_turn();
    }
    for (int turn = 0; turn < kReceivesPerTurn; ++turn) {
        for (std::size_t i = 0; i < kDatagramsAtOnce; ++i) {
            auto& slot = slots.at(i);
            slot.data = {datagrams_[i].data(), datagrams_[i].size()};
            messages.at(i) = {};
            auto& header = messages.at(i).msg_hdr;
            header.msg_name = &slot.from;
            header.msg_namelen = sizeof slot.from;
            header.msg_iov = &slot.data;
            header.msg_iovlen = 1;
            header.msg_control = slot.control;
            header.msg_controllen = sizeof slot.control;
        }
        const int count = ::recvmmsg(
            tunnel.socket.get(), messages.data(), kDatagramsAtOnce, MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const std::size_t size = messages.at(at).msg_len;
            Receiving received;
            received.from = netemu::Endpoint::from_sockaddr(slots.at(at).from).address;
            received.bytes = {datagrams_[at].data(), size};
            received.frame = frame_size(messages.at(at).msg_hdr, size);
            take_datagram(tunnel, received);
        }
        if (count < static_cast<int>(kDatagramsAtOnce)) {
            break;
        }
    }
    writer_.flush();
}

void TunnelEngine::take_datagram(Tunnel& tunnel, const Receiving& received) {
    const auto* self = framing_ == nullptr ? nullptr : framing_->nodes().node(tunnel.id);
    if (self == nullptr) {
        return; // a node that is about to go
    }
    Sink sink(*this, tunnel);
    auto rest = received.bytes;
    do {
        const auto size = std::min(std::max<std::size_t>(received.frame, 1), rest.size());
        framing_->receive(*self, received.from, rest.first(size), sink);
        rest = rest.subspan(size);
    } while (!rest.empty());
}

// --- what is told of it

void TunnelEngine::drop(
    Tunnel& tunnel,
    TunnelDrop reason,
    std::uint32_t identity,
    std::span<const std::uint8_t> packet,
    std::size_t frames) {
    tunnel.counters.drops.at(static_cast<std::size_t>(reason)) += frames;
    if (dropped_count_ < kDropsTold) {
        ++dropped_count_;
        const auto head = packet.first(std::min(packet.size(), kHeadBytes));
        dropped_.u32(tunnel.id).u8(static_cast<std::uint8_t>(reason)).u32(identity);
        dropped_.text({reinterpret_cast<const char*>(head.data()), head.size()}); // NOLINT
    }
    count(tunnel);
}

void TunnelEngine::count(Tunnel& tunnel) {
    tunnel.told = false;
    if (tell_timer_ == 0) {
        tell_timer_ = loop_.after(kTellInterval, [this] { tell(); });
    }
}

void TunnelEngine::tell() {
    tell_timer_ = 0;
    WireWriter record;
    for (const auto& [id, tunnel] : tunnels_) {
        if (std::exchange(tunnel->told, true)) {
            continue;
        }
        const auto& counters = tunnel->counters;
        std::vector<std::uint64_t> values{
            counters.sent, counters.sent_bytes, counters.received, counters.received_bytes};
        values.insert(values.end(), counters.drops.begin(), counters.drops.end());
        record.op(Op::TunnelCounters).u32(id).u32(static_cast<std::uint32_t>(values.size()));
        for (const auto value : values) {
            record.u32(static_cast<std::uint32_t>(value >> 32U));
            record.u32(static_cast<std::uint32_t>(value));
        }
    }
    if (dropped_count_ > 0) {
        record.op(Op::TunnelDrops).u32(std::exchange(dropped_count_, 0)).raw(dropped_.bytes());
        dropped_.clear();
    }
    reply_(record.bytes());
}

} // namespace labctl::dataplane
