#pragma once

#include <memory>

#include "dns/corefile.h"
#include "dns/upstream.h"
#include "labctl/dataplane/socket_stock.h"
#include "labctl/dataplane/spec.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// As `forward` names the name servers of the pod itself.
inline constexpr const char* kResolvConfPath = "/etc/resolv.conf";

/// The upstream of one `forward` of a DNS pod: the addresses that it names, and for
/// /etc/resolv.conf those of the pod's own. Any other file is not there. nullptr if no address is
/// left. It asks on sockets of `stock`, which outlives it.
std::shared_ptr<dns::Upstream> make_upstream(
    netemu::EventLoop& loop,
    const dns::ForwardConfig& config,
    const DnsServing& serving,
    SocketStock& stock);

} // namespace labctl::dataplane
