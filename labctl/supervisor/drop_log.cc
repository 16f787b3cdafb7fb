#include "labctl/supervisor/drop_log.h"

#include <algorithm>

#include <netinet/in.h>
#include <sys/epoll.h>

#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

DropLog::~DropLog() {
    let_go_except({});
}

void DropLog::listen(const std::vector<std::string>& nodes) {
    listening_ = true;
    let_go_except(nodes);
    for (const auto& node : nodes) {
        if (!logs_.contains(node)) {
            open(node);
        }
    }
}

void DropLog::let_go_except(const std::vector<std::string>& nodes) {
    std::vector<std::string> gone;
    for (const auto& [node, log] : logs_) {
        if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) {
            gone.push_back(node);
        }
    }
    for (const auto& node : gone) {
        close(node);
    }
}

void DropLog::open(const std::string& node) {
    try {
        auto log = std::make_unique<netemu::PacketLog>(
            kernel_, compile::node_namespace(node), kDropLogGroup);
        loop_.add(log->fd(), EPOLLIN, [this, node](std::uint32_t /*events*/) { read(node); });
        logs_[node] = std::move(log);
    } catch (const netemu::Error& error) {
        if (problem_.empty()) {
            problem_ = node + ": " + error.what();
            netemu::log_warning("supervisor", "drops are not seen: " + problem_);
        }
        return;
    }
    read(node); // what came while it was opened raises no event
}

void DropLog::close(const std::string& node) {
    const auto found = logs_.find(node);
    lost_before_ += found->second->lost();
    loop_.remove(found->second->fd());
    logs_.erase(found);
}

void DropLog::read(const std::string& node) {
    const auto log = logs_.find(node);
    if (log == logs_.end()) {
        return;
    }
    std::size_t fresh = 0;
    log->second->read([&](const netemu::LoggedPacket& packet) {
        keep({0, node, packet});
        ++fresh;
    });
    tell(fresh);
}

void DropLog::add(std::vector<DroppedPacket> packets) {
    if (!listening_) {
        return;
    }
    const auto fresh = packets.size();
    for (auto& packet : packets) {
        keep(std::move(packet));
    }
    tell(fresh);
}

void DropLog::keep(DroppedPacket packet) {
    packet.id = next_id_++;
    kept_.push_back(std::move(packet));
    if (kept_.size() > kKeptMax) {
        kept_.pop_front();
    }
}

/// The followers, of the last ones that were kept.
void DropLog::tell(std::size_t fresh) {
    if (fresh == 0) {
        return;
    }
    std::vector<const DroppedPacket*> packets;
    for (auto at = kept_.size() - std::min(fresh, kept_.size()); at < kept_.size(); ++at) {
        packets.push_back(&kept_[at]);
    }
    const auto followers = followers_; // one may leave while it is told
    for (const auto& [id, sink] : followers) {
        sink(packets);
    }
}

const DroppedPacket* DropLog::find(std::uint32_t id) const {
    if (kept_.empty() || id < kept_.front().id || id > kept_.back().id) {
        return nullptr;
    }
    return &kept_[id - kept_.front().id]; // they are numbered in a row
}

std::uint64_t DropLog::lost() const {
    auto total = lost_before_;
    for (const auto& [node, log] : logs_) {
        total += log->lost();
    }
    return total;
}

std::uint64_t DropLog::follow(Sink sink) {
    followers_.emplace(next_follower_, std::move(sink));
    return next_follower_++;
}

void DropLog::unfollow(std::uint64_t follower) {
    followers_.erase(follower);
}

std::optional<dataplane::DropNotice> notice_of(const DroppedPacket& dropped) {
    constexpr std::uint8_t kSynAckRst = 0x16;
    constexpr std::uint8_t kSyn = 0x02;
    constexpr std::uint8_t kEchoRequest = 8;
    constexpr std::uint8_t kEchoRequest6 = 128;
    const auto& packet = dropped.packet;
    dataplane::DropNotice notice{
        dropped.id, {packet.protocol, packet.source, 0}, packet.destination, {}};
    switch (packet.protocol) {
    case IPPROTO_TCP:
        return (packet.tcp_flags & kSynAckRst) == kSyn ? std::optional(notice) : std::nullopt;
    case IPPROTO_UDP:
        return packet.source.port != 0 ? std::optional(notice) : std::nullopt;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if (packet.icmp_type != (packet.protocol == IPPROTO_ICMP ? kEchoRequest : kEchoRequest6)) {
            return std::nullopt;
        }
        notice.mark.source.port = packet.echo_id;
        notice.mark.sequence = packet.echo_sequence;
        return notice;
    default:
        return std::nullopt;
    }
}

} // namespace labctl::supervisor
