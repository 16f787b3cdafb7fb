#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "labctl/dataplane/drop_notice.h"
#include "labctl/probe/probe.h"
#include "netemu/base/event_loop.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/packet_log.h"

namespace labctl::supervisor {

/// The group of nfnetlink_log that rules which drop write to.
inline constexpr std::uint16_t kDropLogGroup = 100;

/// A packet that a rule of a node dropped.
struct DroppedPacket {
    std::uint32_t id = 0; // counts from 1
    std::string node;
    netemu::LoggedPacket packet;
};

/// What the rules of all nodes have dropped: one listener in each node's namespace, on the loop,
/// and the last kKeptMax packets. Listens to nothing until `listen`. What a node cannot is said
/// once in the log and left out: a lab works without evidence.
class DropLog {
public:
    static constexpr std::size_t kKeptMax = 4096;
    /// Called with the packets of one reading.
    using Sink = std::function<void(const std::vector<const DroppedPacket*>& packets)>;

    DropLog(netemu::EventLoop& loop, netemu::Kernel& kernel) : loop_(loop), kernel_(kernel) {}
    DropLog(const DropLog&) = delete;
    DropLog& operator=(const DropLog&) = delete;
    ~DropLog();

    /// Listens on these nodes and on no others.
    void listen(const std::vector<std::string>& nodes);
    /// Lets go of the namespaces of all nodes but these: an open listener would keep them alive.
    void let_go_except(const std::vector<std::string>& nodes);
    /// Packets that somebody else has dropped, to be kept and told like those of rules; each gets
    /// an id. No effect before `listen`.
    void add(std::vector<DroppedPacket> packets);
    /// Whether `listen` was called.
    [[nodiscard]] bool listening() const { return listening_; }
    /// Why some node is not listened to, or empty.
    [[nodiscard]] const std::string& problem() const { return problem_; }

    /// nullptr when it is forgotten, or never was.
    [[nodiscard]] const DroppedPacket* find(std::uint32_t id) const;
    [[nodiscard]] const std::deque<DroppedPacket>& recent() const { return kept_; }
    /// Packets that came too fast to be read.
    [[nodiscard]] std::uint64_t lost() const;

    std::uint64_t follow(Sink sink);
    void unfollow(std::uint64_t follower);

private:
    void open(const std::string& node);
    void close(const std::string& node);
    void read(const std::string& node);
    void keep(DroppedPacket packet);
    void tell(std::size_t fresh);

    netemu::EventLoop& loop_;
    netemu::Kernel& kernel_;
    bool listening_ = false;
    std::string problem_;
    std::map<std::string, std::unique_ptr<netemu::PacketLog>> logs_; // by node
    std::uint64_t lost_before_ = 0;                                  // of logs that are closed
    std::deque<DroppedPacket> kept_;
    std::uint32_t next_id_ = 1;
    std::map<std::uint64_t, Sink> followers_;
    std::uint64_t next_follower_ = 1;
};

/// What the data plane must know of it, to find the probe whose packet it was; nullopt of a packet
/// that is no probe's first: only a SYN, a datagram or an echo request can be.
std::optional<dataplane::DropNotice> notice_of(const DroppedPacket& dropped);

} // namespace labctl::supervisor
