#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "labctl/compile/proxies.h"
#include "netemu/kernel/kernel.h"

/// Rules of kube-proxy's iptables or userspace mode on the nodes of a lab, loaded by the system's
/// own iptables-restore(8) and ip6tables-restore(8), whichever kind Debian's alternatives name.
namespace labctl::supervisor {

class IptablesRules {
public:
    /// `kernel` holds the namespaces, and outlives this.
    explicit IptablesRules(const netemu::Kernel& kernel) : kernel_(kernel) {}

    /// Throws netemu::UnsupportedError, with the package as its hint, if a tool is not installed.
    static void require_tools(bool ipv6);

    /// Carries out changes on nodes whose rules are as `proxies` wanted them before; others wait
    /// for `complete`. A node that refuses a change gets all rules anew. Throws netemu::Error that
    /// names the node, the tool's words and the line it complained about, if that fails too.
    void update(const std::vector<compile::RestoreInput>& changes, const compile::Proxies& proxies);
    /// All rules for each node that has none: its namespace is new, or an earlier attempt failed.
    /// Throws as `update`.
    void complete(const compile::Proxies& proxies);
    /// From one mode's rules to another's, which share no chain: the new ones are in place before
    /// the old ones go. Throws as `update`; then the old ones are there.
    void replace(const compile::Proxies& before, const compile::Proxies& next);
    /// Takes the rules off every node of `proxies`; rules of others stay.
    void remove(const compile::Proxies& proxies);

    /// In which chains there is not what there should be, for each node that has its namespace:
    /// one line for each chain.
    [[nodiscard]] std::map<std::string, std::vector<std::string>>
    drift(const compile::Proxies& proxies) const;
    /// What `iptables-save -c` prints on a node.
    [[nodiscard]] std::string counted(const std::string& node, netemu::Family family) const;
    /// The next `complete` writes this node's rules anew.
    void distrust(const std::string& node);

private:
    struct Failure {
        std::string node;
        std::string text;
    };

    [[nodiscard]] ino_t namespace_of(const std::string& node) const;
    [[nodiscard]] bool loaded(const std::string& node) const;
    [[nodiscard]] std::vector<Failure>
    restore(const std::vector<compile::RestoreInput>& inputs) const;
    [[nodiscard]] std::vector<std::string>
    saved(const std::vector<compile::RestoreInput>& inputs, bool counters = false) const;
    void set_route_localnet(const std::string& node, const char* value) const;

    const netemu::Kernel& kernel_;
    std::map<std::string, ino_t> loaded_; // node -> number of the namespace that has its rules
    std::set<std::string> distrusted_;    // nodes whose rules may be anything
};

} // namespace labctl::supervisor
