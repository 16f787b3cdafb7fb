#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dns/resolver.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// The plugin loop of a DNS pod's server blocks: asks once, and again every second for half a
/// minute as long as nobody can be asked, and listens a little longer, as coredns does. Belongs to
/// the loop's thread.
class DnsLoopWatch {
public:
    /// Called once, in coredns' words, when a question has come back.
    using Found = std::function<void(std::string what)>;

    /// `resolver` outlives this.
    DnsLoopWatch(netemu::EventLoop& loop, const dns::Resolver& resolver, Found found);
    DnsLoopWatch(const DnsLoopWatch&) = delete;
    DnsLoopWatch& operator=(const DnsLoopWatch&) = delete;
    ~DnsLoopWatch();

private:
    struct Probing {
        dns::BlockResolver* block;
        netemu::Clock::time_point until; // no new question behind it
        netemu::EventLoop::TimerId timer = 0;
    };

    void ask(Probing& probing);
    void answered(Probing& probing, bool failed);

    netemu::EventLoop& loop_;
    Found found_;
    std::vector<Probing> probing_;
    std::shared_ptr<bool> asking_ = std::make_shared<bool>(true); // until a loop was found
};

} // namespace labctl::dataplane
