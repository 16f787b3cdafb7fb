#pragma once

#include <string>
#include <vector>

#include "labctl/dataplane/client.h"
#include "labctl/dataplane/spec.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// A listening (TCP, SCTP of the one-to-one style) or bound (UDP) socket of a workload.
struct Listener {
    WorkloadPort port;
    netemu::UniqueFd socket;
};

/// Makes the sockets of a workload in its namespace, one per port and protocol, for IPv4 and IPv6
/// at once where the kernel has IPv6, or bound to the port's own address. A kernel without SCTP has
/// no socket for its ports. Of `former`, the sockets that the workload had until now, those stay in
/// use whose place nobody else can take: the data plane may not have closed its copies yet. Throws
/// netemu::Error that names the port.
std::vector<Listener> open_listeners(
    const WorkloadSpec& spec, const SocketFactory& open_socket, std::vector<Listener> former = {});

} // namespace labctl::dataplane
