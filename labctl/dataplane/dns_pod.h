#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dns/handler.h"
#include "dns/server.h"
#include "labctl/dataplane/dns_engine.h"
#include "labctl/dataplane/dns_loop.h"
#include "labctl/dataplane/dns_upstream.h"
#include "labctl/dataplane/socket_stock.h"
#include "labctl/dataplane/spec.h"
#include "mesh/http/message.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// One DNS server of the lab: a coredns pod, the cache of a node, or the lab's upstream. It has its
/// own server, cache and sockets to its upstreams; the records are the engine's, shared by all.
/// Until it has an engine, a coredns pod answers nothing; a node's cache makes one of its own.
/// Belongs to the loop's thread.
class DnsPod : public dns::Handler {
public:
    /// What a pod tells of itself.
    struct Voice {
        SocketStock::Order order;                       // sockets of the pod's namespace
        std::function<void(std::string line)> log;      // a line for `labctl logs`
        std::function<void(const dns::LogEntry&)> tell; // a query, while somebody watches
        std::function<void(std::string why)> crash;     // the server has ended
        std::function<void()> back;                     // it serves again, with a new Corefile
    };
    DnsPod(netemu::EventLoop& loop, DnsServing serving, Voice voice);
    DnsPod(const DnsPod&) = delete;
    DnsPod& operator=(const DnsPod&) = delete;
    ~DnsPod() override;

    /// A new Corefile: an empty cache, and upstreams anew. What is under way is finished by the
    /// old one.
    void set_engine(std::shared_ptr<DnsEngine> engine);
    /// Of the roles Upstream and NodeCache: the next piece of its zone or Corefile. Of an upstream:
    /// a name that it fails.
    void add_zone_text(std::string_view text) { serving_.zone += text; }
    void add_fault(std::string name, DnsFault fault) {
        serving_.faults.emplace_back(std::move(name), fault);
    }

    /// The plugins health (/health), ready (/ready: 503 until there are records, or if `ready` is
    /// false) and prometheus (/metrics), each on the port that the Corefile gives it; else 404.
    [[nodiscard]] mesh::Response http(std::uint16_t port, std::string_view path, bool ready) const;
    /// Whether every query is told of.
    void set_watched(bool watched);
    /// A bound datagram socket or a listening one.
    void add_socket(netemu::UniqueFd socket, bool tcp);
    /// A socket to ask upstreams with.
    void add_stock(netemu::UniqueFd socket) { stock_.add(std::move(socket)); }

    void expect(std::span<const dns::Bytes> packets) override;
    dns::Handled handle(
        const dns::QueryView& query,
        const dns::Client& client,
        std::span<std::uint8_t> out,
        dns::ReplyMaker& replies) override;

private:
    struct Serving {
        std::shared_ptr<DnsEngine> engine;
        dns::Resolver resolver;
        std::unique_ptr<DnsLoopWatch> loop; // before the resolver goes
    };

    void use(std::shared_ptr<DnsEngine> engine);
    void crashed(std::string why);
    void choose_log();
    void log_query(const dns::LogEntry& entry);
    [[nodiscard]] std::shared_ptr<dns::Upstream> make_world();
    [[nodiscard]] std::unique_ptr<dns::BlockResolver>
    make_block(const DnsEngine& engine, std::size_t index);

    netemu::EventLoop& loop_;
    DnsServing serving_;
    Voice voice_;
    bool watched_ = false;
    bool crashed_ = false; // the plugin loop has ended it: nothing is answered
    SocketStock stock_;
    std::unique_ptr<UpstreamZone> upstream_; // of that role, when it has been asked once
    std::unique_ptr<Serving> current_;
    std::deque<std::unique_ptr<Serving>> retired_;
    std::deque<netemu::EventLoop::TimerId> retirements_;
    dns::Server server_; // uses the others
};

} // namespace labctl::dataplane
