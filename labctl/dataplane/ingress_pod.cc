#include "labctl/dataplane/ingress_pod.h"

#include <algorithm>
#include <set>
#include <utility>

namespace labctl::dataplane {

using namespace std::chrono_literals;

IngressPod::IngressPod(netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, Sockets sockets)
    : loop_(loop), pod_(std::move(pod)), sockets_(std::move(sockets)),
      rules_(std::make_shared<const IngressRules>()) {
}

IngressPod::~IngressPod() {
    loop_.cancel(burial_);
    buried_.clear(); // they have orders to cancel
}

void IngressPod::set_rules(std::shared_ptr<const IngressRules> rules) {
    rules_ = std::move(rules);
    std::set<netemu::Endpoint> wanted;
    for (const auto& backend : rules_->table.backends) {
        wanted.insert(backend.endpoints.begin(), backend.endpoints.end());
    }
    std::erase_if(turns_, [this](const auto& turn) {
        const auto& all = rules_->table.backends;
        return std::none_of(all.begin(), all.end(), [&turn](const auto& backend) {
            return backend.name == turn.first;
        });
    });
    std::vector<netemu::Endpoint> gone;
    for (const auto& [endpoint, list] : idle_) {
        if (!wanted.contains(endpoint)) {
            gone.push_back(endpoint);
        }
    }
    for (const auto& endpoint : gone) {
        drop_idle(endpoint);
    }
}

std::vector<netemu::Endpoint> IngressPod::turn(const services::IngressBackend& backend) {
    const auto& all = backend.endpoints;
    std::vector<netemu::Endpoint> chosen;
    if (!all.empty()) {
        const auto first = turns_[backend.name]++;
        const auto count = std::min(all.size(), kUpstreamTriesMax);
        chosen.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            chosen.push_back(all[(first + i) % all.size()]);
        }
    }
    return chosen;
}

std::shared_ptr<StreamSocket> IngressPod::take_idle(const netemu::Endpoint& endpoint) {
    const auto found = idle_.find(endpoint);
    while (found != idle_.end() && !found->second.empty()) {
        auto socket = std::move(found->second.back()->socket); // the one that has waited least
        found->second.pop_back();
        --idle_count_;
        if (socket->is_quiet()) {
            return socket;
        }
        socket->close();
        bury(std::move(socket)); // it may be what calls us, with the answer before
    }
    return nullptr;
}

void IngressPod::keep_idle(const netemu::Endpoint& endpoint, std::shared_ptr<StreamSocket> socket) {
    if (idle_count_ >= kIdleUpstreamsMax) {
        socket->close();
        return bury(std::move(socket));
    }
    auto idle = std::make_shared<Idle>(*this, endpoint);
    idle->since = netemu::Clock::now();
    socket->set_listener(*idle);
    socket->pause(false);
    idle->socket = std::move(socket);
    idle_[endpoint].push_back(std::move(idle));
    ++idle_count_;
}

void IngressPod::forget_idle(const Idle* idle) {
    auto& list = idle_[idle->endpoint];
    const auto found = std::find_if(
        list.begin(), list.end(), [idle](const auto& other) { return other.get() == idle; });
    if (found != list.end()) {
        --idle_count_;
        (*found)->socket->close();
        bury(std::move(*found)); // it is what calls us
        list.erase(found);
    }
}

/// Also while one of them tells of something: none of them is destroyed before the next turn.
void IngressPod::drop_idle(const netemu::Endpoint& endpoint) {
    auto list = idle_.extract(endpoint);
    if (list.empty()) {
        return;
    }
    idle_count_ -= list.mapped().size();
    for (auto& idle : list.mapped()) {
        idle->socket->close();
        bury(std::move(idle));
    }
}

void IngressPod::expire(netemu::Clock::time_point now) {
    for (auto& [endpoint, list] : idle_) {
        idle_count_ -= std::erase_if(
            list, [now](const auto& idle) { return now - idle->since > kIdleUpstreamSeconds; });
    }
}

std::uint32_t IngressPod::order_socket(netemu::Family family, SocketArrived arrived) {
    return sockets_.order(pod_->id, family, std::move(arrived));
}

void IngressPod::bury(std::shared_ptr<void> thing) {
    buried_.push_back(std::move(thing));
    if (burial_ == 0) {
        burial_ = loop_.after(0us, [this] {
            burial_ = 0;
            const auto buried = std::exchange(buried_, {});
        });
    }
}

} // namespace labctl::dataplane
