#include <netinet/in.h>

#include "labctl/compile/policies.h"
#include "labctl/supervisor/drop_naming.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/kernel/conntrack.h"

namespace labctl::supervisor {

std::vector<std::string> Lab::node_names() const {
    std::vector<std::string> names;
    for (const auto& node : store_.list("Node")) {
        names.push_back(node->name());
    }
    return names;
}

/// The two halves of it: what a packet means, and who has to know of it.
void Lab::start_drops(const compile::ClusterConfig& config) {
    drop_story_ = std::make_unique<DropStory>(store_, config);
    drop_story_->set_naming([this](const DroppedPacket& dropped, probe::Drop& drop) {
        if (policies_) {
            const auto who = [this](const netemu::IpAddress& address) {
                return drop_story_->who(address);
            };
            name_drop(*policies_, who, dropped, drop);
        }
    });
    drop_log_ = std::make_unique<DropLog>(loop_, *kernel_);
    (void)drop_log_->follow([this](const std::vector<const DroppedPacket*>& packets) {
        std::vector<dataplane::DropNotice> notices;
        for (const auto* packet : packets) {
            if (auto notice = notice_of(*packet)) {
                notice->mark.source = source_before_nat(*packet, notice->mark.source);
                notices.push_back(*notice);
            }
        }
        if (!notices.empty()) {
            dataplane_->dropped(notices);
        }
    });
}

/// Who really sent what came from `source`, by the connections of the node that masquerades it. A
/// probe's packet that another node dropped is known by that.
netemu::Endpoint
Lab::source_before_nat(const DroppedPacket& dropped, const netemu::Endpoint& source) {
    const auto& packet = dropped.packet;
    const auto sender = drop_story_->who(source.address);
    if (!sender.starts_with("node/") || sender == "node/" + dropped.node) {
        return source;
    }
    auto answers_from = packet.destination;
    auto answers_to = source;
    if (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6) {
        constexpr std::uint16_t kEchoReply6 = 129U << 8U; // type and code
        answers_from.port = source.port;                  // the echo's identifier
        answers_to.port = packet.protocol == IPPROTO_ICMP ? std::uint16_t{0} : kEchoReply6;
    }
    try {
        const auto connection = netemu::find_connection_by_reply(
            *kernel_, sender, packet.protocol, answers_from, answers_to);
        return connection ? connection->source : source;
    } catch (const netemu::Error& error) { // then its probe waits for its time-out
        netemu::log_debug("supervisor", std::string("a dropped packet's sender: ") + error.what());
        return source;
    }
}

DropLog& Lab::watch_drops() {
    if (!drop_log_->listening()) {
        drop_log_->listen(node_names());
    }
    return *drop_log_;
}

} // namespace labctl::supervisor
