#include "labctl/dataplane/geneve_engine.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr int kPacketsPerTurn = 128;
constexpr std::size_t kDatagramsAtOnce = 16;
constexpr int kReceivesPerTurn = 8;
constexpr auto kTellInterval = 5ms;
constexpr std::uint32_t kDropsTold = 100; // in one interval; all are counted
constexpr std::size_t kHeadBytes = 128;   // of a packet that is told of
constexpr int kUdpGro = 104;              // UDP_GRO of linux/udp.h

/// What an IP header says of the packet's size; 0 if there is none.
std::size_t ip_size(std::span<const std::uint8_t> packet) {
    constexpr std::size_t kIpv4Min = 20;
    constexpr std::size_t kIpv6Fixed = 40;
    if (packet.size() < kIpv4Min) {
        return 0;
    }
    const auto half = [&](std::size_t at) {
        return std::size_t{packet[at]} << 8U | packet[at + 1];
    };
    return packet[0] >> 4U == 4 ? half(2) : kIpv6Fixed + half(4);
}

bool is_multicast(const netemu::IpAddress& address) {
    constexpr std::uint8_t kMulticast4 = 0xe0;
    constexpr std::uint8_t kMulticast6 = 0xff;
    const auto first = address.bytes()[0];
    return address.is_v4() ? (first & 0xf0U) == kMulticast4 : first == kMulticast6;
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
struct GeneveEngine::Receiving {
    netemu::IpAddress from;
    std::span<const std::uint8_t> bytes;
    std::size_t frame = 0;
};

GeneveEngine::GeneveEngine(netemu::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)), tables_(std::make_unique<GeneveTables>()),
      batch_([this](const FrameTarget& target, std::size_t frames, int error) {
          const auto found = tunnels_.find(target.tunnel);
          if (found != tunnels_.end()) {
              auto& counters = found->second->counters;
              counters.sent -= std::min<std::uint64_t>(counters.sent, frames);
              if (error == EMSGSIZE) {
                  drop(*found->second, GeneveDrop::TooBig, 0, {}, frames);
              }
          }
      }),
      packet_(kVnetHeader + kTunPacketMax) {
    for (std::size_t i = 0; i < kDatagramsAtOnce; ++i) {
        datagrams_.emplace_back(kTunPacketMax);
    }
}

GeneveEngine::~GeneveEngine() {
    loop_.cancel(tell_timer_);
    while (!tunnels_.empty()) {
        remove_tunnel(tunnels_.begin()->first);
    }
}

void GeneveEngine::handle(std::string_view message, std::vector<netemu::UniqueFd>& fds) {
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

void GeneveEngine::add_tunnel(
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

void GeneveEngine::remove_tunnel(std::uint32_t id) {
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

void GeneveEngine::fill(Op op, WireReader& record) {
    if (op == Op::GeneveBegin) {
        next_ = std::make_unique<GeneveTables>();
        const auto vni = record.u32();
        next_->set_network(vni, record.u8() != 0);
        return;
    }
    if (next_ == nullptr) {
        throw netemu::Error("a record of tables that were not begun");
    }
    switch (op) {
    case Op::GeneveNodeTable: {
        GeneveNode node;
        node.tunnel = record.u32();
        node.local = record.endpoint().address;
        for (auto count = record.u32(); count > 0; --count) {
            const auto range = record.endpoint();
            node.ranges.push_back({range.address, static_cast<std::uint8_t>(range.port)});
        }
        for (auto count = record.u32(); count > 0; --count) {
            node.addresses.push_back(record.endpoint().address);
        }
        next_->add_node(std::move(node));
        break;
    }
    case Op::GeneveIdentities:
        for (auto count = record.u32(); count > 0; --count) {
            next_->add_identity(record.u32());
        }
        break;
    case Op::GenevePolicies:
        fill_policies(record);
        break;
    case Op::GeneveEndpoints:
        fill_endpoints(record);
        break;
    case Op::GeneveCommit:
        tables_ = std::move(next_);
        break;
    default:
        throw netemu::Error("the supervisor sends an unknown record");
    }
}

void GeneveEngine::fill_policies(WireReader& record) {
    const auto map = record.u32();
    services::PolicyMap entries;
    for (auto count = record.u32(); count > 0; --count) {
        services::PolicyMapEntry entry;
        entry.identity = record.u32();
        entry.protocol = record.u8();
        entry.first = record.u16();
        entry.last = record.u16();
        entry.verdict = static_cast<services::MapVerdict>(record.u8());
        entries.push_back(entry);
    }
    next_->add_map(map, entries);
}

void GeneveEngine::fill_endpoints(WireReader& record) {
    for (auto count = record.u32(); count > 0; --count) {
        GeneveEndpoint endpoint;
        endpoint.address = record.endpoint().address;
        endpoint.tunnel = record.u32();
        endpoint.identity = record.u32();
        endpoint.map = record.u32();
        next_->add_endpoint(endpoint);
    }
}

// --- out

void GeneveEngine::read_tun(Tunnel& tunnel) {
    for (int i = 0; i < kPacketsPerTurn; ++i) {
        const auto size = ::read(tunnel.tun.get(), packet_.data(), packet_.size());
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                loop_.remove(tunnel.tun.get()); // somebody has deleted the device
            }
            break;
        }
        encapsulate(tunnel, {packet_.data(), static_cast<std::size_t>(size)});
    }
    batch_.flush();
    flows_.age(netemu::Clock::now());
}

void GeneveEngine::encapsulate(Tunnel& tunnel, std::span<std::uint8_t> bytes) {
    if (bytes.size() <= kVnetHeader) {
        return;
    }
    const auto packet = bytes.subspan(kVnetHeader);
    const auto inner = read_inner(packet);
    const auto* self = tables_->node(tunnel.id);
    if (!inner || self == nullptr || is_multicast(inner->destination)) {
        return; // what the stack says to its link, which has no neighbours
    }
    const auto* peer = tables_->owner_of(inner->destination);
    if (peer == nullptr || peer == self) {
        drop(tunnel, GeneveDrop::Unroutable, 0, packet);
        return;
    }
    if (inner->is_stateless && !flows_.is_recent(FlowMemory::of(tunnel.id, *inner)) &&
        !flows_.knows(FlowMemory::answered_by(tunnel.id, *inner))) {
        flows_.remember(FlowMemory::of(tunnel.id, *inner));
    }
    GeneveHead head;
    head.vni = tables_->vni();
    head.identity = tables_->identity_of(tunnel.id, inner->source);
    head.source = netemu::MacAddress::for_ip(self->local);
    head.destination = netemu::MacAddress::for_ip(peer->local);
    head.ipv6 = inner->source.is_v6();
    const auto& sender = tunnel.senders.at(flow_hash(*inner) % tunnel.senders.size());
    const FrameTarget target{sender.get(), {peer->local, kGenevePort}, tunnel.id};
    send_packet(read_vnet(bytes), *inner, packet, head, target);
}

void GeneveEngine::send_packet(
    const VnetHeader& vnet,
    const InnerPacket& inner,
    std::span<std::uint8_t> packet,
    const GeneveHead& head,
    const FrameTarget& target) {
    auto& tunnel = *tunnels_.at(target.tunnel);
    if (vnet.cut != VnetHeader::Cut::No) {
        const auto cutter = PacketCutter::make(vnet, inner, packet);
        const auto pieces = cutter ? cutter->pieces() : 0;
        for (std::size_t i = 0; i < pieces; ++i) {
            auto* frame = batch_.add(target, kGeneveHead + cutter->size_of(i));
            write_geneve(head, frame);
            cutter->write(i, frame + kGeneveHead);
        }
        tunnel.counters.sent += pieces;
        tunnel.counters.sent_bytes += packet.size();
        count(tunnel);
        return;
    }
    if (packet.size() + kGeneveHead > FrameBatch::kFrameMax) {
        drop(tunnel, GeneveDrop::TooBig, head.identity, packet);
        return;
    }
    if (vnet.needs_checksum &&
        !finish_checksum(packet, vnet.checksum_start, vnet.checksum_offset)) {
        return;
    }
    auto* frame = batch_.add(target, kGeneveHead + packet.size());
    write_geneve(head, frame);
    std::copy(packet.begin(), packet.end(), frame + kGeneveHead);
    ++tunnel.counters.sent;
    tunnel.counters.sent_bytes += packet.size();
    count(tunnel);
}

// --- in

void GeneveEngine::read_socket(Tunnel& tunnel) {
    struct Slot {
        sockaddr_storage from;
        iovec data;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    };
    std::array<Slot, kDatagramsAtOnce> slots{};
    std::array<mmsghdr, kDatagramsAtOnce> messages{};
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

void GeneveEngine::take_datagram(Tunnel& tunnel, const Receiving& received) {
    auto rest = received.bytes;
    do {
        const auto size = std::min(std::max<std::size_t>(received.frame, 1), rest.size());
        deliver(tunnel, received.from, rest.first(size));
        rest = rest.subspan(size);
    } while (!rest.empty());
}

void GeneveEngine::deliver(
    Tunnel& tunnel, const netemu::IpAddress& from, std::span<const std::uint8_t> datagram) {
    const auto frame = read_geneve(datagram);
    const auto inner = frame ? read_inner(frame->packet) : std::nullopt;
    const auto size = inner ? ip_size(frame->packet) : 0;
    if (!inner || size < inner->transport || size > frame->packet.size()) {
        drop(tunnel, GeneveDrop::BadFrame, 0, {});
        return;
    }
    const auto packet = frame->packet.first(size); // what follows pads a short frame
    if (const auto reason = tables_->verify(tunnel.id, from, *frame, *inner, flows_)) {
        drop(tunnel, *reason, frame->identity.value_or(0), packet);
        return;
    }
    writer_.write(tunnel.tun.get(), *inner, packet);
    ++tunnel.counters.received;
    tunnel.counters.received_bytes += size;
    count(tunnel);
}

// --- what is told of it

void GeneveEngine::drop(
    Tunnel& tunnel,
    GeneveDrop reason,
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

void GeneveEngine::count(Tunnel& tunnel) {
    tunnel.told = false;
    if (tell_timer_ == 0) {
        tell_timer_ = loop_.after(kTellInterval, [this] { tell(); });
    }
}

void GeneveEngine::tell() {
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
