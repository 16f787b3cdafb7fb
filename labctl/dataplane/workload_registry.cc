#include "labctl/dataplane/workload_registry.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <sys/socket.h>

#include "labctl/dataplane/dns_wire.h"
#include "labctl/dataplane/socket_stock.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/process.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kRecordsBatchBytes = 48U << 10U;
/// Twice as many as connections that can wait for one (kIngressConnectionsMax).
constexpr std::size_t kPodSocketsQueuedMax = 8192;

bool is_coredns(const WorkloadSpec& spec) {
    return spec.dns && spec.dns->role == DnsServing::Role::Cluster;
}

/// Whether an Ingress controller speaks TLS on the port; nullopt: it is none of its ports.
std::optional<bool> ingress_port(const WorkloadSpec& spec, const WorkloadPort& port) {
    const auto among = [&port](const std::vector<std::uint16_t>& ports) {
        return std::find(ports.begin(), ports.end(), port.port) != ports.end();
    };
    if (!spec.ingress || port.protocol != Protocol::Tcp) {
        return std::nullopt;
    }
    if (among(spec.ingress->https_ports)) {
        return true;
    }
    return among(spec.ingress->http_ports) ? std::optional(false) : std::nullopt;
}

bool is_sidecar_port(const WorkloadSpec& spec, const WorkloadPort& port) {
    const auto own = mesh::sidecar_ports(spec.sidecar_mesh);
    return spec.sidecar && port.protocol == Protocol::Tcp &&
           (port.port == own.inbound || port.port == own.outbound);
}

WorkloadSpec with_sidecar_ports(WorkloadSpec spec) {
    if (spec.sidecar) {
        const auto own = mesh::sidecar_ports(spec.sidecar_mesh);
        for (const auto port : {own.outbound, own.inbound}) {
            spec.ports.push_back({port, Protocol::Tcp, {}});
        }
        for (const auto port : mesh::sidecar_admin_ports(spec.sidecar_mesh)) {
            spec.ports.push_back({port, Protocol::Tcp, {}});
        }
    }
    return spec;
}

/// Whether it connects to others.
bool is_proxy(const WorkloadSpec& spec) {
    return spec.ingress || spec.sidecar;
}

} // namespace

/// Collects records and descriptors into as few messages as possible.
class WorkloadRegistry::Batch {
public:
    explicit Batch(Channel* channel) : channel_(channel) {}
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() = default;

    void add(const Served& pod) {
        const auto& spec = pod.spec;
        records_.op(Op::AddPod).u32(pod.id).text(spec.pod_namespace).text(spec.pod).text(spec.node);
        records_.u8(spec.ready ? 1 : 0);
        if (spec.health_endpoints) {
            records_.op(Op::SetHealth).u32(pod.id).u32(*spec.health_endpoints);
        }
        if (spec.dns) {
            for (const auto& piece : encode_dns_serving(pod.id, *spec.dns)) {
                if (records_.size() > kRecordsBatchBytes) {
                    flush();
                }
                records_.raw(piece);
            }
        }
        if (spec.sidecar) {
            records_.op(Op::AddSidecar).u32(pod.id);
        }
        if (spec.ingress) {
            records_.op(Op::AddIngress).u32(pod.id).text(spec.ingress->controller);
        }
        for (const auto& listener : pod.listeners) {
            if (fds_.size() == netemu::kFdsPerMessageMax || records_.size() > kRecordsBatchBytes) {
                flush();
            }
            fds_.push_back(listener.socket.get());
            if (is_sidecar_port(spec, listener.port)) {
                records_.op(Op::AddSidecarSocket).u32(pod.id);
                const auto inbound = mesh::sidecar_ports(spec.sidecar_mesh).inbound;
                records_.u8(listener.port.port == inbound ? 1 : 0);
                continue;
            }
            if (const auto tls = ingress_port(spec, listener.port)) {
                records_.op(Op::AddIngressSocket).u32(pod.id).u16(listener.port.port);
                records_.u8(*tls ? 1 : 0);
                continue;
            }
            const bool dns = spec.dns && listener.port.port == kDnsServerPort;
            records_.op(dns ? Op::AddDnsSocket : Op::AddSocket);
            records_.u32(pod.id).u16(listener.port.port);
            records_.u8(static_cast<std::uint8_t>(listener.port.protocol));
        }
        records_.op(Op::Confirm).u32(pod.id);
    }

    void flush() {
        if (channel_ != nullptr && !records_.empty()) {
            channel_->send(records_.bytes(), fds_);
        }
        records_.clear();
        fds_.clear();
    }

private:
    Channel* channel_;
    WireWriter records_;
    std::vector<int> fds_;
};

WorkloadRegistry::WorkloadRegistry(
    SocketFactory open_socket,
    DataPlane::ReadyCallback on_ready,
    DataPlane::FailureCallback on_failure)
    : on_ready_(std::move(on_ready)), on_failure_(std::move(on_failure)),
      open_socket_(std::move(open_socket)) {
}

void WorkloadRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    // What the old child had logged is lost with it; those who asked get what there is.
    for (const auto& [id, callback] : std::exchange(log_requests_, {})) {
        callback({});
    }
    for (const auto& [id, callback] : std::exchange(served_requests_, {})) {
        callback(std::nullopt);
    }
    if (channel_ != nullptr) {
        Batch batch(channel_);
        for (const auto& [name, pod] : pods_) {
            batch.add(pod);
        }
        batch.flush();
    }
}

void WorkloadRegistry::serve(const std::vector<WorkloadSpec>& pods) {
    Batch batch(channel_);
    std::vector<std::pair<std::string, std::string>> failures;
    for (const auto& spec : pods) {
        const auto name = spec.key();
        auto former = withdraw(name);
        try {
            Served pod{
                spec,
                next_id_,
                open_listeners(with_sidecar_ports(spec), open_socket_, std::move(former))};
            ++next_id_;
            names_[pod.id] = name;
            auto& served = pods_.emplace(name, std::move(pod)).first->second;
            for (const auto port : is_coredns(spec) ? dns_ports_ : std::vector<std::uint16_t>()) {
                add_dns_port(name, served, port);
            }
            batch.add(served);
        } catch (const netemu::Error& error) {
            failures.emplace_back(name, error.what());
        }
    }
    batch.flush();
    for (const auto& [name, error] : failures) {
        if (on_failure_) {
            on_failure_(name, error);
        }
    }
}

std::vector<Listener> WorkloadRegistry::withdraw(const std::string& pod) {
    const auto found = pods_.find(pod);
    if (found == pods_.end()) {
        return {};
    }
    if (channel_ != nullptr) {
        channel_->send(WireWriter().op(Op::RemovePod).u32(found->second.id).bytes());
    }
    auto listeners = std::move(found->second.listeners);
    names_.erase(found->second.id);
    pods_.erase(found);
    return listeners;
}

void WorkloadRegistry::set_ready(const std::string& pod, bool ready) {
    const auto found = pods_.find(pod);
    if (found == pods_.end() || found->second.spec.ready == ready) {
        return;
    }
    found->second.spec.ready = ready;
    if (channel_ != nullptr) {
        channel_->send(
            WireWriter().op(Op::SetReady).u32(found->second.id).u8(ready ? 1 : 0).bytes());
    }
}

void WorkloadRegistry::set_health(const std::string& check, std::uint32_t endpoints) {
    const auto found = pods_.find(check);
    if (found == pods_.end() || found->second.spec.health_endpoints == endpoints) {
        return;
    }
    found->second.spec.health_endpoints = endpoints;
    if (channel_ != nullptr) {
        channel_->send(WireWriter().op(Op::SetHealth).u32(found->second.id).u32(endpoints).bytes());
    }
}

void WorkloadRegistry::served(const std::string& pod, DataPlane::ServedCallback callback) {
    const auto found = pods_.find(pod);
    if (found == pods_.end() || channel_ == nullptr) {
        return callback(std::nullopt);
    }
    const auto request = next_id_++;
    served_requests_[request] = std::move(callback);
    channel_->send(WireWriter().op(Op::GetServed).u32(request).u32(found->second.id).bytes());
}

void WorkloadRegistry::served_arrived(WireReader& record) {
    const auto request = record.u32();
    const DataPlane::Served served{record.u32(), std::chrono::milliseconds(record.u32())};
    const auto found = served_requests_.extract(request);
    if (!found.empty()) {
        found.mapped()(served);
    }
}

void WorkloadRegistry::add_dns_port(const std::string& name, Served& pod, std::uint16_t port) {
    auto one = pod.spec;
    one.ports = {{port, Protocol::Tcp, {}}};
    try {
        for (auto& listener : open_listeners(one, open_socket_)) {
            pod.listeners.push_back(std::move(listener));
        }
    } catch (const netemu::Error& error) {
        netemu::log_warning("dataplane", name + ": " + error.what());
    }
}

void WorkloadRegistry::remove_dns_port(Served& pod, std::uint16_t port) {
    if (port == kDnsServerPort) {
        return;
    }
    std::erase_if(
        pod.listeners, [port](const Listener& listener) { return listener.port.port == port; });
    if (channel_ != nullptr) {
        channel_->send(WireWriter().op(Op::RemoveSocket).u32(pod.id).u16(port).bytes());
    }
}

void WorkloadRegistry::set_dns_ports(std::vector<std::uint16_t> ports) {
    const auto before = std::exchange(dns_ports_, std::move(ports));
    const auto among = [](const std::vector<std::uint16_t>& list, std::uint16_t port) {
        return std::find(list.begin(), list.end(), port) != list.end();
    };
    for (auto& [name, pod] : pods_) {
        if (!is_coredns(pod.spec)) {
            continue;
        }
        for (const auto port : before) {
            if (!among(dns_ports_, port)) {
                remove_dns_port(pod, port);
            }
        }
        for (const auto port : dns_ports_) {
            const auto had = pod.listeners.size();
            if (!among(before, port)) {
                add_dns_port(name, pod, port);
            }
            if (pod.listeners.size() > had && channel_ != nullptr) {
                WireWriter record;
                record.op(Op::AddSocket).u32(pod.id).u16(port);
                record.u8(static_cast<std::uint8_t>(Protocol::Tcp));
                channel_->send(record.bytes(), {pod.listeners.back().socket.get()});
            }
        }
    }
}

void WorkloadRegistry::logs(
    const std::string& pod,
    std::size_t lines,
    DataPlane::LogCallback callback,
    DataPlane::LogOf whose) {
    const auto found = pods_.find(pod);
    if (found == pods_.end() || channel_ == nullptr) {
        return callback({});
    }
    const auto request = next_id_++;
    const auto wanted = static_cast<std::uint32_t>(
        std::min<std::size_t>(lines, std::numeric_limits<std::uint32_t>::max()));
    log_requests_[request] = std::move(callback);
    WireWriter record;
    record.op(Op::GetLogs).u32(request).u32(found->second.id).u32(wanted);
    channel_->send(record.u8(whose == DataPlane::LogOf::Sidecar ? 1 : 0).bytes());
}

void WorkloadRegistry::serving(WireReader& record) {
    const auto name = names_.find(record.u32());
    if (name == names_.end()) {
        return; // withdrawn meanwhile
    }
    auto& pod = pods_.at(name->second);
    if (!std::exchange(pod.announced, true) && on_ready_) {
        on_ready_(std::string(name->second));
    }
}

void WorkloadRegistry::logs_arrived(WireReader& record) {
    const auto request = record.u32();
    const auto count = record.u32();
    std::vector<std::string> lines;
    for (std::uint32_t i = 0; i < count; ++i) {
        lines.emplace_back(record.text());
    }
    const auto found = log_requests_.extract(request);
    if (!found.empty()) {
        found.mapped()(std::move(lines));
    }
}

void WorkloadRegistry::dns_query(WireReader& record, const DnsEventCallback& callback) {
    const auto name = names_.find(record.u32());
    auto event = read_dns_event(record);
    if (name != names_.end() && callback) { // neither withdrawn nor unwatched meanwhile
        const auto& spec = pods_.at(name->second).spec;
        event.server = spec.pod_namespace.empty() ? spec.pod : name->second;
        const auto tell = callback; // it may end the watch, and itself with that
        tell(event);
    }
}

void WorkloadRegistry::dns_crash(WireReader& record) {
    const auto name = names_.find(record.u32());
    const std::string why(record.text());
    if (name == names_.end()) {
        return; // withdrawn meanwhile
    }
    pods_.at(name->second).announced = false;
    if (on_crash_) {
        on_crash_(std::string(name->second), why);
    }
}

void WorkloadRegistry::need_pod_socket(WireReader& record) {
    const auto flow = record.u32();
    const auto name = names_.find(record.u32());
    const int domain = record.u8() == 6 ? AF_INET6 : AF_INET;
    if (channel_ == nullptr) {
        return;
    }
    if (channel_->queued() > kPodSocketsQueuedMax) {
        throw netemu::Error("the data plane orders sockets, and takes none");
    }
    try {
        if (name == names_.end() || !is_proxy(pods_.at(name->second).spec)) {
            throw netemu::Error("the pod is gone");
        }
        std::vector<netemu::UniqueFd> sockets;
        const auto& spec = pods_.at(name->second).spec;
        sockets.push_back(open_socket_(spec.ns_name, domain, SOCK_STREAM | SOCK_NONBLOCK, 0));
        if (spec.sidecar) {
            const auto mark = mesh::sidecar_mark(spec.sidecar_mesh);
            netemu::check_syscall(
                "mark a sidecar's socket",
                ::setsockopt(sockets[0].get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark));
        }
        channel_->send_owned(WireWriter().op(Op::PodSocket).u32(flow).bytes(), std::move(sockets));
    } catch (const netemu::Error& error) {
        netemu::log_debug("dataplane", std::string("a socket for an endpoint: ") + error.what());
        channel_->send(WireWriter().op(Op::NoPodSocket).u32(flow).bytes());
    }
}

void WorkloadRegistry::want_sockets(WireReader& record) {
    const auto id = record.u32();
    const int domain = record.u8() == 6 ? AF_INET6 : AF_INET;
    const bool tcp = static_cast<Protocol>(record.u8()) == Protocol::Tcp;
    const std::size_t count = record.u16();
    const auto name = names_.find(id);
    if (name == names_.end() || channel_ == nullptr) {
        return; // withdrawn meanwhile
    }
    const auto& spec = pods_.at(name->second).spec;
    if (!spec.dns || count > kStockUdpMax) {
        throw netemu::Error("the data plane wants sockets that it has no use for");
    }
    const auto& where = spec.dns->asks_from.empty() ? spec.ns_name : spec.dns->asks_from;
    try {
        for (std::size_t done = 0; done < count;) {
            std::vector<netemu::UniqueFd> sockets;
            WireWriter message;
            for (; done < count && sockets.size() < netemu::kFdsPerMessageMax; ++done) {
                const int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
                sockets.push_back(open_socket_(where, domain, type | SOCK_NONBLOCK, 0));
                message.op(Op::AddDnsStock).u32(id);
            }
            channel_->send_owned(message.bytes(), std::move(sockets));
        }
    } catch (const netemu::Error& error) {
        netemu::log_warning("dataplane", "sockets for " + name->second + ": " + error.what());
    }
}

} // namespace labctl::dataplane
