#include "labctl/dataplane/upstream_pool.h"

#include <algorithm>
#include <utility>

namespace labctl::dataplane {

using namespace std::chrono_literals;

UpstreamPool::UpstreamPool(netemu::EventLoop& loop, Sockets sockets)
    : loop_(loop), sockets_(std::move(sockets)) {
}

UpstreamPool::~UpstreamPool() {
    loop_.cancel(burial_);
    buried_.clear(); // they have orders to cancel
}

std::shared_ptr<UpstreamStream> UpstreamPool::take_idle(const Upstream& upstream) {
    const auto found = idle_.find(upstream);
    if (found == idle_.end()) {
        return nullptr;
    }
    auto& list = found->second;
    std::shared_ptr<UpstreamStream> taken;
    while (!taken && !list.empty()) {
        auto stream = std::move(list.back()->stream); // the one that has waited least
        list.pop_back();
        --idle_count_;
        if (stream->is_quiet()) {
            taken = std::move(stream);
        } else {
            stream->close();
            bury(std::move(stream)); // it may be what calls us, with the answer before
        }
    }
    if (list.empty()) { // an Upstream keeps its settings of TLS alive
        idle_.erase(found);
    }
    return taken;
}

void UpstreamPool::keep_idle(std::shared_ptr<UpstreamStream> stream) {
    if (idle_count_ >= kIdleUpstreamsMax) {
        stream->close();
        return bury(std::move(stream));
    }
    auto idle = std::make_shared<Idle>(*this);
    idle->since = netemu::Clock::now();
    stream->set_listener(*idle);
    stream->pause(false);
    auto& list = idle_[stream->upstream()];
    idle->stream = std::move(stream);
    list.push_back(std::move(idle));
    ++idle_count_;
}

void UpstreamPool::forget_idle(const Idle* idle) {
    const auto of_upstream = idle_.find(idle->stream->upstream());
    if (of_upstream == idle_.end()) {
        return;
    }
    auto& list = of_upstream->second;
    const auto found = std::find_if(
        list.begin(), list.end(), [idle](const auto& other) { return other.get() == idle; });
    if (found != list.end()) {
        --idle_count_;
        (*found)->stream->close();
        bury(std::move(*found)); // it is what calls us
        list.erase(found);
    }
    if (list.empty()) {
        idle_.erase(of_upstream);
    }
}

std::shared_ptr<UpstreamSession>
UpstreamPool::session(const Upstream& upstream, std::chrono::seconds connect, bool fresh) {
    auto& list = sessions_[upstream];
    forget_sessions_that_are_over(list);
    const auto found = std::find_if(
        list.begin(), list.end(), [](const auto& session) { return session->has_room(); });
    if (found != list.end() && !fresh) {
        return *found;
    }
    return list.emplace_back(std::make_shared<UpstreamSession>(loop_, *this, upstream, connect));
}

/// One of them may be what calls us.
void UpstreamPool::forget_sessions_that_are_over(SessionList& list) {
    std::erase_if(list, [this](const auto& session) {
        if (session->is_over()) {
            bury(session);
        }
        return session->is_over();
    });
}

/// Also while one of them tells of something: none of them is destroyed before the next turn.
void UpstreamPool::drop_idle(const Upstream& upstream) {
    if (const auto shared = sessions_.find(upstream); shared != sessions_.end()) {
        for (const auto& session : shared->second) {
            session->retire();
        }
    }
    auto list = idle_.extract(upstream);
    if (list.empty()) {
        return;
    }
    idle_count_ -= list.mapped().size();
    for (auto& idle : list.mapped()) {
        idle->stream->close();
        bury(std::move(idle));
    }
}

void UpstreamPool::drop_idle_if(const std::function<bool(const Upstream& upstream)>& unwanted) {
    std::vector<Upstream> gone;
    for (const auto& [upstream, list] : idle_) {
        if (unwanted(upstream)) {
            gone.push_back(upstream);
        }
    }
    for (const auto& [upstream, list] : sessions_) {
        if (unwanted(upstream)) {
            gone.push_back(upstream);
        }
    }
    for (const auto& upstream : gone) {
        drop_idle(upstream);
    }
}

void UpstreamPool::expire(netemu::Clock::time_point now) {
    for (auto& [upstream, list] : idle_) {
        idle_count_ -= std::erase_if(
            list, [now](const auto& idle) { return now - idle->since > kIdleUpstreamSeconds; });
    }
    std::erase_if(idle_, [](const auto& entry) { return entry.second.empty(); });
    for (auto& [upstream, list] : sessions_) {
        for (const auto& session : list) {
            if (session->is_idle() && now - session->idle_since() > kIdleUpstreamSeconds) {
                session->close();
            }
        }
        forget_sessions_that_are_over(list);
    }
    std::erase_if(sessions_, [](const auto& entry) { return entry.second.empty(); });
}

std::uint32_t UpstreamPool::order_socket(netemu::Family family, SocketArrived arrived) {
    return sockets_.order(family, std::move(arrived));
}

void UpstreamPool::bury(std::shared_ptr<void> thing) {
    buried_.push_back(std::move(thing));
    if (burial_ == 0) {
        burial_ = loop_.after(0us, [this] {
            burial_ = 0;
            const auto buried = std::exchange(buried_, {});
        });
    }
}

} // namespace labctl::dataplane
