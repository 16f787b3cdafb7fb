#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/listener.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

/// The supervisor's record of what is served: it keeps every listening socket, so that a new child
/// can take over where the last one ended.
class WorkloadRegistry {
public:
    WorkloadRegistry(
        SocketFactory open_socket,
        DataPlane::ReadyCallback on_ready,
        DataPlane::FailureCallback on_failure);

    /// The channel to the child that runs now, or nullptr. A new child is told of every pod.
    void set_channel(Channel* channel);
    void on_ready(DataPlane::ReadyCallback callback) { on_ready_ = std::move(callback); }
    void on_failure(DataPlane::FailureCallback callback) { on_failure_ = std::move(callback); }
    void on_crash(DataPlane::FailureCallback callback) { on_crash_ = std::move(callback); }

    void serve(const std::vector<WorkloadSpec>& pods);
    /// The sockets that it had, which the data plane closes in its own time.
    std::vector<Listener> withdraw(const std::string& pod);
    void set_ready(const std::string& pod, bool ready);
    void set_health(const std::string& check, std::uint32_t endpoints);
    void set_dns_ports(std::vector<std::uint16_t> ports);
    [[nodiscard]] bool serves(const std::string& pod) const { return pods_.contains(pod); }
    void served(const std::string& pod, DataPlane::ServedCallback callback);
    void logs(
        const std::string& pod,
        std::size_t lines,
        DataPlane::LogCallback callback,
        DataPlane::LogOf whose);

    /// Takes the fields of a record of the child: Serving, Served, Logs, WantSockets,
    /// NeedPodSocket, DnsQuery, DnsCrash. Throws netemu::Error if they make no sense.
    void serving(WireReader& record);
    void served_arrived(WireReader& record);
    void logs_arrived(WireReader& record);
    void want_sockets(WireReader& record);
    void need_pod_socket(WireReader& record);
    void dns_query(WireReader& record, const DnsEventCallback& callback);
    void dns_crash(WireReader& record);

private:
    struct Served {
        WorkloadSpec spec;
        std::uint32_t id = 0;
        std::vector<Listener> listeners;
        bool announced = false;
    };
    class Batch;

    void add_dns_port(const std::string& name, Served& pod, std::uint16_t port);
    void remove_dns_port(Served& pod, std::uint16_t port);

    DataPlane::ReadyCallback on_ready_;
    DataPlane::FailureCallback on_failure_;
    DataPlane::FailureCallback on_crash_;
    SocketFactory open_socket_;
    Channel* channel_ = nullptr;
    std::map<std::string, Served> pods_;
    std::map<std::uint32_t, std::string> names_; // by id
    std::vector<std::uint16_t> dns_ports_;
    std::map<std::uint32_t, DataPlane::LogCallback> log_requests_;
    std::map<std::uint32_t, DataPlane::ServedCallback> served_requests_;
    std::uint32_t next_id_ = 1;
};

} // namespace labctl::dataplane
