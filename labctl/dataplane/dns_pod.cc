#include "labctl/dataplane/dns_pod.h"

#include <chrono>

#include "labctl/dataplane/dns_forward.h"

namespace labctl::dataplane {
namespace {

/// No question takes longer (dns::ForwarderOptions::total).
constexpr std::chrono::seconds kRetiredFor{6};

} // namespace

DnsPod::DnsPod(netemu::EventLoop& loop, DnsServing serving, SocketStock::Order order)
    : loop_(loop), serving_(std::move(serving)), stock_(loop, std::move(order)),
      server_(loop, *this) {
}

DnsPod::~DnsPod() {
    for (const auto timer : retirements_) {
        loop_.cancel(timer);
    }
}

std::unique_ptr<dns::BlockResolver> DnsPod::make_block(const DnsEngine& engine, std::size_t index) {
    auto block = engine.blocks().at(index);
    dns::BlockParts parts;
    parts.zone = engine.zone(index);
    parts.host_search = serving_.searches;
    for (const auto& forward : block.forward) {
        parts.upstreams.push_back(make_upstream(loop_, forward, serving_, stock_));
    }
    return std::make_unique<dns::BlockResolver>(std::move(block), std::move(parts));
}

void DnsPod::set_engine(std::shared_ptr<DnsEngine> engine) {
    if (serving_.role == DnsServing::Role::Upstream) {
        return;
    }
    auto next = std::make_unique<Serving>();
    for (std::size_t i = 0; i < engine->blocks().size(); ++i) {
        next->resolver.add(make_block(*engine, i));
    }
    next->engine = std::move(engine);
    if (current_) {
        retired_.push_back(std::move(current_));
        retirements_.push_back(loop_.after(kRetiredFor, [this] {
            retirements_.pop_front();
            retired_.pop_front();
        }));
    }
    current_ = std::move(next);
}

void DnsPod::add_socket(netemu::UniqueFd socket, bool tcp) {
    if (tcp) {
        server_.add_tcp(std::move(socket));
    } else {
        server_.add_udp(std::move(socket));
    }
}

dns::Handled DnsPod::handle(
    const dns::QueryView& query,
    const dns::Client& client,
    std::span<std::uint8_t> out,
    dns::ReplyMaker& replies) {
    if (serving_.role == DnsServing::Role::Upstream) {
        if (!upstream_) { // now that all of its zone is here
            upstream_ = std::make_unique<UpstreamZone>(serving_.zone, serving_.faults);
        }
        return upstream_->handle(query, client, out, replies);
    }
    return current_ ? current_->resolver.handle(query, client, out, replies) : dns::Handled{};
}

} // namespace labctl::dataplane
