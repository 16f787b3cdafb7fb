#include "labctl/dataplane/sidecar_server.h"

#include <utility>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/sidecar_wire.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kSidecarSweepInterval = 1s;
/// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, whose headers do not go with those of the C library.
constexpr int kOriginalDestination = 80;

/// Where a connection was meant to go before netfilter has led it here. Source:
/// net/netfilter/nf_conntrack_proto.c, getorigdst.
std::optional<netemu::Endpoint> original_target(int socket, const netemu::Endpoint& client) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const bool v4 = client.address.is_v4();
    const int level = v4 ? SOL_IP : SOL_IPV6;
    if (::getsockopt(socket, level, kOriginalDestination, &address, &size) != 0) {
        return std::nullopt;
    }
    return netemu::Endpoint::from_sockaddr(address);
}

} // namespace

SidecarServer::SidecarServer(netemu::EventLoop& loop, PodSockets& sockets)
    : loop_(loop), sockets_(sockets), rules_(SidecarRules::make({}, nullptr)) {
}

SidecarServer::~SidecarServer() {
    loop_.cancel(sweep_timer_);
    while (!sidecars_.empty()) {
        remove_pod(sidecars_.begin()->first);
    }
}

bool SidecarServer::take(
    Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd) {
    switch (op) {
    case Op::AddSidecarSocket:
        add_socket(record, std::move(fds.at(next_fd++)));
        return true;
    case Op::SidecarRulesPiece:
        pieces_.append(record.text());
        return true;
    case Op::SidecarRulesEnd:
        take_rules();
        return true;
    default:
        return false;
    }
}

void SidecarServer::add_pod(std::shared_ptr<ServedPod> pod) {
    const auto id = pod->id;
    remove_pod(id);
    auto sidecar = std::make_unique<Sidecar>();
    sidecar->pod = std::make_unique<SidecarPod>(loop_, std::move(pod), sockets_.of(id));
    sidecar->pod->set_rules(rules_);
    sidecars_[id] = std::move(sidecar);
}

void SidecarServer::remove_pod(std::uint32_t id) {
    const auto found = sidecars_.find(id);
    if (found == sidecars_.end()) {
        return;
    }
    for (const auto& listener : found->second->listeners) {
        loop_.remove(listener.socket.get());
    }
    connections_ -= found->second->connections.size();
    sidecars_.erase(found);
}

const AccessLog* SidecarServer::access_log(std::uint32_t pod) const {
    const auto found = sidecars_.find(pod);
    return found == sidecars_.end() ? nullptr : &found->second->pod->access_log();
}

std::optional<mesh::Response>
SidecarServer::admin_answer(std::uint32_t pod, std::uint16_t port, std::string_view path) const {
    const auto found = sidecars_.find(pod);
    return found == sidecars_.end() ? std::nullopt : found->second->pod->admin_answer(port, path);
}

void SidecarServer::add_socket(WireReader& record, netemu::UniqueFd socket) {
    auto& sidecar = *sidecars_.at(record.u32());
    const bool inbound = record.u8() != 0;
    const int fd = socket.get();
    // The sidecar outlives the watch: `remove_pod` ends it first.
    auto& listener = sidecar.listeners.emplace_back(loop_, inbound, std::move(socket));
    loop_.add(
        fd, EPOLLIN, [this, &sidecar, &listener](std::uint32_t) { accept(sidecar, listener); });
}

void SidecarServer::take_rules() {
    rules_ = SidecarRules::make(decode_sidecar_table(std::exchange(pieces_, {})), rules_.get());
    for (const auto& [id, sidecar] : sidecars_) {
        sidecar->pod->set_rules(rules_);
    }
    for (auto* connection : all_connections()) {
        connection->rules_changed();
    }
}

/// For what may end some of them.
std::vector<SidecarConnection*> SidecarServer::all_connections() const {
    std::vector<SidecarConnection*> all;
    all.reserve(connections_);
    for (const auto& [id, sidecar] : sidecars_) {
        for (const auto& [key, connection] : sidecar->connections) {
            all.push_back(connection.get());
        }
    }
    return all;
}

void SidecarServer::accept(Sidecar& sidecar, Listener& listener) {
    auto accepted = listener.acceptor.next();
    if (!accepted) {
        return;
    }
    const auto target = original_target(accepted->socket.get(), accepted->client);
    const HttpClient who{accepted->client, target ? target->port : std::uint16_t{0}};
    const auto own = mesh::sidecar_ports(rules_->table().mesh);
    if (!target || target->port == own.inbound || target->port == own.outbound) {
        sidecar.pod->log(
            who, "refused: it was not led here, but meant for the sidecar itself", 0, 0);
        return;
    }
    if (connections_ >= connections_max_) {
        sidecar.pod->log(who, "refused: too many connections", 0, 0);
        return;
    }
    auto connection = std::make_unique<SidecarConnection>(
        loop_,
        *sidecar.pod,
        SidecarConnection::Accepted{
            std::move(accepted->socket), accepted->client, *target, listener.inbound},
        [this, &sidecar](SidecarConnection& closed) {
            auto ended = sidecar.connections.extract(&closed);
            --connections_;
            sidecar.pod->pool().bury(std::shared_ptr<SidecarConnection>(std::move(ended.mapped())));
        });
    auto& started = *connection;
    sidecar.connections.emplace(&started, std::move(connection));
    ++connections_;
    if (sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(kSidecarSweepInterval, [this] { sweep(); });
    }
    started.start();
}

void SidecarServer::sweep() {
    sweep_timer_ = 0;
    const auto now = netemu::Clock::now();
    const auto all = all_connections();
    bool any_idle = false;
    for (const auto& [id, sidecar] : sidecars_) {
        sidecar->pod->expire(now);
        any_idle = any_idle || sidecar->pod->must_expire();
    }
    for (auto* connection : all) {
        connection->expire(now);
    }
    if (!all.empty() || any_idle) {
        sweep_timer_ = loop_.after(kSidecarSweepInterval, [this] { sweep(); });
    }
}

} // namespace labctl::dataplane
