#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/dns_service.h"
#include "labctl/dataplane/ingress_server.h"
#include "labctl/dataplane/pod.h"
#include "labctl/dataplane/proxy_server.h"
#include "labctl/dataplane/sidecar_server.h"
#include "labctl/dataplane/tcp_connection.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// The built-in workloads of all pods, on one loop, on sockets that are handed in. Runs in the
/// child.
class WorkloadServer {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    WorkloadServer(netemu::EventLoop& loop, Reply reply);
    WorkloadServer(const WorkloadServer&) = delete;
    WorkloadServer& operator=(const WorkloadServer&) = delete;
    ~WorkloadServer();

    /// Carries out the records of one message of the workload channel; takes the descriptors it
    /// needs.
    void handle(std::string_view message, std::vector<netemu::UniqueFd>& fds);

private:
    void add_pod(WireReader& record);
    void add_socket(WireReader& record, netemu::UniqueFd socket);
    void add_dns_socket(WireReader& record, netemu::UniqueFd socket);
    void add_ingress(WireReader& record);
    void add_sidecar(WireReader& record);
    void add_dns_stock(WireReader& record, netemu::UniqueFd socket);
    void remove_socket(WireReader& record);
    void remove_pod(std::uint32_t id);
    void set_ready(WireReader& record);
    void set_health(WireReader& record);
    void send_logs(WireReader& record);
    void send_served(WireReader& record);

    void
    accept(netemu::Acceptor& acceptor, const std::shared_ptr<ServedPod>& pod, std::uint16_t port);
    /// Answers a tcp probe in place, without a connection object; false if it is not one.
    bool answer_whoami(int socket, const Exchange& exchange, std::string_view bytes);
    void receive(int socket, ServedPod& pod, std::uint16_t port);
    void connection_closed(TcpConnection& connection);
    void sweep();

    netemu::EventLoop& loop_;
    Reply reply_;
    std::unordered_map<std::uint32_t, std::shared_ptr<ServedPod>> pods_;
    std::unordered_map<const TcpConnection*, std::unique_ptr<TcpConnection>> connections_;
    std::vector<std::unique_ptr<TcpConnection>> closed_; // until the next turn of the loop
    netemu::EventLoop::TimerId sweep_timer_ = 0;
    DnsService dns_;
    ProxyServer proxies_;
    PodSockets pod_sockets_; // before those that use them
    IngressServer ingress_;
    SidecarServer sidecars_;
};

} // namespace labctl::dataplane
