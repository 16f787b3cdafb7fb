#pragma once

#include <string_view>
#include <vector>

#include "services/iptables_rule.h"
#include "services/tracer.h"

namespace services {

/// A packet tracer over what `iptables-save -c` prints of one network namespace: what kube-proxy's
/// rules of the iptables and userspace modes do to the first packet of a connection, of which
/// nothing remembers the client. Follows the tables nat and filter through the hooks in netfilter's
/// order (iptables(8)), and every random choice. Rules with matches that kube-proxy does not use
/// never match here.
class IptablesTracer {
public:
    /// `local_addresses`: those of the namespace; loopback addresses always are.
    IptablesTracer(std::string_view saved, std::vector<IpAddress> local_addresses);

    /// Every outcome, in the order of the random choices. A step's `table` is "nat" or "filter",
    /// its `rule` the text behind "-A CHAIN". Redirection to a port of the namespace is a target of
    /// the packet's own destination if that is local, else of the first local address.
    [[nodiscard]] std::vector<TraceOutcome> trace(const TracePacket& packet) const;

    /// The rule of a step, for its counters; nullptr if there is none.
    [[nodiscard]] const IptablesRule*
    find(const std::string& table, const std::string& chain, const std::string& rule) const;

private:
    enum class End { Return, Accept, Drop, Reject };
    struct Path {
        TracePacket packet;
        TraceOutcome outcome;
        End end = End::Return;
    };
    using Paths = std::vector<Path>;

    [[nodiscard]] const std::vector<IptablesRule>&
    chain_rules(const std::string& table, const std::string& chain) const;
    [[nodiscard]] bool local(const IpAddress& address) const;
    [[nodiscard]] double chance(const IptablesRule& rule, const TracePacket& packet) const;
    /// Where rules are being followed, and how many jumps deep.
    struct Place {
        const std::string& table;
        int depth;
    };
    void walk(const Place& place, const std::string& chain, Path path, Paths& ended) const;
    void
    follow(const Place& place, const IptablesRule& rule, Path path, Paths& goes_on, Paths& ended)
        const;
    [[nodiscard]] Paths hook(const std::string& table, const std::string& chain, Paths paths) const;
    void translate(const IptablesRule& rule, Path& path) const;

    IptablesRuleset rules_;
    std::vector<IpAddress> local_addresses_;
};

} // namespace services
