#include "labctl/dataplane/dns_forward.h"

#include <string_view>
#include <utility>
#include <vector>

#include "dns/forwarder.h"
#include "dns/limits.h"

namespace labctl::dataplane {
namespace {

std::vector<netemu::Endpoint>
upstream_addresses(const dns::ForwardConfig& config, const DnsServing& serving) {
    std::vector<netemu::Endpoint> addresses;
    for (const auto& word : config.to) {
        if (word == kResolvConfPath) {
            addresses.insert(
                addresses.end(), serving.nameservers.begin(), serving.nameservers.end());
        } else if (const auto address = dns::forward_address(word)) {
            addresses.push_back(*address);
        }
    }
    if (addresses.size() > dns::limits::kUpstreamsMax) {
        addresses.resize(dns::limits::kUpstreamsMax);
    }
    return addresses;
}

/// A forwarder that waits for sockets when there are none.
class StockedUpstream : public dns::Upstream {
public:
    StockedUpstream(netemu::EventLoop& loop, dns::ForwarderOptions options, SocketStock& stock)
        : stock_(stock), domain_(options.upstreams.front().address.af()),
          patience_(options.timeout),
          forwarder_(
              loop,
              [&stock](int domain, int type) { return stock.take(domain, type); },
              std::move(options)) {
        forwarder_.set_return(
            [&stock](netemu::UniqueFd socket) { stock.give_back(std::move(socket)); });
        for (const auto& upstream : forwarder_.options().upstreams) {
            stock.prepare(upstream.address.af());
        }
    }
    StockedUpstream(const StockedUpstream&) = delete;
    StockedUpstream& operator=(const StockedUpstream&) = delete;
    ~StockedUpstream() override = default;

    void query(const dns::Ask& ask, dns::Done done) override {
        stock_.when_stocked(
            domain_,
            patience_,
            [this, alive = std::weak_ptr(alive_), ask, done = std::move(done)](bool stocked) {
                if (alive.expired()) {
                    return;
                }
                if (stocked) {
                    forwarder_.query(ask, done);
                    return;
                }
                dns::Message failed;
                failed.flags = dns::flag::kResponse;
                failed.rcode = dns::Rcode::ServFail;
                failed.question = ask.question;
                failed.origin.unanswered = true;
                done(std::move(failed));
            });
    }
    [[nodiscard]] std::uint64_t rejected() const override { return forwarder_.rejected(); }

private:
    SocketStock& stock_;
    int domain_; // of the first upstream
    std::chrono::milliseconds patience_;
    dns::Forwarder forwarder_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace

std::shared_ptr<dns::Upstream> make_upstream(
    netemu::EventLoop& loop,
    const dns::ForwardConfig& config,
    const DnsServing& serving,
    SocketStock& stock) {
    dns::ForwarderOptions options;
    options.upstreams = upstream_addresses(config, serving);
    options.policy = config.policy;
    options.force_tcp = config.force_tcp;
    options.prefer_udp = config.prefer_udp;
    options.max_concurrent = config.max_concurrent;
    if (options.upstreams.empty()) {
        return nullptr;
    }
    return std::make_shared<StockedUpstream>(loop, std::move(options), stock);
}

} // namespace labctl::dataplane
