#include "labctl/dataplane/workload_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/datagram.h"
#include "labctl/dataplane/spec.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kSweepInterval = 5s;
constexpr std::size_t kFirstReadBytes = 4096;
constexpr int kDatagramsPerTurn = 32;

} // namespace

WorkloadServer::WorkloadServer(netemu::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)),
      dns_(
          loop,
          [this](std::string message) { reply_(std::move(message)); },
          [this](std::uint32_t pod, std::string line) { pods_.at(pod)->log.add(std::move(line)); }),
      proxies_(loop, [this](std::string message) { reply_(std::move(message)); }),
      pod_sockets_([this](std::string message) { reply_(std::move(message)); }),
      ingress_(loop, pod_sockets_), sidecars_(loop, pod_sockets_) {
}

WorkloadServer::~WorkloadServer() {
    loop_.cancel(sweep_timer_);
    while (!pods_.empty()) {
        remove_pod(pods_.begin()->first);
    }
}

void WorkloadServer::handle(std::string_view message, std::vector<netemu::UniqueFd>& fds) {
    WireReader record(message);
    std::size_t next_fd = 0;
    WireWriter replies;
    while (!record.done()) {
        const auto op = record.op();
        switch (op) {
        case Op::AddPod:
            add_pod(record);
            break;
        case Op::AddSocket:
            add_socket(record, std::move(fds.at(next_fd++)));
            break;
        case Op::AddDnsSocket:
            add_dns_socket(record, std::move(fds.at(next_fd++)));
            break;
        case Op::AddDnsStock:
            add_dns_stock(record, std::move(fds.at(next_fd++)));
            break;
        case Op::AddSidecar:
            add_sidecar(record);
            break;
        case Op::AddIngress:
            add_ingress(record);
            break;
        case Op::PodSocket:
            pod_sockets_.arrived(record.u32(), std::move(fds.at(next_fd++)));
            break;
        case Op::NoPodSocket:
            pod_sockets_.arrived(record.u32(), {});
            break;
        case Op::RemoveSocket:
            remove_socket(record);
            break;
        case Op::Confirm:
            replies.op(Op::Serving).u32(record.u32());
            break;
        case Op::RemovePod:
            remove_pod(record.u32());
            break;
        case Op::SetReady:
            set_ready(record);
            break;
        case Op::SetHealth:
            set_health(record);
            break;
        case Op::GetLogs:
            send_logs(record);
            break;
        case Op::GetServed:
            send_served(record);
            break;
        default:
            if (!dns_.take(op, record) && !proxies_.take(op, record, fds, next_fd) &&
                !ingress_.take(op, record, fds, next_fd) &&
                !sidecars_.take(op, record, fds, next_fd)) {
                throw netemu::Error("an unknown record on the workload channel");
            }
        }
    }
    if (!replies.empty()) {
        reply_(replies.bytes());
    }
}

void WorkloadServer::add_pod(WireReader& record) {
    auto pod = std::make_shared<ServedPod>();
    pod->id = record.u32();
    pod->identity.ns = record.text();
    pod->identity.pod = record.text();
    pod->identity.node = record.text();
    pod->ready = record.u8() != 0;
    pods_[pod->id] = std::move(pod);
}

void WorkloadServer::add_socket(WireReader& record, netemu::UniqueFd socket) {
    const auto pod = pods_.at(record.u32());
    const auto port = record.u16();
    const bool stream = static_cast<Protocol>(record.u8()) != Protocol::Udp;
    const int fd = socket.get();
    // The pod and its acceptor outlive the watch: `remove_pod` ends it first.
    std::unique_ptr<netemu::Acceptor> acceptor;
    if (stream) {
        acceptor = std::make_unique<netemu::Acceptor>(loop_, fd);
        loop_.add(fd, EPOLLIN, [this, from = acceptor.get(), pod = pod.get(), port](std::uint32_t) {
            accept(*from, pods_.at(pod->id), port);
        });
    } else {
        loop_.add(fd, EPOLLIN, [this, fd, pod = pod.get(), port](std::uint32_t) {
            receive(fd, *pod, port);
        });
    }
    pod->sockets.push_back({port, std::move(socket), std::move(acceptor)});
}

void WorkloadServer::add_dns_socket(WireReader& record, netemu::UniqueFd socket) {
    const auto id = record.u32();
    (void)record.u16(); // the port
    auto& pod = *pods_.at(id);
    pod.http = [this, &pod](std::uint16_t port, std::string_view path) {
        return dns_.http(pod.id, port, path, pod.ready);
    };
    const bool tcp = static_cast<Protocol>(record.u8()) == Protocol::Tcp;
    dns_.add_socket(id, std::move(socket), tcp);
}

void WorkloadServer::add_sidecar(WireReader& record) {
    const auto pod = pods_.at(record.u32());
    sidecars_.add_pod(pod);
    const auto ports = {
        mesh::kSidecarMetricsPort, mesh::kSidecarStatusPort, mesh::kLinkerdAdminPort};
    pod->sidecar_ports = ports;
    pod->sidecar = [this, id = pod->id](std::uint16_t port, std::string_view path) {
        return sidecars_.admin_answer(id, port, path);
    };
}

void WorkloadServer::add_ingress(WireReader& record) {
    const auto pod = pods_.at(record.u32());
    ingress_.add_pod(pod, std::string(record.text()));
}

void WorkloadServer::add_dns_stock(WireReader& record, netemu::UniqueFd socket) {
    dns_.add_stock(record.u32(), std::move(socket));
}

void WorkloadServer::remove_socket(WireReader& record) {
    const auto pod = pods_.at(record.u32());
    const auto port = record.u16();
    std::erase_if(pod->sockets, [this, port](const ServedPod::Socket& socket) {
        if (socket.port == port) {
            loop_.remove(socket.fd.get());
        }
        return socket.port == port;
    });
}

void WorkloadServer::remove_pod(std::uint32_t id) {
    const auto found = pods_.find(id);
    if (found == pods_.end()) {
        return;
    }
    const auto pod = std::move(found->second);
    pods_.erase(found);
    for (const auto& socket : pod->sockets) {
        loop_.remove(socket.fd.get());
    }
    pod->sockets.clear();
    dns_.remove_pod(id);
    ingress_.remove_pod(id);
    sidecars_.remove_pod(id);
    std::erase_if(connections_, [id](const auto& entry) { return entry.second->pod().id == id; });
}

void WorkloadServer::set_ready(WireReader& record) {
    const auto pod = pods_.find(record.u32());
    const bool ready = record.u8() != 0;
    if (pod != pods_.end()) {
        pod->second->ready = ready;
    }
}

void WorkloadServer::set_health(WireReader& record) {
    const auto pod = pods_.find(record.u32());
    const auto endpoints = record.u32();
    if (pod != pods_.end()) {
        pod->second->health_endpoints = endpoints;
    }
}

void WorkloadServer::send_logs(WireReader& record) {
    const auto request = record.u32();
    const auto pod = pods_.find(record.u32());
    const auto count = record.u32();
    const bool of_sidecar = record.u8() != 0;
    const AccessLog* log = nullptr;
    if (of_sidecar) {
        log = pod == pods_.end() ? nullptr : sidecars_.access_log(pod->first);
    } else if (pod != pods_.end()) {
        log = &pod->second->log;
    }
    const auto lines = log == nullptr ? std::vector<std::string>() : log->last(count);
    WireWriter reply;
    reply.op(Op::Logs).u32(request).u32(static_cast<std::uint32_t>(lines.size()));
    for (const auto& line : lines) {
        reply.text(line);
    }
    reply_(reply.bytes());
}

void WorkloadServer::send_served(WireReader& record) {
    const auto request = record.u32();
    const auto pod = pods_.find(record.u32());
    std::uint32_t requests = 0;
    std::chrono::milliseconds age{0};
    if (pod != pods_.end()) {
        requests = pod->second->log.added();
        age = std::chrono::duration_cast<std::chrono::milliseconds>(
            netemu::Clock::now() - pod->second->log.last_added());
    }
    constexpr std::int64_t kMostMs = std::numeric_limits<std::uint32_t>::max();
    reply_(WireWriter()
               .op(Op::Served)
               .u32(request)
               .u32(requests)
               .u32(static_cast<std::uint32_t>(std::min<std::int64_t>(age.count(), kMostMs)))
               .bytes());
}

void WorkloadServer::accept(
    netemu::Acceptor& acceptor, const std::shared_ptr<ServedPod>& pod, std::uint16_t port) {
    auto accepted = acceptor.next();
    if (!accepted) {
        return;
    }
    auto& socket = accepted->socket;
    const Exchange exchange{
        pod->identity, pod->ready, port, accepted->client, pod->health_endpoints};
    // Clients usually send with the connection's last ACK or right behind it, so their bytes are
    // here.
    std::array<char, kFirstReadBytes> buffer; // NOLINT: filled by recv
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    const std::string_view bytes(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got == 0 || (got < 0 && errno != EAGAIN) || answer_whoami(socket.get(), exchange, bytes)) {
        return;
    }
    if (pod->connections >= kConnectionsPerPodMax) {
        pod->log.add(access_log_line(exchange, "refused: too many connections", 0, 0));
        return;
    }
    auto connection = std::make_unique<TcpConnection>(
        loop_,
        TcpConnection::Accepted{std::move(socket), pod, port, exchange.client},
        [this](TcpConnection& closed) { connection_closed(closed); });
    auto& started = *connection;
    connections_.emplace(&started, std::move(connection));
    if (sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(kSweepInterval, [this] { sweep(); });
    }
    started.start(bytes);
}

bool WorkloadServer::answer_whoami(int socket, const Exchange& exchange, std::string_view bytes) {
    if (bytes != kWhoamiRequest || exchange.health_endpoints) {
        return false;
    }
    const auto answer = whoami_bytes(exchange);
    // MSG_MORE holds the data back until the close that follows, so that FIN travels with it: one
    // packet less.
    return ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_MORE) ==
           static_cast<ssize_t>(answer.size());
}

void WorkloadServer::receive(int socket, ServedPod& pod, std::uint16_t port) {
    for (int i = 0; i < kDatagramsPerTurn; ++i) {
        const auto datagram = receive_datagram(socket);
        if (!datagram) {
            return;
        }
        const Exchange exchange{pod.identity, pod.ready, port, datagram->from};
        const auto answer = answer_udp(exchange, datagram->bytes);
        reply_datagram(socket, *datagram, answer);
        const auto what = "UDP " + datagram->bytes.substr(0, 64);
        pod.log.add(access_log_line(exchange, what, 0, answer.size()));
    }
}

void WorkloadServer::connection_closed(TcpConnection& connection) {
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) {
        return;
    }
    if (closed_.empty()) {
        loop_.after(0us, [this] { closed_.clear(); });
    }
    closed_.push_back(std::move(found->second));
    connections_.erase(found);
}

void WorkloadServer::sweep() {
    std::vector<TcpConnection*> all;
    all.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) {
        all.push_back(connection.get());
    }
    const auto now = netemu::Clock::now();
    for (auto* connection : all) {
        connection->expire(now);
    }
    sweep_timer_ = connections_.empty() ? 0 : loop_.after(kSweepInterval, [this] { sweep(); });
}

} // namespace labctl::dataplane
