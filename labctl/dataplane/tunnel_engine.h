#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/flow_memory.h"
#include "labctl/dataplane/frame_batch.h"
#include "labctl/dataplane/packet_room.h"
#include "labctl/dataplane/tun_packet.h"
#include "labctl/dataplane/tun_writer.h"
#include "labctl/dataplane/tunnel_counters.h"
#include "labctl/dataplane/tunnel_framing.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// Tunnels between nodes, without devices of the kernel: what a node sends by its TUN device goes
/// out in a datagram as a TunnelFraming has it, and what comes is delivered to the TUN device if
/// that lets it in. Belongs to the loop's thread.
class TunnelEngine {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    TunnelEngine(netemu::EventLoop& loop, Reply reply);
    TunnelEngine(const TunnelEngine&) = delete;
    TunnelEngine& operator=(const TunnelEngine&) = delete;
    ~TunnelEngine();

    /// Carries out the records of a message of the supervisor.
    void handle(std::string_view message, std::vector<netemu::UniqueFd>& fds);

private:
    struct Tunnel {
        std::uint32_t id = 0;
        netemu::UniqueFd tun;
        netemu::UniqueFd socket;               // bound to the port of the framing
        std::vector<netemu::UniqueFd> senders; // none: it sends, too
        TunnelCounters counters;
        bool told = true; // of the counters
    };
    /// Where the packets of a flow go, and what is in front of each.
    struct Route {
        InnerPacket inner;
        FrameHead head;
        FrameTarget target;
    };
    struct Receiving;
    class Sink;

    void add_tunnel(WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd);
    void remove_tunnel(std::uint32_t id);
    void fill(Op op, WireReader& record);

    void read_tun(Tunnel& tunnel);
    void encapsulate(Tunnel& tunnel, std::span<std::uint8_t> bytes);
    [[nodiscard]] bool
    find_route(Tunnel& tunnel, const InnerPacket& inner, std::span<const std::uint8_t> packet);
    void send_packet(
        Tunnel& tunnel,
        const VnetHeader& vnet,
        const InnerPacket& inner,
        std::span<std::uint8_t> packet);

    void read_socket(Tunnel& tunnel);
    void take_datagram(Tunnel& tunnel, const Receiving& received);

    void drop(
        Tunnel& tunnel,
        TunnelDrop reason,
        std::uint32_t identity,
        std::span<const std::uint8_t> packet,
        std::size_t frames = 1);
    void count(Tunnel& tunnel);
    void tell();

    netemu::EventLoop& loop_;
    Reply reply_;
    std::map<std::uint32_t, std::unique_ptr<Tunnel>> tunnels_;
    FlowMemory flows_;
    std::unique_ptr<TunnelFraming> framing_; // none yet: nothing passes
    std::unique_ptr<TunnelFraming> next_;    // that is being filled
    std::optional<Route> route_;             // of the packet before, in this turn
    int bulk_turns_ = 0;                     // that count as busy with large packets
    bool busy_ = false;                      // small packets come one after the other
    FrameBatch batch_;
    TunWriter writer_;
    PacketRoom packet_; // that is read from a TUN device
    std::vector<PacketRoom> datagrams_;
    WireWriter dropped_; // records of drops that were not told yet
    std::uint32_t dropped_count_ = 0;
    netemu::EventLoop::TimerId tell_timer_ = 0;
};

} // namespace labctl::dataplane
