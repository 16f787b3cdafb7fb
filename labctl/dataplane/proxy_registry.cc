#include "labctl/dataplane/proxy_registry.h"

#include <algorithm>
#include <set>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "labctl/dataplane/datagram.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/packet_info.h"

namespace labctl::dataplane {
namespace {

using netemu::check_syscall;

constexpr int kProxyBacklog = 4096; // the kernel lowers it to net.core.somaxconn
constexpr std::size_t kEndpointsPerMessage = 4000;

int proxy_domain(const ProxySpec& spec) {
    return spec.ipv6 ? AF_INET6 : AF_INET;
}

bool is_tcp(const ProxySpec& spec) {
    return spec.name.protocol == services::Protocol::Tcp;
}

void set_proxy_option(int socket, int level, int option) {
    const int on = 1;
    check_syscall(
        "set an option of a proxy's socket", ::setsockopt(socket, level, option, &on, sizeof on));
}

netemu::UniqueFd open_proxy(const ProxySpec& spec, const SocketFactory& open_socket) {
    auto socket = open_socket(
        spec.ns_name,
        proxy_domain(spec),
        (is_tcp(spec) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK,
        0);
    const int fd = socket.get();
    if (spec.ipv6) {
        set_proxy_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (is_tcp(spec)) {
        set_proxy_option(fd, SOL_SOCKET, SO_REUSEADDR);
        set_proxy_option(fd, IPPROTO_TCP, TCP_NODELAY);
    } else {
        netemu::request_packet_info(fd, spec.ipv6);
    }
    const std::uint8_t zeros[16] = {};
    const netemu::Endpoint any{
        netemu::IpAddress::from_bytes(spec.ipv6 ? netemu::Family::V6 : netemu::Family::V4, zeros),
        spec.listen_port};
    sockaddr_storage address{};
    const auto size = any.to_sockaddr(address);
    const auto what = spec.ns_name + ": listen on port " + std::to_string(spec.listen_port) +
                      " for " + spec.name.to_string();
    check_syscall(what, ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size)); // NOLINT
    if (is_tcp(spec)) {
        check_syscall(what, ::listen(fd, kProxyBacklog));
    }
    return socket;
}

} // namespace

void ProxyRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    for (auto& [request, question] : std::exchange(questions_, {})) {
        question.answer({});
    }
    for (const auto& [key, proxy] : proxies_) {
        announce(proxy);
    }
}

void ProxyRegistry::clients(DataPlane::ProxyClientsCallback callback) {
    if (channel_ == nullptr) {
        callback({});
        return;
    }
    questions_[next_question_].answer = std::move(callback);
    channel_->send(WireWriter().op(Op::GetClients).u32(next_question_++).bytes());
}

void ProxyRegistry::clients_arrived(WireReader& record) {
    const auto found = questions_.find(record.u32());
    const bool last = record.u8() != 0;
    std::map<std::uint32_t, const ProxySpec*> specs;
    for (const auto& [key, proxy] : proxies_) {
        specs[proxy.id] = &proxy.spec;
    }
    for (auto count = record.u32(); count > 0; --count) {
        const auto spec = specs.find(record.u32());
        const auto client = record.endpoint().address;
        const auto endpoint = record.endpoint();
        const std::chrono::milliseconds left(record.u32());
        if (found != questions_.end() && spec != specs.end()) { // neither is gone meanwhile
            found->second.clients.push_back(
                {spec->second->ns_name, spec->second->name, client, endpoint, left});
        }
    }
    if (found == questions_.end()) {
        return;
    }
    if (found->second.clients.size() > kProxyClientsMax) {
        throw netemu::Error("the data plane remembers more clients than there can be");
    }
    if (last) {
        auto question = questions_.extract(found);
        question.mapped().answer(std::move(question.mapped().clients));
    }
}

void ProxyRegistry::announce(const Served& proxy) const {
    if (channel_ == nullptr) {
        return;
    }
    const auto& spec = proxy.spec;
    WireWriter record;
    record.op(Op::AddProxy).u32(proxy.id).u8(is_tcp(spec) ? 1 : 0);
    record.text(spec.ns_name + (spec.ipv6 ? " 6" : " 4"));
    record.text(spec.name.name_space).text(spec.name.name).text(spec.name.port);
    channel_->send(record.bytes(), {proxy.socket.get()});
    send_endpoints(proxy);
}

/// The first ones of an absurdly long list: a message has a largest size.
void ProxyRegistry::send_endpoints(const Served& proxy) const {
    if (channel_ == nullptr) {
        return;
    }
    const auto count = std::min(proxy.spec.endpoints.size(), kEndpointsPerMessage);
    WireWriter record;
    record.op(Op::ProxyEndpoints).u32(proxy.id).u32(proxy.spec.affinity_seconds);
    record.u32(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        record.endpoint(proxy.spec.endpoints[i]);
    }
    channel_->send(record.bytes());
}

void ProxyRegistry::serve(const std::vector<ProxySpec>& proxies) {
    for (const auto& spec : proxies) {
        const auto key = spec.key();
        const auto found = proxies_.find(key);
        if (found == proxies_.end()) {
            Served proxy{spec, next_id_, open_proxy(spec, open_socket_)};
            makers_[next_id_++] = {
                spec.ns_name,
                proxy_domain(spec),
                (is_tcp(spec) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK};
            announce(proxies_.emplace(key, std::move(proxy)).first->second);
            if (makers_.size() > proxies_.size() + kProxiesRetiredMax) {
                forget_retired();
            }
        } else if (!(found->second.spec == spec)) {
            found->second.spec = spec;
            send_endpoints(found->second);
        }
    }
}

void ProxyRegistry::keep_only(const std::vector<ProxySpec>& proxies) {
    std::set<std::string> kept;
    for (const auto& spec : proxies) {
        kept.insert(spec.key());
    }
    for (auto it = proxies_.begin(); it != proxies_.end();) {
        if (kept.contains(it->first)) {
            ++it;
            continue;
        }
        if (channel_ != nullptr) {
            channel_->send(WireWriter().op(Op::RemoveProxy).u32(it->second.id).bytes());
        }
        it = proxies_.erase(it);
    }
}

void ProxyRegistry::forget_retired() {
    std::set<std::uint32_t> present;
    for (const auto& [key, proxy] : proxies_) {
        present.insert(proxy.id);
    }
    std::erase_if(makers_, [&](const auto& maker) { return !present.contains(maker.first); });
}

void ProxyRegistry::need_socket(WireReader& record) {
    const auto flow = record.u32();
    const auto maker = makers_.find(record.u32());
    if (channel_ == nullptr) {
        return;
    }
    if (maker == makers_.end()) { // long gone
        channel_->send(WireWriter().op(Op::NoProxySocket).u32(flow).bytes());
        return;
    }
    const auto& [ns_name, domain, type] = maker->second;
    try {
        std::vector<netemu::UniqueFd> sockets;
        sockets.push_back(open_socket_(ns_name, domain, type, 0));
        channel_->send_owned(
            WireWriter().op(Op::ProxySocket).u32(flow).bytes(), std::move(sockets));
    } catch (const netemu::Error& error) {
        netemu::log_debug("dataplane", "a socket in " + ns_name + ": " + error.what());
        channel_->send(WireWriter().op(Op::NoProxySocket).u32(flow).bytes());
    }
}

} // namespace labctl::dataplane
