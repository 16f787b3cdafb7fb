#include "labctl/dataplane/dns_service.h"

#include <utility>

#include <sys/socket.h>

#include "labctl/dataplane/dns_event.h"
#include "labctl/dataplane/dns_wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

DnsService::DnsService(netemu::EventLoop& loop, Reply reply, Log log)
    : loop_(loop), reply_(std::move(reply)), log_(std::move(log)) {
}

DnsService::~DnsService() = default;

bool DnsService::take(Op op, WireReader& record) {
    switch (op) {
    case Op::AddDns:
        add_pod(record);
        break;
    case Op::DnsUpstreamText: {
        auto& pod = *pods_.at(record.u32());
        pod.add_zone_text(record.text());
        break;
    }
    case Op::DnsUpstreamFault: {
        auto& pod = *pods_.at(record.u32());
        std::string name(record.text());
        pod.add_fault(std::move(name), static_cast<DnsFault>(record.u8()));
        break;
    }
    case Op::DnsCorefile:
        corefile_ += record.text();
        break;
    case Op::DnsFile: {
        auto& file = files_[std::string(record.text())];
        file += record.text();
        break;
    }
    case Op::DnsBegin:
        begin();
        break;
    case Op::DnsSynced:
        synced();
        break;
    case Op::DnsWatch:
        watch(record.u8() != 0);
        break;
    default:
        return take_zone(op, record);
    }
    return true;
}

bool DnsService::take_zone(Op op, WireReader& record) {
    switch (op) {
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

void DnsService::add_pod(WireReader& record) {
    const auto id = record.u32();
    dataplane::DnsPod::Voice voice;
    voice.order = [this, id](int domain, int type, std::size_t count) {
        order(id, domain, type, count);
    };
    voice.log = [this, id](std::string line) { log_(id, std::move(line)); };
    voice.tell = [this, id](const dns::LogEntry& entry) { tell(id, entry); };
    voice.crash = [this, id](const std::string& why) {
        reply_(WireWriter().op(Op::DnsCrash).u32(id).text(why).bytes());
    };
    voice.back = [this, id] { reply_(WireWriter().op(Op::Serving).u32(id).bytes()); };
    auto pod =
        std::make_unique<dataplane::DnsPod>(loop_, read_dns_serving(record), std::move(voice));
    pod->set_watched(watched_);
    if (current_) {
        pod->set_engine(current_);
    }
    pods_[id] = std::move(pod);
}

void DnsService::begin() {
    next_ = std::make_shared<DnsEngine>(std::exchange(corefile_, {}), std::exchange(files_, {}));
}

void DnsService::synced() {
    if (!next_) {
        throw netemu::Error("the records of DNS end before they begin");
    }
    next_->each_zone([](auto& zone) { zone.set_synced(true); });
    current_ = std::move(next_);
    for (const auto& [id, pod] : pods_) {
        pod->set_engine(current_);
    }
}

DnsEngine& DnsService::filled() {
    const auto& engine = next_ ? next_ : current_;
    if (!engine) {
        throw netemu::Error("a record of DNS comes before the Corefile");
    }
    return *engine;
}

void DnsService::add_socket(std::uint32_t pod, netemu::UniqueFd socket, bool tcp) {
    pods_.at(pod)->add_socket(std::move(socket), tcp);
}

void DnsService::add_stock(std::uint32_t pod, netemu::UniqueFd socket) {
    const auto found = pods_.find(pod);
    if (found != pods_.end()) { // it may have gone since it asked for one
        found->second->add_stock(std::move(socket));
    }
}

mesh::Response
DnsService::http(std::uint32_t pod, std::uint16_t port, std::string_view path, bool ready) const {
    return pods_.at(pod)->http(port, path, ready);
}

void DnsService::watch(bool watched) {
    watched_ = watched;
    missed_ = 0;
    for (const auto& [id, pod] : pods_) {
        pod->set_watched(watched);
    }
}

/// So many in each tenth of a second at most: who watches must not slow down who asks.
void DnsService::tell(std::uint32_t pod, const dns::LogEntry& entry) {
    constexpr std::uint32_t kToldMax = 500;
    const auto now = netemu::Clock::now();
    if (now - told_since_ > std::chrono::milliseconds(100)) {
        told_since_ = now;
        told_ = 0;
    }
    if (++told_ > kToldMax) {
        ++missed_;
        return;
    }
    reply_(encode_dns_event(pod, std::exchange(missed_, 0), entry));
}

void DnsService::order(std::uint32_t pod, int domain, int type, std::size_t count) {
    const auto protocol = type == SOCK_STREAM ? Protocol::Tcp : Protocol::Udp;
    WireWriter message;
    message.op(Op::WantSockets).u32(pod).u8(domain == AF_INET6 ? 6 : 4);
    message.u8(static_cast<std::uint8_t>(protocol)).u16(static_cast<std::uint16_t>(count));
    reply_(message.bytes());
}

} // namespace labctl::dataplane
