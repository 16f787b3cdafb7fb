#include "labctl/dataplane/dns_loop.h"

#include <chrono>
#include <utility>

#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kLoopAsksFor = 30s; // as coredns' plugin/loop
constexpr auto kLoopAskAgain = 1s;
constexpr auto kLoopListens = 2s;

} // namespace

DnsLoopWatch::DnsLoopWatch(netemu::EventLoop& loop, const dns::Resolver& resolver, Found found)
    : loop_(loop), found_(std::move(found)) {
    for (const auto& block : resolver.blocks()) {
        if (block->config().loop && !block->config().forward.empty()) {
            probing_.push_back({block.get(), netemu::Clock::now() + kLoopAsksFor});
        }
    }
    for (auto& probing : probing_) { // none is added from here on: they are referred to
        probing.timer = loop_.after(0us, [this, &probing] { ask(probing); });
    }
}

DnsLoopWatch::~DnsLoopWatch() {
    for (const auto& probing : probing_) {
        loop_.cancel(probing.timer);
        probing.block->end_loop_probe();
    }
}

void DnsLoopWatch::ask(Probing& probing) {
    probing.timer = 0;
    auto& block = *probing.block;
    const auto found = [this, &block](const dns::Name& name, const dns::Client& client) {
        asking_.reset();
        const auto zone = block.config().zones.front().to_string();
        found_(
            "plugin/loop: Loop (" + client.address.to_string() +
            " -> :" + std::to_string(kDnsServerPort) + ") detected for zone \"" + zone +
            "\", see https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO " +
            name.to_string() + "\"");
    };
    block.probe_loop(
        found, [this, &probing, asking = std::weak_ptr(asking_)](const dns::Message& answer) {
            if (!asking.expired()) {
                answered(probing, answer.rcode == dns::Rcode::ServFail);
            }
        });
}

void DnsLoopWatch::answered(Probing& probing, bool failed) {
    if (failed && netemu::Clock::now() < probing.until) {
        probing.timer = loop_.after(kLoopAskAgain, [this, &probing] { ask(probing); });
        return;
    }
    probing.timer = loop_.after(kLoopListens, [&probing] {
        probing.timer = 0;
        probing.block->end_loop_probe();
    });
}

} // namespace labctl::dataplane
