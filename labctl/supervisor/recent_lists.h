#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/explain/affinity.h"
#include "netemu/kernel/kernel.h"

/// The lists of clients that iptables' match `recent` keeps on the nodes (xt_recent), for one
/// answer. They tell moments in jiffies, and what the jiffies are now no ordinary user is told. So
/// they are measured: in a namespace of its own a packet passes a rule with a list.
namespace labctl::supervisor {

class RecentLists {
public:
    /// `kernel` holds the namespaces, and outlives this.
    explicit RecentLists(const netemu::Kernel& kernel) : kernel_(kernel) {}

    /// The clients of each of a node's lists; none where there is no such list. Throws
    /// netemu::Error for text that is none of a list.
    [[nodiscard]] std::vector<std::vector<services::RecentClient>>
    clients(const std::string& node, const std::vector<std::string>& lists) const;

    /// The moment of the first call. Throws netemu::UnsupportedError when iptables or its match
    /// `recent` is missing, SysError.
    services::KernelTicks now();

private:
    const netemu::Kernel& kernel_;
    std::optional<services::KernelTicks> now_;
};

} // namespace labctl::supervisor
