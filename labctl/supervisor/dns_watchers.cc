#include "labctl/supervisor/dns_watchers.h"

namespace labctl::supervisor {

int DnsWatchers::add(dataplane::DnsEventCallback callback) {
    watchers_.emplace(next_, std::move(callback));
    if (watchers_.size() == 1) {
        dataplane_.watch_dns([this](const dataplane::DnsEvent& event) { tell(event); });
    }
    return next_++;
}

void DnsWatchers::remove(int watcher) {
    if (watchers_.erase(watcher) > 0 && watchers_.empty()) {
        dataplane_.watch_dns({});
    }
}

void DnsWatchers::tell(const dataplane::DnsEvent& event) {
    const auto all = watchers_;
    for (const auto& [number, callback] : all) {
        if (watchers_.contains(number)) {
            callback(event);
        }
    }
}

} // namespace labctl::supervisor
