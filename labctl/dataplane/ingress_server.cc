#include "labctl/dataplane/ingress_server.h"

#include <array>
#include <cerrno>
#include <numeric>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/gateway_wire.h"
#include "labctl/dataplane/ingress_tls.h"
#include "labctl/dataplane/ingress_wire.h"
#include "labctl/dataplane/workload.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kIngressSweepInterval = 1s;
constexpr std::size_t kIngressFirstReadBytes = 4096;

} // namespace

IngressServer::IngressServer(netemu::EventLoop& loop, PodSockets& sockets)
    : loop_(loop), sockets_(sockets) {
}

IngressServer::~IngressServer() {
    loop_.cancel(sweep_timer_);
    while (!controllers_.empty()) {
        remove_pod(controllers_.begin()->first);
    }
}

bool IngressServer::take(
    Op op, WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd) {
    switch (op) {
    case Op::AddIngressSocket:
        add_socket(record, std::move(fds.at(next_fd++)));
        return true;
    case Op::IngressRulesPiece: {
        const std::string controller(record.text());
        pieces_[controller].append(record.text());
        return true;
    }
    case Op::IngressRulesEnd:
        take_rules(record);
        return true;
    default:
        return false;
    }
}

void IngressServer::add_pod(std::shared_ptr<ServedPod> pod, std::string name) {
    const auto id = pod->id;
    auto controller = std::make_unique<Controller>();
    controller->name = std::move(name);
    if (is_gateway_rules(controller->name)) {
        auto gateway = std::make_unique<GatewayPod>(loop_, std::move(pod), sockets_.of(id));
        if (const auto known = gateways_.find(controller->name); known != gateways_.end()) {
            gateway->set_rules(known->second);
        }
        controller->gateway = gateway.get();
        controller->pod = std::move(gateway);
        controllers_[id] = std::move(controller);
        return;
    }
    auto ingress = std::make_unique<IngressPod>(loop_, std::move(pod), sockets_.of(id));
    auto& rules = rules_[controller->name];
    if (!rules) { // none have come: its ports of TLS speak TLS all the same
        auto none = std::make_shared<IngressRules>();
        add_ingress_tls(*none, nullptr);
        rules = std::move(none);
    }
    ingress->set_rules(rules);
    controller->ingress = ingress.get();
    controller->pod = std::move(ingress);
    controllers_[id] = std::move(controller);
}

void IngressServer::remove_pod(std::uint32_t id) {
    const auto found = controllers_.find(id);
    if (found == controllers_.end()) {
        return;
    }
    for (const auto& listener : found->second->listeners) {
        loop_.remove(listener.socket.get());
    }
    controllers_.erase(found);
}

void IngressServer::add_socket(WireReader& record, netemu::UniqueFd socket) {
    auto& controller = *controllers_.at(record.u32());
    const auto port = record.u16();
    const bool tls = record.u8() != 0;
    const int fd = socket.get();
    // The controller outlives the watch: `remove_pod` ends it first.
    auto& listener = controller.listeners.emplace_back(loop_, port, tls, std::move(socket));
    loop_.add(fd, EPOLLIN, [this, &controller, &listener](std::uint32_t) {
        accept(controller, listener);
    });
}

void IngressServer::take_rules(WireReader& record) {
    const std::string name(record.text());
    const auto bytes = std::exchange(pieces_[name], {});
    pieces_.erase(name);
    if (is_gateway_rules(name)) {
        return take_gateway(name, bytes);
    }
    auto rules = std::make_shared<IngressRules>();
    rules->table = decode_ingress_table(bytes);
    const auto before = rules_.find(name);
    add_ingress_tls(*rules, before == rules_.end() ? nullptr : before->second.get());
    rules_[name] = rules;
    for (const auto& [id, controller] : controllers_) {
        if (controller->name == name) {
            controller->ingress->set_rules(rules);
        }
    }
}

void IngressServer::take_gateway(const std::string& name, const std::string& bytes) {
    auto& rules = gateways_[name];
    rules = make_gateway_rules(decode_gateway_table(bytes), rules.get());
    for (const auto& [id, controller] : controllers_) {
        if (controller->name == name) {
            controller->gateway->set_rules(rules);
        }
    }
}

// --- clients

void IngressServer::accept(Controller& controller, Listener& listener) {
    auto accepted = listener.acceptor.next();
    if (!accepted) {
        return;
    }
    auto& socket = accepted->socket;
    const auto& client = accepted->client;
    auto& served = controller.pod->served();
    std::array<char, kIngressFirstReadBytes> buffer; // NOLINT: filled by recv
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    const std::string_view bytes(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return;
    }
    const Exchange exchange{served.identity, served.ready, listener.port, client, {}};
    if (!listener.tls && bytes == kWhoamiRequest) { // a tcp probe asks who has accepted it
        const auto answer = whoami_bytes(exchange);
        (void)::send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        return;
    }
    if (connections() >= connections_max_) {
        served.log.add(access_log_line(exchange, "refused: too many connections", 0, 0));
        return;
    }
    const HttpClient who{client, listener.port, listener.tls};
    auto connection = std::make_unique<EdgeConnection>(
        loop_,
        *controller.pod,
        who,
        std::make_unique<ClientStream>(
            loop_, std::move(socket), listener.tls ? controller.pod->tls(listener.port) : nullptr),
        [&controller](EdgeConnection& closed) {
            auto ended = controller.connections.extract(&closed);
            controller.pod->pool().bury(std::shared_ptr<EdgeConnection>(std::move(ended.mapped())));
        });
    auto& started = *connection;
    controller.connections.emplace(&started, std::move(connection));
    if (sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(kIngressSweepInterval, [this] { sweep(); });
    }
    started.start(bytes);
}

std::size_t IngressServer::connections() const {
    return std::accumulate(
        controllers_.begin(),
        controllers_.end(),
        std::size_t{0},
        [](std::size_t sum, const auto& entry) { return sum + entry.second->connections.size(); });
}

void IngressServer::sweep() {
    sweep_timer_ = 0;
    const auto now = netemu::Clock::now();
    std::vector<EdgeConnection*> all;
    bool any_idle = false;
    for (const auto& [id, controller] : controllers_) {
        controller->pod->expire(now);
        any_idle = any_idle || controller->pod->busy();
        for (const auto& [key, connection] : controller->connections) {
            all.push_back(connection.get());
        }
    }
    for (auto* connection : all) {
        connection->expire(now);
    }
    if (!all.empty() || any_idle) {
        sweep_timer_ = loop_.after(kIngressSweepInterval, [this] { sweep(); });
    }
}

} // namespace labctl::dataplane
