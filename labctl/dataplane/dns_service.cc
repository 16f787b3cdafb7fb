#include "labctl/dataplane/dns_service.h"

#include <utility>
#include <vector>

#include "dns/corefile.h"
#include "dns/resolver.h"
#include "dns/zone.h"
#include "labctl/dataplane/dns_wire.h"
#include "labctl/dataplane/spec.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

struct DnsService::Engine {
    explicit Engine(const std::string& text);

    template <typename Change>
    void each_zone(Change change) {
        for (const auto& zone : zones) {
            change(*zone);
        }
    }

    std::vector<std::unique_ptr<dns::ClusterZone>> zones; // one for each `kubernetes`
    dns::Resolver resolver;                               // uses them
};

/// Upstreams, hosts and zone files are not to be had in here: what asks for one gets SERVFAIL.
DnsService::Engine::Engine(const std::string& text) {
    for (auto& block : dns::parse_corefile(text).servers) {
        if (block.port != kDnsServerPort) {
            continue;
        }
        dns::BlockParts parts;
        parts.upstreams.resize(block.forward.size());
        if (block.kubernetes) {
            auto options = dns::zone_options(*block.kubernetes, block.loadbalance);
            options.dns_service = "kube-system/kube-dns";
            auto& zone = zones.emplace_back(std::make_unique<dns::ClusterZone>(std::move(options)));
            zone->set_synced(false);
            parts.zone = zone.get();
        }
        resolver.add(std::make_unique<dns::BlockResolver>(std::move(block), std::move(parts)));
    }
}

DnsService::DnsService(netemu::EventLoop& loop) : server_(loop, *this) {
}

DnsService::~DnsService() = default;

bool DnsService::take(Op op, WireReader& record) {
    switch (op) {
    case Op::DnsCorefile:
        corefile_ += record.text();
        break;
    case Op::DnsBegin:
        begin();
        break;
    case Op::DnsSynced:
        synced();
        break;
    case Op::DnsNamespace:
        filled().each_zone([name = record.text()](auto& zone) { zone.add_namespace(name); });
        break;
    case Op::DnsNamespaceGone:
        filled().each_zone([name = record.text()](auto& zone) { zone.remove_namespace(name); });
        break;
    case Op::DnsService:
        service_ = read_dns_service(record);
        break;
    case Op::DnsSlice:
        service_.value().slices.push_back(read_dns_slice(record));
        break;
    case Op::DnsServiceEnd:
        filled().each_zone([this](auto& zone) { zone.set_service(service_.value()); });
        service_.reset();
        break;
    case Op::DnsServiceGone:
        filled().each_zone([gone = read_dns_service_gone(record)](auto& zone) {
            zone.remove_service(gone.first, gone.second);
        });
        break;
    case Op::DnsPod:
        filled().each_zone(
            [pod = read_dns_pod(record)](auto& zone) { zone.add_pod(pod.first, pod.second); });
        break;
    case Op::DnsPodGone:
        filled().each_zone(
            [pod = read_dns_pod(record)](auto& zone) { zone.remove_pod(pod.first, pod.second); });
        break;
    default:
        return false;
    }
    return true;
}

void DnsService::begin() {
    next_ = std::make_unique<Engine>(std::exchange(corefile_, {}));
}

void DnsService::synced() {
    if (!next_) {
        throw netemu::Error("the records of DNS end before they begin");
    }
    next_->each_zone([](auto& zone) { zone.set_synced(true); });
    current_ = std::move(next_);
}

DnsService::Engine& DnsService::filled() {
    const auto& engine = next_ ? next_ : current_;
    if (!engine) {
        throw netemu::Error("a record of DNS comes before the Corefile");
    }
    return *engine;
}

int DnsService::add_socket(netemu::UniqueFd socket, bool tcp) {
    return tcp ? server_.add_tcp(std::move(socket)) : server_.add_udp(std::move(socket));
}

void DnsService::remove_socket(int socket) {
    server_.remove(socket);
}

dns::Handled DnsService::handle(
    const dns::QueryView& query,
    const dns::Client& client,
    std::span<std::uint8_t> out,
    dns::ReplyMaker& replies) {
    return current_ ? current_->resolver.handle(query, client, out, replies) : dns::Handled{};
}

} // namespace labctl::dataplane
