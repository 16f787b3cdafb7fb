#include "labctl/dataplane/ingress_pod.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace labctl::dataplane {

using namespace std::chrono_literals;

IngressPod::IngressPod(netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, Sockets sockets)
    : loop_(loop), pod_(std::move(pod)), sockets_(std::move(sockets)),
      rules_(std::make_shared<const IngressRules>()) {
}

IngressPod::~IngressPod() {
    loop_.cancel(burial_);
    buried_.clear(); // they have orders to cancel
    while (!idle_.empty()) {
        drop_idle(idle_.begin()->first);
    }
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
    for (const auto& [endpoint, sockets] : idle_) {
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

netemu::UniqueFd IngressPod::take_idle(const netemu::Endpoint& endpoint) {
    for (;;) {
        auto socket = pop_idle(endpoint);
        char byte = 0;
        if (!socket || (::recv(socket.get(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN)) {
            return socket;
        }
    }
}

netemu::UniqueFd IngressPod::pop_idle(const netemu::Endpoint& endpoint) {
    const auto found = idle_.find(endpoint);
    if (found == idle_.end()) {
        return {};
    }
    auto idle = std::move(found->second.back()); // the one that has waited least
    found->second.pop_back();
    if (found->second.empty()) {
        idle_.erase(found);
    }
    --idle_count_;
    loop_.cancel(idle.timer);
    loop_.remove(idle.socket.get());
    return std::move(idle.socket);
}

void IngressPod::keep_idle(const netemu::Endpoint& endpoint, netemu::UniqueFd socket) {
    if (idle_count_ >= kIdleUpstreamsMax) {
        return;
    }
    const int fd = socket.get();
    const auto forget = [this, endpoint, fd] { forget_idle(netemu::Endpoint(endpoint), fd); };
    // Whatever happens on it is its end: nothing has been asked.
    loop_.add(fd, EPOLLIN, [forget](std::uint32_t) { forget(); });
    idle_[endpoint].push_back({std::move(socket), loop_.after(kIdleUpstreamSeconds, forget)});
    ++idle_count_;
}

void IngressPod::forget_idle(const netemu::Endpoint& endpoint, int fd) {
    const auto found = idle_.find(endpoint);
    if (found == idle_.end()) {
        return;
    }
    std::erase_if(found->second, [this, fd](const Idle& idle) {
        if (idle.socket.get() != fd) {
            return false;
        }
        loop_.cancel(idle.timer);
        loop_.remove(fd);
        --idle_count_;
        return true;
    });
    if (found->second.empty()) {
        idle_.erase(found);
    }
}

void IngressPod::drop_idle(const netemu::Endpoint& endpoint) {
    const auto sockets = idle_.extract(endpoint);
    if (sockets.empty()) {
        return;
    }
    for (const auto& idle : sockets.mapped()) {
        loop_.cancel(idle.timer);
        loop_.remove(idle.socket.get());
        --idle_count_;
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
