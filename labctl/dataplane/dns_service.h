#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "dns/records.h"
#include "labctl/dataplane/dns_engine.h"
#include "labctl/dataplane/dns_pod.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// All DNS servers of the child: what they answer from, and one DnsPod for each. Before the first
/// complete set of records nothing is answered; a new Corefile's zone takes the place of the one
/// that answers only when it is complete. Belongs to the loop's thread.
class DnsService {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;
    /// Keeps a line of a pod's log.
    using Log = std::function<void(std::uint32_t pod, std::string line)>;

    DnsService(netemu::EventLoop& loop, Reply reply, Log log);
    DnsService(const DnsService&) = delete;
    DnsService& operator=(const DnsService&) = delete;
    ~DnsService();

    /// Carries out a record that has no descriptor. False if it is none of DNS; throws
    /// netemu::Error if it makes no sense.
    bool take(Op op, WireReader& record);

    /// A bound datagram socket or a listening one of port 53 of a pod.
    void add_socket(std::uint32_t pod, netemu::UniqueFd socket, bool tcp);
    /// A socket with which the pod can ask others.
    void add_stock(std::uint32_t pod, netemu::UniqueFd socket);
    void remove_pod(std::uint32_t pod) { pods_.erase(pod); }
    /// What the pod answers over HTTP: DnsPod::http.
    mesh::Response
    http(std::uint32_t pod, std::uint16_t port, std::string_view path, bool ready) const;

private:
    bool take_zone(Op op, WireReader& record);
    void add_pod(WireReader& record);
    void begin();
    void synced();
    void watch(bool watched);
    void tell(std::uint32_t pod, const dns::LogEntry& entry);
    void order(std::uint32_t pod, int domain, int type, std::size_t count);
    [[nodiscard]] DnsEngine& filled(); // the one that records go to

    netemu::EventLoop& loop_;
    Reply reply_;
    Log log_;
    bool watched_ = false;
    netemu::Clock::time_point told_since_; // the window of `told_`
    std::uint32_t told_ = 0;
    std::uint32_t missed_ = 0;
    std::string corefile_;                     // that arrives in pieces
    DnsEngine::Files files_;                   // likewise
    std::shared_ptr<DnsEngine> current_;       // answers
    std::shared_ptr<DnsEngine> next_;          // is being filled
    std::optional<dns::ServiceValue> service_; // likewise
    std::map<std::uint32_t, std::unique_ptr<DnsPod>> pods_;
};

} // namespace labctl::dataplane
