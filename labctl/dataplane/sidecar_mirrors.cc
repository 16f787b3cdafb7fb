#include "labctl/dataplane/sidecar_mirrors.h"

#include <string>
#include <utility>

#include "mesh/http/forward.h"

namespace labctl::dataplane {

void SidecarMirrors::send(std::vector<Upstream> candidates, mesh::Request request) {
    if (under_way_.size() >= kMirroredMax) {
        return;
    }
    const auto which = under_way_.insert(under_way_.end(), nullptr);
    const auto nothing = [] {};
    const auto body = std::make_shared<const std::string>(std::exchange(request.body, {}));
    const auto trailers = std::exchange(request.trailers, {});
    const bool has_body = mesh::body_framing(request) != mesh::BodyFraming::None;
    *which = std::make_shared<UpstreamExchange>(
        loop_,
        pool_,
        UpstreamExchange::Asked{std::move(candidates), std::move(request), has_body, {}},
        UpstreamExchange::Events{
            [which, body, trailers] {
                (*which)->send_body(*body);
                (*which)->end_request(trailers);
            },
            [](const mesh::Response&, bool) {},
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
