#include <netinet/in.h>

#include "labctl/compile/network.h"
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
                undo_nat(*packet, *notice);
                notices.push_back(std::move(*notice));
            }
        }
        if (!notices.empty()) {
            dataplane_->dropped(notices);
        }
    });
}

/// Who really sent it, and to whom. What another node has dropped has left the sender's, whose
/// connections know both: what is masqueraded comes from the node, and a pod's port is another one
/// where NAT would have given two connections the same answers (get_unique_tuple of the kernel's
/// nf_nat_core.c), as one to an endpoint and one to its Service. Of what has not left, only the
/// destination may have been changed.
void Lab::undo_nat(const DroppedPacket& dropped, dataplane::DropNotice& notice) {
    const auto& packet = dropped.packet;
    if (proxies_) { // or the lab is about to come up
        notice.fronts = drop_fronts_.of(packet.protocol, packet.destination, *proxies_);
    }
    const auto node = drop_story_->node_of(packet.source.address);
    if (node.empty() || node == dropped.node) {
        return;
    }
    auto answers_from = packet.destination;
    auto answers_to = notice.mark.source;
    if (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6) {
        constexpr std::uint16_t kEchoReply6 = 129U << 8U; // type and code
        answers_from.port = notice.mark.source.port;      // the echo's identifier
        answers_to.port = packet.protocol == IPPROTO_ICMP ? std::uint16_t{0} : kEchoReply6;
    }
    try {
        const auto connection = netemu::find_connection_by_reply(
            *kernel_, compile::node_namespace(node), packet.protocol, answers_from, answers_to);
        if (connection) {
            notice.mark.source = connection->source;
            notice.fronts = {connection->destination};
        }
    } catch (const netemu::Error& error) { // then its probe waits for its time-out
        netemu::log_debug("supervisor", std::string("a dropped packet's sender: ") + error.what());
    }
}

DropLog& Lab::watch_drops() {
    if (!drop_log_->listening()) {
        drop_log_->listen(node_names());
    }
    return *drop_log_;
}

} // namespace labctl::supervisor
