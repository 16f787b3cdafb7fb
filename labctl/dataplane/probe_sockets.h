#pragma once

#include <vector>

#include "labctl/dataplane/client.h"
#include "labctl/dataplane/spec.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// The sockets that one exchange of a probe needs, in its namespace and with its mark, unconnected:
/// one, or for a look-up a UDP and a TCP socket for each server. Throws what `open_socket` does,
/// and SysError if one cannot be marked; SCTP is
/// what many kernels have no sockets for.
std::vector<netemu::UniqueFd>
open_probe_sockets(const SocketFactory& open_socket, const ResolvedRequest& request);

} // namespace labctl::dataplane
