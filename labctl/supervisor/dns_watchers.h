#pragma once

#include <map>
#include <utility>

#include "labctl/dataplane/client.h"

namespace labctl::supervisor {

/// Those who watch the lab's DNS queries. While there is none, the data plane tells of none.
class DnsWatchers {
public:
    explicit DnsWatchers(dataplane::DataPlane& dataplane) : dataplane_(dataplane) {}
    DnsWatchers(const DnsWatchers&) = delete;
    DnsWatchers& operator=(const DnsWatchers&) = delete;
    ~DnsWatchers() = default;

    /// The number ends it. A callback may add and remove watchers.
    int add(dataplane::DnsEventCallback callback);
    void remove(int watcher);

private:
    void tell(const dataplane::DnsEvent& event);

    dataplane::DataPlane& dataplane_;
    std::map<int, dataplane::DnsEventCallback> watchers_;
    int next_ = 1;
};

} // namespace labctl::supervisor
