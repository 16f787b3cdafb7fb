#include "labctl/dataplane/tunnel_registry.h"

#include <algorithm>
#include <cerrno>

#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "labctl/dataplane/geneve_frame.h"
#include "labctl/dataplane/sleeve_frame.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using netemu::check_syscall;

/// RFC 6335: the ports from 49152 on are given to nobody. tcpdump takes that one for Broadcom's.
constexpr std::uint16_t kSenderPortFirst = 50000;
constexpr std::uint16_t kSenderPortStep = 1000;
constexpr int kTunnelBufferBytes = 4 << 20;
constexpr std::size_t kRecordsPerMessage = 2000; // of a few dozen bytes each
constexpr int kUdpGroOption = 104;               // UDP_GRO of linux/udp.h

void set_tunnel_option(int socket, int level, int option, int value) {
    check_syscall(
        "set an option of a tunnel's socket",
        ::setsockopt(socket, level, option, &value, sizeof value));
}

/// As much as the host allows.
void grow_buffer(int socket, int forced, int modest) {
    if (::setsockopt(socket, SOL_SOCKET, forced, &kTunnelBufferBytes, sizeof kTunnelBufferBytes) !=
        0) {
        set_tunnel_option(socket, SOL_SOCKET, modest, kTunnelBufferBytes);
    }
}

/// A socket whose datagrams are never cut up: what does not fit is an error (RFC 8926, section
/// 4.1.2).
netemu::UniqueFd
open_tunnel_socket(const services::IdentityNode& node, const SocketFactory& open_socket) {
    const bool v6 = node.local.is_v6();
    auto socket = open_socket(node.ns_name, v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (v6) {
        set_tunnel_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
        set_tunnel_option(socket.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    } else {
        set_tunnel_option(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    }
    return socket;
}

int bind_tunnel(int socket, const netemu::IpAddress& local, std::uint16_t port) {
    sockaddr_storage address{};
    const auto size = netemu::Endpoint{local, port}.to_sockaddr(address);
    return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size); // NOLINT
}

netemu::UniqueFd open_receiver(
    const services::IdentityNode& node, std::uint16_t port, const SocketFactory& open_socket) {
    auto socket = open_tunnel_socket(node, open_socket);
    grow_buffer(socket.get(), SO_RCVBUFFORCE, SO_RCVBUF);
    grow_buffer(socket.get(), SO_SNDBUFFORCE, SO_SNDBUF);
    const int on = 1; // a kernel without it hands over each frame by itself
    (void)::setsockopt(socket.get(), IPPROTO_UDP, kUdpGroOption, &on, sizeof on);
    check_syscall(
        node.ns_name + ": receive a tunnel's packets on UDP port " + std::to_string(port),
        bind_tunnel(socket.get(), node.local, port));
    return socket;
}

netemu::UniqueFd open_sender(
    const services::IdentityNode& node, std::size_t number, const SocketFactory& open_socket) {
    auto socket = open_tunnel_socket(node, open_socket);
    grow_buffer(socket.get(), SO_SNDBUFFORCE, SO_SNDBUF);
    const auto port = static_cast<std::uint16_t>(kSenderPortFirst + number * kSenderPortStep);
    if (bind_tunnel(socket.get(), node.local, port) != 0) {
        check_syscall(
            node.ns_name + ": a port to send Geneve from",
            bind_tunnel(socket.get(), node.local, 0));
    }
    return socket;
}

/// A device that somebody has deleted takes its descriptors along.
bool is_attached(const netemu::UniqueFd& tun) {
    ifreq request{};
    return tun && ::ioctl(tun.get(), TUNGETIFF, &request) == 0;
}

TunnelCounters sum(TunnelCounters left, const TunnelCounters& right) {
    left.sent += right.sent;
    left.sent_bytes += right.sent_bytes;
    left.received += right.received;
    left.received_bytes += right.received_bytes;
    for (std::size_t i = 0; i < left.drops.size(); ++i) {
        left.drops.at(i) += right.drops.at(i);
    }
    return left;
}

} // namespace

void TunnelRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    for (auto& [node, tunnel] : tunnels_) {
        tunnel.before = counters_[node];
    }
    if (channel_ == nullptr) {
        return;
    }
    if (changed_) {
        send_tables();
    }
    for (const auto& [node, tunnel] : tunnels_) {
        announce(tunnel);
    }
}

void TunnelRegistry::change(services::IdentityNetwork network) {
    network_ = std::move(network);
    changed_ = true;
    for (const auto& node : network_.nodes) {
        if (ids_.try_emplace(node.name, next_id_).second) {
            ++next_id_;
        }
    }
    if (channel_ != nullptr) {
        send_tables();
    }
}

TunnelRegistry::Tunnel TunnelRegistry::open(const services::IdentityNode& node) const {
    Tunnel tunnel;
    tunnel.id = id_of(node.name);
    tunnel.tun = open_tun_(node.ns_name, node.link);
    const bool sleeve = network_.format == services::TunnelFormat::Sleeve;
    tunnel.socket = open_receiver(node, sleeve ? kSleevePort : kGenevePort, open_socket_);
    for (std::size_t i = 0; !sleeve && i < kTunnelSenders; ++i) {
        tunnel.senders.push_back(open_sender(node, i, open_socket_));
    }
    return tunnel;
}

void TunnelRegistry::serve() {
    for (auto it = tunnels_.begin(); it != tunnels_.end();) {
        const bool wanted = std::any_of(
            network_.nodes.begin(), network_.nodes.end(), [&](const services::IdentityNode& node) {
                return node.name == it->first;
            });
        if (wanted) {
            ++it;
            continue;
        }
        if (channel_ != nullptr) {
            channel_->send(WireWriter().op(Op::RemoveTunnel).u32(it->second.id).bytes());
        }
        it = tunnels_.erase(it);
    }
    for (const auto& node : network_.nodes) {
        const auto found = tunnels_.find(node.name);
        if (found != tunnels_.end() && !is_attached(found->second.tun)) {
            found->second.tun = open_tun_(node.ns_name, node.link);
            announce(found->second); // with the sockets that it had
        }
        if (found == tunnels_.end()) {
            auto tunnel = open(node);
            tunnel.before = counters_[node.name];
            announce(tunnels_.emplace(node.name, std::move(tunnel)).first->second);
        }
    }
}

void TunnelRegistry::announce(const Tunnel& tunnel) const {
    if (channel_ == nullptr) {
        return;
    }
    std::vector<int> fds{tunnel.tun.get(), tunnel.socket.get()};
    for (const auto& sender : tunnel.senders) {
        fds.push_back(sender.get());
    }
    WireWriter record;
    record.op(Op::AddTunnel).u32(tunnel.id);
    record.u32(static_cast<std::uint32_t>(tunnel.senders.size()));
    channel_->send(record.bytes(), std::move(fds));
}

std::uint32_t TunnelRegistry::id_of(const std::string& node) const {
    const auto found = ids_.find(node);
    return found == ids_.end() ? 0 : found->second;
}

const std::string* TunnelRegistry::node_of(std::uint32_t id) const {
    const auto found =
        std::find_if(ids_.begin(), ids_.end(), [&](const auto& each) { return each.second == id; });
    return found == ids_.end() ? nullptr : &found->first;
}

// --- tables, in as many messages as they take

void TunnelRegistry::send_tables() const {
    channel_->send(WireWriter()
                       .op(Op::TunnelBegin)
                       .u8(static_cast<std::uint8_t>(network_.format))
                       .u32(network_.vni)
                       .u8(network_.keep_established ? 1 : 0)
                       .bytes());
    send_nodes();
    send_maps_and_endpoints();
    channel_->send(WireWriter().op(Op::TunnelCommit).bytes());
}

void TunnelRegistry::send_nodes() const {
    for (const auto& node : network_.nodes) {
        WireWriter record;
        record.op(Op::TunnelNodeTable).u32(id_of(node.name)).endpoint({node.local, 0});
        record.u32(static_cast<std::uint32_t>(node.ranges.size()));
        for (const auto& range : node.ranges) {
            record.endpoint({range.address, range.length});
        }
        record.u32(static_cast<std::uint32_t>(node.addresses.size()));
        for (const auto& address : node.addresses) {
            record.endpoint({address, 0});
        }
        for (const auto byte : node.peer_name.bytes) {
            record.u8(byte);
        }
        channel_->send(record.bytes());
    }
    const auto& identities = network_.identities;
    for (std::size_t at = 0; at < identities.size(); at += kRecordsPerMessage) {
        const auto count = std::min(kRecordsPerMessage, identities.size() - at);
        WireWriter record;
        record.op(Op::GeneveIdentities).u32(static_cast<std::uint32_t>(count));
        for (std::size_t i = at; i < at + count; ++i) {
            record.u32(identities[i]);
        }
        channel_->send(record.bytes());
    }
}

void TunnelRegistry::send_maps_and_endpoints() const {
    std::map<const services::PolicyMap*, std::uint32_t> numbers{{nullptr, 0}};
    for (const auto& endpoint : network_.endpoints) {
        const auto number = static_cast<std::uint32_t>(numbers.size());
        if (!numbers.try_emplace(endpoint.map.get(), number).second) {
            continue;
        }
        std::size_t at = 0;
        do { // an empty one is one, too
            const auto count = std::min(kRecordsPerMessage, endpoint.map->size() - at);
            WireWriter record;
            record.op(Op::GenevePolicies).u32(number).u32(static_cast<std::uint32_t>(count));
            for (std::size_t i = at; i < at + count; ++i) {
                const auto& entry = (*endpoint.map)[i];
                record.u32(entry.identity).u8(entry.protocol).u16(entry.first).u16(entry.last);
                record.u8(static_cast<std::uint8_t>(entry.verdict));
            }
            channel_->send(record.bytes());
            at += count;
        } while (at < endpoint.map->size());
    }
    const auto& endpoints = network_.endpoints;
    for (std::size_t at = 0; at < endpoints.size(); at += kRecordsPerMessage) {
        const auto count = std::min(kRecordsPerMessage, endpoints.size() - at);
        WireWriter record;
        record.op(Op::GeneveEndpoints).u32(static_cast<std::uint32_t>(count));
        for (std::size_t i = at; i < at + count; ++i) {
            record.endpoint({endpoints[i].address, 0}).u32(id_of(endpoints[i].node));
            record.u32(endpoints[i].identity).u32(numbers.at(endpoints[i].map.get()));
        }
        channel_->send(record.bytes());
    }
}

// --- from the child

void TunnelRegistry::counters_arrived(WireReader& record) {
    const auto* node = node_of(record.u32());
    std::vector<std::uint64_t> values;
    for (auto count = record.u32(); count > 0; --count) {
        const std::uint64_t high = record.u32();
        values.push_back(high << 32U | record.u32());
    }
    TunnelCounters now;
    if (values.size() != 4 + now.drops.size()) {
        throw netemu::Error("the data plane sends counters that are none");
    }
    now.sent = values[0];
    now.sent_bytes = values[1];
    now.received = values[2];
    now.received_bytes = values[3];
    std::copy(values.begin() + 4, values.end(), now.drops.begin());
    const auto tunnel = node == nullptr ? tunnels_.end() : tunnels_.find(*node);
    if (tunnel != tunnels_.end()) {
        counters_[*node] = sum(tunnel->second.before, now);
    }
}

void TunnelRegistry::drops_arrived(
    WireReader& record, const std::function<void(std::vector<TunnelDropped>)>& callback) {
    std::vector<TunnelDropped> drops;
    for (auto count = record.u32(); count > 0; --count) {
        TunnelDropped dropped;
        const auto* node = node_of(record.u32());
        const auto reason = record.u8();
        dropped.identity = record.u32();
        const auto head = record.text();
        if (reason >= kTunnelDrops) {
            throw netemu::Error("the data plane sends a reason that is none");
        }
        if (node != nullptr) {
            dropped.node = *node;
            dropped.reason = static_cast<TunnelDrop>(reason);
            dropped.head.assign(head.begin(), head.end());
            drops.push_back(std::move(dropped));
        }
    }
    if (callback) {
        callback(std::move(drops));
    }
}

} // namespace labctl::dataplane
