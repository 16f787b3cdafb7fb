#include "labctl/dataplane/proxy_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kForgetInterval = 60s;
constexpr int kProxyDatagramsPerTurn = 32;
constexpr std::uint32_t kClientsPerMessage = 2000; // of less than 50 bytes each

} // namespace

ProxyServer::ProxyServer(netemu::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)) {
}

ProxyServer::~ProxyServer() {
    loop_.cancel(forget_timer_);
    while (!proxies_.empty()) {
        remove(proxies_.begin()->first);
    }
}

bool ProxyServer::take(
    Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd) {
    switch (op) {
    case Op::AddProxy:
        add(record, std::move(fds.at(next_fd++)));
        return true;
    case Op::ProxyEndpoints:
        set_endpoints(record);
        return true;
    case Op::RemoveProxy:
        remove(record.u32());
        return true;
    case Op::GetClients:
        tell_clients(record.u32());
        return true;
    case Op::ProxySocket:
        socket_arrived(record.u32(), std::move(fds.at(next_fd++)));
        return true;
    case Op::NoProxySocket:
        socket_arrived(record.u32(), {});
        return true;
    default:
        return false;
    }
}

void ProxyServer::add(WireReader& record, netemu::UniqueFd socket) {
    const auto id = record.u32();
    auto& proxy = proxies_[id];
    const bool tcp = record.u8() != 0;
    const std::string scope(record.text());
    proxy.id = id;
    proxy.name.name_space = record.text();
    proxy.name.name = record.text();
    proxy.name.port = record.text();
    proxy.name.protocol = tcp ? services::Protocol::Tcp : services::Protocol::Udp;
    proxy.socket = std::move(socket);
    proxy.balancer = &balancers_
                          .try_emplace(
                              scope, [] { return netemu::Clock::now(); }, std::random_device{}())
                          .first->second;
    proxy.acceptor = tcp ? std::make_unique<netemu::Acceptor>(loop_, proxy.socket.get()) : nullptr;
    // The proxy outlives the watch: `remove` ends it first.
    loop_.add(proxy.socket.get(), EPOLLIN, [this, tcp, &proxy](std::uint32_t) {
        if (tcp) {
            (void)accept(proxy);
        } else {
            receive(proxy);
        }
    });
    if (forget_timer_ == 0) {
        forget_timer_ = loop_.after(kForgetInterval, [this] { forget_clients(); });
    }
}

void ProxyServer::set_endpoints(WireReader& record) {
    const auto found = proxies_.find(record.u32());
    const auto affinity_seconds = record.u32();
    std::vector<netemu::Endpoint> endpoints;
    for (auto count = record.u32(); count > 0; --count) {
        endpoints.push_back(record.endpoint());
    }
    if (found != proxies_.end()) {
        auto& proxy = found->second;
        proxy.balancer->set_service(proxy.name, affinity_seconds);
        proxy.balancer->set_endpoints(proxy.name, std::move(endpoints));
    }
}

void ProxyServer::remove(std::uint32_t id) {
    const auto found = proxies_.find(id);
    if (found == proxies_.end()) {
        return;
    }
    auto& proxy = found->second;
    if (proxy.name.protocol == services::Protocol::Tcp) {
        while (accept(proxy)) { // who is connected already is served
        }
    }
    loop_.remove(proxy.socket.get());
    proxy.balancer->remove(proxy.name);
    std::vector<SessionKey> ended;
    for (auto it = sessions_.lower_bound({id, {}}); it != sessions_.end() && it->first.first == id;
         ++it) {
        ended.push_back(it->first);
    }
    for (const auto& key : ended) {
        end_session(key);
    }
    proxies_.erase(found);
}

/// In as many messages as it takes; the last one says so.
void ProxyServer::tell_clients(std::uint32_t request) const {
    WireWriter part;
    std::uint32_t count = 0;
    std::size_t total = 0;
    const auto send = [&](bool last) {
        WireWriter message;
        message.op(Op::Clients).u32(request).u8(last ? 1 : 0).u32(count).raw(part.bytes());
        reply_(message.bytes());
        part.clear();
        count = 0;
    };
    for (const auto& [id, proxy] : proxies_) {
        for (const auto& known : proxy.balancer->remembered(proxy.name)) {
            if (++total > kProxyClientsMax) {
                break;
            }
            if (count == kClientsPerMessage) {
                send(false);
            }
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(known.left);
            part.u32(id).endpoint({known.client, 0}).endpoint(known.endpoint);
            part.u32(static_cast<std::uint32_t>(left.count()));
            ++count;
        }
    }
    send(true);
}

void ProxyServer::forget_clients() {
    for (auto& [scope, balancer] : balancers_) {
        balancer.forget_expired();
    }
    forget_timer_ =
        proxies_.empty() ? 0 : loop_.after(kForgetInterval, [this] { forget_clients(); });
}

// --- sockets of the node, which only the supervisor can make

void ProxyServer::need_socket(std::uint32_t flow, std::uint32_t proxy) {
    reply_(WireWriter().op(Op::NeedSocket).u32(flow).u32(proxy).bytes());
}

void ProxyServer::socket_arrived(std::uint32_t flow, netemu::UniqueFd socket) {
    if (const auto waiting = connections_waiting_.extract(flow); !waiting.empty()) {
        waiting.mapped()->socket_arrived(std::move(socket));
    } else if (const auto session = sessions_waiting_.extract(flow); !session.empty()) {
        session_socket(session.mapped(), std::move(socket));
    }
}

bool ProxyServer::full() const {
    return connections_.size() + sessions_.size() >= kProxyFlowsMax;
}

// --- TCP

/// False when nobody waits.
bool ProxyServer::accept(Proxy& proxy) {
    auto accepted = proxy.acceptor->next();
    if (!accepted) {
        return false;
    }
    if (full()) {
        return true;
    }
    const auto from = accepted->client.address;
    auto connection = std::make_unique<ProxyConnection>(
        loop_,
        std::move(accepted->socket),
        services::UserspaceTries(*proxy.balancer, proxy.name, from),
        [this, id = proxy.id](ProxyConnection& waiting) {
            connections_waiting_[next_flow_] = &waiting;
            need_socket(next_flow_++, id);
        },
        [this](ProxyConnection& closed) { connection_closed(closed); });
    auto& started = *connection;
    connections_.emplace(&started, std::move(connection));
    started.begin_try();
    return true;
}

void ProxyServer::connection_closed(ProxyConnection& connection) {
    const auto found = connections_.find(&connection);
    if (closed_.empty()) {
        loop_.after(0us, [this] { closed_.clear(); });
    }
    closed_.push_back(std::move(found->second));
    connections_.erase(found);
}

// --- UDP

void ProxyServer::receive(Proxy& proxy) {
    for (int i = 0; i < kProxyDatagramsPerTurn; ++i) {
        auto datagram = receive_datagram(proxy.socket.get());
        if (!datagram) {
            return;
        }
        datagram->bytes.resize(std::min(datagram->bytes.size(), services::kUserspaceDatagramBytes));
        const auto found = sessions_.find({proxy.id, datagram->from});
        if (found == sessions_.end()) {
            begin_session(proxy, std::move(*datagram));
            continue;
        }
        auto& session = found->second;
        session.silent_since = netemu::Clock::now();
        if (session.socket) {
            (void)::send(
                session.socket.get(),
                datagram->bytes.data(),
                datagram->bytes.size(),
                MSG_NOSIGNAL | MSG_DONTWAIT);
        } else if (session.waiting.size() < kProxyDatagramsWaitingMax) {
            session.waiting.push_back(datagram->bytes);
        }
        session.last = std::move(*datagram);
    }
}

void ProxyServer::begin_session(Proxy& proxy, Datagram datagram) {
    const auto endpoint = proxy.balancer->next(proxy.name, datagram.from.address);
    if (!endpoint || full()) {
        return; // lost, as datagrams are
    }
    const SessionKey key{proxy.id, datagram.from};
    auto& session = sessions_[key];
    session.flow = next_flow_++;
    session.endpoint = *endpoint;
    session.waiting.push_back(datagram.bytes);
    session.last = std::move(datagram);
    session.silent_since = netemu::Clock::now();
    watch_silence(key);
    sessions_waiting_.emplace(session.flow, key);
    need_socket(session.flow, proxy.id);
}

void ProxyServer::session_socket(const SessionKey& key, netemu::UniqueFd socket) {
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) {
        return;
    }
    auto& session = found->second;
    sockaddr_storage address{};
    const auto size = session.endpoint.to_sockaddr(address);
    const auto* target = reinterpret_cast<const sockaddr*>(&address); // NOLINT
    if (!socket || ::connect(socket.get(), target, size) != 0) {
        end_session(key);
        return;
    }
    session.socket = std::move(socket);
    loop_.add(session.socket.get(), EPOLLIN, [this, key](std::uint32_t) { answer(key); });
    for (const auto& bytes : std::exchange(session.waiting, {})) {
        (void)::send(session.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

void ProxyServer::answer(const SessionKey& key_of_watch) {
    const auto key = key_of_watch; // the watch goes with its session
    static thread_local std::array<char, services::kUserspaceDatagramBytes> buffer;
    auto& session = sessions_.at(key);
    for (int i = 0; i < kProxyDatagramsPerTurn; ++i) {
        const auto size = ::recv(session.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                end_session(key); // the endpoint has no such port
            }
            return;
        }
        session.silent_since = netemu::Clock::now();
        reply_datagram(
            proxies_.at(key.first).socket.get(),
            session.last,
            {buffer.data(), static_cast<std::size_t>(size)});
    }
}

void ProxyServer::watch_silence(const SessionKey& key) {
    auto& session = sessions_.at(key);
    session.timer =
        loop_.at(session.silent_since + services::kUserspaceUdpIdleTimeout, [this, key] {
            const auto end = sessions_.at(key).silent_since + services::kUserspaceUdpIdleTimeout;
            if (end <= netemu::Clock::now()) {
                end_session(SessionKey(key));
            } else {
                watch_silence(key);
            }
        });
}

void ProxyServer::end_session(const SessionKey& key) {
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) {
        return;
    }
    loop_.cancel(found->second.timer);
    sessions_waiting_.erase(found->second.flow);
    if (found->second.socket) {
        loop_.remove(found->second.socket.get());
    }
    sessions_.erase(found);
}

} // namespace labctl::dataplane
