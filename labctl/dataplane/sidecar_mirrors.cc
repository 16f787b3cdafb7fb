#include "labctl/dataplane/sidecar_mirrors.h"

#include <string>
#include <utility>

namespace labctl::dataplane {

void SidecarMirrors::send(
    std::vector<Upstream> candidates, mesh::Request head, std::string_view body) {
    if (under_way_.size() >= kMirroredMax) {
        return;
    }
    const auto which = under_way_.insert(under_way_.end(), nullptr);
    const auto nothing = [] {};
    *which = std::make_shared<UpstreamExchange>(
        loop_,
        pool_,
        UpstreamExchange::Asked{std::move(candidates), std::move(head), !body.empty(), {}},
        UpstreamExchange::Events{
            [which, kept = std::string(body)] {
                if (!kept.empty()) {
                    (*which)->put(kept);
                }
                (*which)->request_complete();
            },
            [](const mesh::Response&) {},
            [](std::string_view) {},
            [this, which](const mesh::Headers&) { over(which); },
            [this, which](const UpstreamExchange::Failure&) { over(which); },
            nothing,
            nothing,
            [](std::string_view) {}});
    (*which)->begin();
}

void SidecarMirrors::over(List::iterator which) {
    pool_.bury(std::move(*which)); // it is what calls us
    under_way_.erase(which);
}

void SidecarMirrors::expire(netemu::Clock::time_point now) {
    const auto all = under_way_; // some may end
    for (const auto& exchange : all) {
        exchange->expire(now);
    }
}

} // namespace labctl::dataplane
