#include "labctl/compile/address_plan.h"
#include "labctl/compile/policies.h"
#include "labctl/supervisor/drop_naming.h"
#include "labctl/supervisor/lab.h"

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
    std::vector<std::string> external;
    for (const auto& prefix : compile::external_addresses(config)) {
        external.push_back(prefix.address.to_string());
    }
    drop_story_ = std::make_unique<DropStory>(store_, std::move(external));
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
            if (const auto notice = notice_of(*packet)) {
                notices.push_back(*notice);
            }
        }
        if (!notices.empty()) {
            dataplane_->dropped(notices);
        }
    });
}

DropLog& Lab::watch_drops() {
    if (!drop_log_->listening()) {
        drop_log_->listen(node_names());
    }
    return *drop_log_;
}

} // namespace labctl::supervisor
