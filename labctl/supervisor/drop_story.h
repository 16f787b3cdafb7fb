#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "labctl/probe/probe.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/drop_log.h"

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::supervisor {

/// Tells what a dropped packet means: who sent it to whom, and whose rule dropped it.
class DropStory {
public:
    /// Fills in direction, by, policies and rule of a drop, and in `text` who decided, as in
    /// "NetworkPolicy prod/deny-all (manifests/p.yaml:12): no rule allows it"; leaves it alone when
    /// no policy made a rule with that prefix.
    using Naming = std::function<void(const DroppedPacket& dropped, probe::Drop& drop)>;

    /// `config` has to live as long.
    DropStory(store::Store& store, const compile::ClusterConfig& config);
    DropStory(const DropStory&) = delete;
    DropStory& operator=(const DropStory&) = delete;
    ~DropStory();

    void set_naming(Naming naming) { naming_ = std::move(naming); }

    [[nodiscard]] probe::Drop drop_of(const DroppedPacket& dropped);
    /// "prod/web-1", "node/node-1" (its devices' addresses among the pods, too), "external", or the
    /// address when it is nobody's.
    [[nodiscard]] std::string who(const netemu::IpAddress& address);
    /// The node that it is, or that the pod is on; empty when it is neither's.
    [[nodiscard]] std::string node_of(const netemu::IpAddress& address);
    /// {time, node, from, to, source, destination, protocol, drop}.
    [[nodiscard]] nlohmann::json to_json(const DroppedPacket& dropped);

private:
    struct Owner {
        std::string name, node;
    };
    const Owner* owner(const netemu::IpAddress& address); // nullptr: it is nobody's
    void learn_addresses();

    store::Store& store_;
    const compile::ClusterConfig& config_;
    Naming naming_;
    std::map<netemu::IpAddress, Owner> owners_;
    bool stale_ = true; // `owners_` is
    store::Store::WatchId watch_;
};

/// "TCP 8080", "UDP 53", "ICMP echo request": what a packet was on its way to.
std::string service_text(const netemu::LoggedPacket& packet);

} // namespace labctl::supervisor
